"""Who owns: namespaces and their channels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from entrepot.model.names import ChannelName
from entrepot.model.reference import DEFAULT_RULES, TagRules

if TYPE_CHECKING:
    from entrepot.model.names import NamespaceName
    from entrepot.model.position import Position
    from entrepot.model.upstream import PurlPattern

DEFAULT_CHANNELS: Final = (ChannelName("dev"), ChannelName("staging"), ChannelName("prod"))
"""The stages that a new namespace has, in order."""

ROLLBACK_TARGETS: Final = 3
"""How many earlier artifacts of each place where something runs stay, so that it can be rolled back."""

ROLLBACK_TIME: Final = timedelta(days=30)
"""For how long they stay where nothing runs any more."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """A team or tenant: the boundary of permission, policy and quota."""

    name: NamespaceName
    public: bool = False
    """Whether anybody may read it without credentials."""
    rules: TagRules = DEFAULT_RULES
    channels: tuple[ChannelName, ...] = DEFAULT_CHANNELS
    reserved: tuple[PurlPattern, ...] = ()
    """Names that are the namespace's own, whether it has published under them yet or not: never an upstream's."""
    rollbacks: int = ROLLBACK_TARGETS
    """How many different artifacts that ran at a place before stay, so that it can be rolled back to one."""
    revision: Position | None = None
