"""The policies that hold until a namespace replaces them by name, or turns them off (docs/decisions/0019-policy.md).

The first channel is open: that is where work begins. For every other one, what nobody would want in production is
refused, and nothing is demanded that somebody would have to set up first.
"""

from __future__ import annotations

from typing import Final

from entrepot.model.policy import Door, Policy

DEFAULTS: Final[tuple[Policy, ...]] = (
    Policy(
        name="not-yanked",
        door=Door.PROMOTION,
        condition="!yanked",
        description="The version is yanked.",
    ),
)
