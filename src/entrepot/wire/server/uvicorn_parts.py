"""Everything of uvicorn that is not its public interface and that this package leans on, in one place.

`HttpProtocol` replaces most of the methods of uvicorn's protocol and keeps what is here. `altered_parts` says which of
them are no longer what they were when this package was written; a test demands that there be none, so that whoever
upgrades uvicorn reads what changed before users meet it. Then the fingerprints are renewed::

    python -c 'from entrepot.wire.server.uvicorn_parts import fingerprints as f; print(f())'
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import Server, ServerState

__all__ = ["STATUS_LINE", "FlowControl", "HttpToolsProtocol", "Server", "ServerState", "altered_parts", "fingerprints"]

_PARTS: Final[dict[str, type | Callable[..., Any]]] = {
    # What HttpProtocol inherits, calls or has rewritten.
    "HttpToolsProtocol": HttpToolsProtocol,
    "RequestResponseCycle": RequestResponseCycle,
    "FlowControl": FlowControl,
    # What a worker overrides (capture_signals, startup, _wait_tasks_to_complete) and what the order of a shutdown rests on.
    "Server.capture_signals": Server.capture_signals,
    "Server.serve": Server.serve,
    "Server._serve": Server._serve,  # noqa: SLF001
    "Server.startup": Server.startup,
    "Server.on_tick": Server.on_tick,
    "Server.shutdown": Server.shutdown,
    "Server._wait_tasks_to_complete": Server._wait_tasks_to_complete,  # noqa: SLF001
    "Server.handle_exit": Server.handle_exit,
    "ServerState": ServerState,
}

_WRITTEN_AGAINST: Final = {
    "HttpToolsProtocol": "18fdf324b11bf160",
    "RequestResponseCycle": "e67d470d435dcc1c",
    "FlowControl": "126debcdaa894c83",
    "Server.capture_signals": "e1bbcd4770d1c887",
    "Server.serve": "112ef41af52167e3",
    "Server._serve": "4575b7a50adfede8",
    "Server.startup": "2aa1d70a244bfcf2",
    "Server.on_tick": "60ea49b06ccf68c1",
    "Server.shutdown": "9b33c50562992b1e",
    "Server._wait_tasks_to_complete": "17209be1e991445d",
    "Server.handle_exit": "553276efa26e09ea",
    "ServerState": "f2260fbf10154746",
}


def fingerprints() -> dict[str, str]:
    """The digest of each part's source, shortened."""
    return {name: hashlib.sha256(inspect.getsource(part).encode()).hexdigest()[:16] for name, part in _PARTS.items()}


def altered_parts() -> list[str]:
    """The parts whose source is not the one that this package was written against."""
    return [name for name, found in fingerprints().items() if found != _WRITTEN_AGAINST.get(name)]
