"""How handlers answer: pages, and what may be asked for again with an entity tag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from entrepot.api.shapes.basics import Page
from entrepot.wire.conditionals import is_unchanged
from entrepot.wire.reply import REVALIDATE, Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from entrepot.model.position import Position
    from entrepot.wire.call import Call
    from entrepot.wire.reply import HeaderList

F = TypeVar("F")
S = TypeVar("S")

DONE: Final = 204
NO_STORE: Final = (b"cache-control", b"no-store")
"""For what nobody else shall ever see."""


def page(
    found: Sequence[F], limit: int, *, show: Callable[[F], S], cursor: Callable[[F], str], early: bool = False
) -> Page[S]:
    """A page of *limit*, when one more than that was asked for; *early* when there may be more all the same."""
    shown = found[:limit]
    return Page(
        items=[show(each) for each in shown],
        next=cursor(shown[-1]) if len(found) > limit or early else None,
    )


def page_of_all(
    found: Iterable[F], *, after: str, limit: int, show: Callable[[F], S], cursor: Callable[[F], str]
) -> Page[S]:
    """A page of a list that is there as a whole, in the order of its cursors."""
    rest = sorted((each for each in found if cursor(each) > after), key=cursor)
    return page(rest, limit, show=show, cursor=cursor)


def unchanged(call: Call, revision: Position | None) -> Reply | None:
    """The answer to a client that has this revision already; None for any other."""
    headers = _revision(revision)
    return Reply(304, headers, cacheable=True) if is_unchanged(call.headers, _etag(revision)) else None


def at_revision(content: object, revision: Position | None) -> Reply:
    """An answer that is a function of its place in the tree of paths and a revision (I11)."""
    return json_reply(content, headers=_revision(revision), cacheable=True)


def _revision(revision: Position | None) -> HeaderList:
    return [(b"etag", _etag(revision).encode("ascii")), REVALIDATE]


def _etag(revision: Position | None) -> str:
    return f'"{revision}"'
