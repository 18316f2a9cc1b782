"""The policies that hold until a namespace replaces them by name, or turns them off (docs/decisions/0019-policy.md).

The first channel is open: that is where work begins. For every other one, what nobody would want in production is
refused, and nothing is demanded that somebody would have to set up first.
"""

from __future__ import annotations

from typing import Final

from entrepot.model.policy import Door, Mode, Policy

DEFAULTS: Final[tuple[Policy, ...]] = (
    Policy(
        name="no-fixable-critical",
        door=Door.PROMOTION,
        condition="!findings.enabled || (findings.fixable_critical == 0 && findings.unknown == 0)",
        message=(
            "findings.fixable_critical > 0"
            " ? string(findings.fixable_critical) + ' critical vulnerabilities that a newer version does not have'"
            " : string(findings.unknown) + ' components could not be held against the advisories about them'"
        ),
        description="It has a critical vulnerability that a newer version of the component does not have.",
    ),
    Policy(
        name="known-content",
        door=Door.PROMOTION,
        condition="sbom.present",
        description="Nobody knows what is in it: it came without an SBOM, and none could be made.",
    ),
    Policy(
        name="no-secrets",
        door=Door.PROMOTION,
        condition="secrets.certain == 0",
        message=(
            "string(secrets.certain) + (secrets.certain == 1 ? ' secret is' : ' secrets are') + ' in it, of the kinds '"
            " + secrets.summary"
        ),
        description="A secret is in it, such as a token.",
    ),
    Policy(
        name="no-possible-secrets",
        door=Door.PROMOTION,
        mode=Mode.WARN,
        condition="secrets.possible == 0",
        message=("string(secrets.possible) + ' private keys or the like are in it, which may be meant to be there'"),
        description="A private key or the like is in it.",
    ),
    Policy(
        name="signed-where-signers-are-registered",
        door=Door.PROMOTION,
        condition="signed.registered == 0 || size(signed.by) > 0",
        message="'none of the ' + string(signed.registered) + ' registered signers has signed it'",
        description="No registered signer has signed it.",
    ),
    Policy(
        name="not-yanked",
        door=Door.PROMOTION,
        condition="!yanked",
        description="The version is yanked.",
    ),
)
