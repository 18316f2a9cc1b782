"""From a method and a path to a handler."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.model.errors import MethodNotAllowed, RouteUnknown
from entrepot.wire.call import Call
from entrepot.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Handler = Callable[[Call], Awaitable[Reply]]


NamespaceOf = Callable[["Mapping[str, str]"], "str | None"]
"""From the named parts of a path to the namespace that it is about, before anything is checked."""


def namespace_of_view(path: Mapping[str, str]) -> str | None:
    """The namespace of the part ``view``, if there is one."""
    view = path.get("view")
    return None if view is None else view.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Route:
    """Where one operation of a protocol is: a method and a regular expression over the whole path."""

    method: str
    pattern: str
    handler: Handler
    operation: str
    """What metrics and the log call it; one of few."""
    namespace: NamespaceOf = namespace_of_view
    """Whose caches the answer belongs to."""
    authenticates: bool = True
    """Whether ``Authorization`` has credentials of ours; else only the handler knows what it has."""


class Router:
    """The routes of one surface, compiled. GET answers HEAD too."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, Route]]] = {}
        for route in routes:
            _, methods = self._patterns.setdefault(route.pattern, (re.compile(route.pattern), {}))
            methods[route.method] = route
            if route.method == "GET":
                methods.setdefault("HEAD", route)

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """The route, and the named parts of the path. Raises `RouteUnknown`, `MethodNotAllowed`."""
        allowed: set[str] = set()
        for pattern, methods in self._patterns.values():
            match = pattern.fullmatch(path)
            if match is None:
                continue
            route = methods.get(method)
            if route is not None:
                return route, match.groupdict()
            allowed.update(methods)
        if allowed:
            raise MethodNotAllowed(method, expected=", ".join(sorted(allowed)))
        raise RouteUnknown(path[:200])
