"""Which new versions repair what is known to be bad: these need not wait until their cooldown is over.

A cooldown keeps out what somebody has just published and nobody has looked at; it must not keep people on a version
with a known flaw. So a version is let through that an advisory names as the repair of one that people get now, unless
anything is known of it itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.advisory import State
from entrepot.model.errors import Invalid
from entrepot.scanning.ecosystems import order_of, parse_subject
from entrepot.scanning.rules import compile_rule
from entrepot.scanning.versions import ORDERS

if TYPE_CHECKING:
    from collections.abc import Collection

    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry


async def find_repairs(
    registry: Registry, package: PackageId, *, shown: Collection[str], hidden: Collection[str]
) -> frozenset[str]:
    """Those of the *hidden* versions that repair a flaw that one of the *shown* ones has, and have none themselves."""
    ecosystem = registry.ecosystems.get(package.format)
    if ecosystem is None or not hidden:
        return frozenset()
    subject = parse_subject(ecosystem, package.name)
    rules = [compile_rule(rule.rule) for rule, _ in await registry.catalog.advisories.list_rules({subject})]
    order = ORDERS[str(order_of(subject.ecosystem))]
    fixed = set()
    for verdict in (rule.judge(version) for rule in rules for version in shown):
        if verdict.state is State.AFFECTED and verdict.fixed is not None:
            fixed.add(verdict.fixed)
    keys = [order(version) for version in fixed]
    repairs: set[str] = set()
    for version in hidden:
        try:
            key = order(version)
        except Invalid:
            continue
        is_named = any(not (key < each or each < key) for each in keys)
        if is_named and all(rule.judge(version).state is State.UNAFFECTED for rule in rules):
            repairs.add(version)
    return frozenset(repairs)
