"""What a follower is: a named reader of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind, Rights, Role
from entrepot.model.names import EVERY_PACKAGE, FormatName, NamespaceName, PackageId, PackageName, PrincipalName

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from entrepot.model.events import Entry
    from entrepot.operations.registry import Registry

ACTOR: Final = "follower:"
"""What the journal calls a follower: ``follower:<name>``. No principal is called so."""


class Follower(Protocol):
    """Reads every entry of the journal, in order, and does what follows from it.

    It changes the registry only by calling operations (I10), and every one of its steps may be taken again: after a
    crash it sees the last entries a second time.
    """

    @property
    def name(self) -> str:
        """Under which its cursor is kept: never another follower's, never changed."""

    async def handle(self, registry: Registry, entries: Sequence[Entry]) -> None:
        """Deal with the next entries; when it returns, none of them has to be seen again.

        Whatever it raises has the same entries given again, later.
        What is wrong with an artifact is no reason to raise: that is a result.
        """


@runtime_checkable
class ReadsBehind(Protocol):
    """A follower that is given only what others have dealt with: it needs what these find out."""

    @property
    def behind(self) -> Collection[str]:
        """Their names."""


def caller_of(follower: Follower) -> Caller:
    """The caller that a follower's operations are asked by: the registry itself."""
    principal = Principal(PrincipalName(f"{ACTOR}{follower.name}"), PrincipalKind.ROBOT)
    return Caller(principal, Rights(((Allowance(Role.ADMINISTRATOR, None, EVERY_PACKAGE),),)))


def package_of(namespace: str, path: str) -> PackageId:
    """The package that an event is about: its *path* is ``PackageId.path``."""
    format_name, _, name = path.partition("/")
    return PackageId(NamespaceName(namespace), FormatName(format_name), PackageName(name))
