"""Which advisories are about one flaw: databases describe the same one, each under its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from entrepot.model.advisory import Notice


def group(notices: Iterable[Notice]) -> list[frozenset[str]]:
    """The ids of advisories, together where they share a name, also by way of others.

    A distribution's notice about several flaws is about none of them alone, and stays by itself.
    """
    groups: list[tuple[set[str], set[str]]] = []
    for notice in notices:
        names, ids = set(notice.names), {notice.id}
        rest = []
        for known_names, known_ids in groups:
            if known_names.isdisjoint(names):
                rest.append((known_names, known_ids))
            else:
                names |= known_names
                ids |= known_ids
        groups = [*rest, (names, ids)]
    return [frozenset(ids) for _, ids in groups]
