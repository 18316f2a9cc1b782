"""State what was found in an artifact, in the registry's own name: a signed statement, as its referrer.

https://github.com/in-toto/attestation/blob/main/spec/predicates/vulns_02.md. It is dated: the answer of today is the
one to `entrepot.operations.scan`. It is written when somebody asks for it, and when an artifact is let into a channel;
not with every advisory that comes, and not again while it would say the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot import __version__
from entrepot.model.access import Action
from entrepot.model.digest import Digest
from entrepot.model.errors import Conflict, Unavailable
from entrepot.model.names import View
from entrepot.model.signer import OWN_PREFIX
from entrepot.operations import access
from entrepot.operations.publish import publish
from entrepot.operations.scan import scan_digest
from entrepot.operations.state import SIGNED_FOR, draft_statement
from entrepot.trust.bundle import MEDIA_TYPE

if TYPE_CHECKING:
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry
    from entrepot.operations.scan import Finding
    from entrepot.ports.catalog import ArtifactSummary

VULNS_PREDICATE: Final = "https://in-toto.io/attestation/vulns/v0.2"
RESULT: Final = "dev.entrepot.scan-result"
"""The annotation by which it is known that a new statement would say the same; believed of the registry's own alone."""
DATED_RESULT: Final = f"{RESULT}.dated"
"""The same, of as old advisories."""

_REFERRERS: Final = 1_000


async def state_findings(
    registry: Registry, caller: Caller, package: PackageId, digest: Digest, *, renew: bool = True
) -> Digest:
    """Have it stated what is known to be bad of an artifact of the package; the digest of the referrer.

    What was stated already is not again; *renew* has it dated anew when advisories have been read since.
    Raises `Conflict` when nobody can say yet, `Unavailable` without a key, `ArtifactUnknown`, or what `access.require`
    and `publish` raise.
    """
    await access.require(registry, caller, Action.PUBLISH, package)
    if registry.signing is None:
        raise Unavailable("the registry has no key to sign with")
    begun = registry.clock.now()
    read_at = await _read_at(registry)
    scan = await scan_digest(registry, package, digest)
    if read_at is None or not scan.is_complete:
        # An empty result means that there is nothing: that is not known before all was compared with something.
        raise Conflict(
            f"what is known to be bad of {digest}",
            expected="advisories, and everything in it compared with them" if read_at is None else "a complete scan",
        )
    result = [_told(each) for each in scan.findings]
    marks = {RESULT: _mark(result), DATED_RESULT: _mark([result, read_at])}
    known = await _find_newest(registry, package, digest)
    key = DATED_RESULT if renew else RESULT
    if known is not None and known.annotations.get(key) == marks[key]:
        return known.digest
    draft = await draft_statement(
        registry,
        package,
        digest,
        predicate_type=VULNS_PREDICATE,
        predicate={
            "scanner": {
                "uri": "pkg:pypi/entrepot",
                "version": __version__,
                "db": {"lastUpdate": _time(read_at)},
                "result": result,
            },
            "metadata": {"scanStartedOn": _time(begun), "scanFinishedOn": _time(registry.clock.now())},
        },
        annotations={SIGNED_FOR: caller.name, **marks},
    )
    return (await publish(registry, caller, package, draft)).digest


async def _read_at(registry: Registry) -> datetime | None:
    """When advisories were last read; None when there are none."""
    sources = [source for source in await registry.catalog.advisories.list_sources() if source.advisories]
    return max((each.imported_at for each in sources if each.imported_at is not None), default=None)


def _told(finding: Finding) -> dict[str, Any]:
    """What a statement says of a finding. What is suppressed is said, too, with who says so."""
    severity = [{"method": "level", "score": str(finding.severity.level)}]
    if finding.severity.score is not None:
        severity.append({"method": "cvss_score", "score": str(finding.severity.score)})
    if finding.severity.vector is not None:
        severity.append({"method": "cvss_vector", "score": finding.severity.vector})
    said = {
        "component": str(finding.component),
        "state": str(finding.state),
        "fixed": finding.fixed,
        "source": finding.source,
        "reportedBy": ", ".join(finding.reported_by) or None,
    }
    if finding.suppressed is not None:
        until = finding.suppressed.until
        said |= {
            "suppressedBy": finding.suppressed.by,
            "suppressedBecause": finding.suppressed.why,
            "suppressedUntil": None if until is None else _time(until),
        }
    annotations = [{key: value} for key, value in said.items() if value is not None]
    return {"id": finding.id, "severity": severity, "annotations": annotations}


def _time(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def _mark(value: object) -> str:
    return str(Digest.of(msgspec.json.encode(value, order="sorted")))


async def _find_newest(registry: Registry, package: PackageId, digest: Digest) -> ArtifactSummary | None:
    """The newest statement of ours: anybody may write such annotations, but not sign in our name."""
    rows = await registry.catalog.attestations.list_attestations(package, [digest])
    ours = {
        row.attestation.carrier
        for row in rows
        if row.attestation.predicate_type == VULNS_PREDICATE
        and any(each.reason is None and each.signer.startswith(OWN_PREFIX) for each in row.verifications)
    }
    if not ours:
        return None
    referrers = await registry.catalog.list_referrers(
        View(package.namespace), package, digest, artifact_type=MEDIA_TYPE, after="", limit=_REFERRERS
    )
    stated = [each for each in referrers if each.digest in ours]
    return max(stated, key=lambda each: each.published_position, default=None)
