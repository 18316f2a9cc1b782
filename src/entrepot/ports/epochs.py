"""Counters that all workers share, so that what one of them caches ends the moment another changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

ACCESS: Final = 0
"""The slot that changes with every principal, grant, token and visibility."""


class Epochs(Protocol):
    """One number per slot; what was computed at a slot's number holds while the number stays.

    An odd number means that a change is being committed: neither fill a cache nor answer from one.
    """

    def slot_of(self, namespace: str) -> int:
        """The slot that changes with *namespace*; never `ACCESS`. Namespaces may share one."""

    def all(self) -> Iterable[int]:
        """Every slot."""

    def read(self, slot: int) -> int:
        """The slot's number now."""

    def observe(self, *slots: int) -> tuple[tuple[int, int], ...] | None:
        """`ACCESS` and *slots*, each with its number; None while one of them is being changed.

        To be asked before the state is read from which something is computed that is to be cached.
        """

    def recover(self) -> object:
        """Make every slot even that a writer which died left odd; at the start, under the catalog's write lock."""

    def begin(self, slots: Iterable[int]) -> None:
        """Make *slots* odd, before a commit, under the catalog's write lock."""

    def end(self, slots: Iterable[int]) -> None:
        """Make *slots* even and new, after it."""
