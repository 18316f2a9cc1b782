"""Who owns: namespaces and their channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.names import ChannelName
from entrepot.model.reference import DEFAULT_RULES, TagRules

if TYPE_CHECKING:
    from entrepot.model.names import NamespaceName
    from entrepot.model.position import Position
    from entrepot.model.upstream import PurlPattern

DEFAULT_CHANNELS: Final = (ChannelName("dev"), ChannelName("staging"), ChannelName("prod"))
"""The stages that a new namespace has, in order."""


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
    revision: Position | None = None
