"""How much of the server's patience and memory one connection may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that hold for every connection of a worker; times in seconds, sizes in bytes.

    What a body may weigh is not here: it depends on the route, so the application says it.
    """

    head_size: int = 64 * 1024
    """Of all header lines of a request together (431)."""

    head_fields: int = 256
    """How many header lines (431), because each costs more memory than its bytes."""

    target_size: int = 8 * 1024
    """Of the request target (414)."""

    head_seconds: float = 30.0
    """From a request's first byte to the end of its head (408): the slow-loris bound."""

    body_idle_seconds: float = 60.0
    """Between two pieces of a body that we are ready to read (408). There is no minimum rate."""

    keep_alive_seconds: float = 75.0
    """Between two requests of a connection. Longer than a balancer's own, which closes first and so never races us."""

    stall_seconds: float = 60.0
    """Without a reader taking one byte of what we send."""

    connections: int = 10_000
    """Per worker (503). Each costs a few kilobytes and a file descriptor."""

    pipelined_requests: int = 32
    """Waiting behind the one being answered; the connection closes after those."""

    body_buffer_size: int = 512 * 1024
    """Of a request's body held for the application before we stop reading. One read more may come on top."""

    drain_size: int = 256 * 1024
    """Of a body that the application did not want, read so that the answer survives."""

    linger_seconds: float = 2.0
    """For the client to read our last answer before the connection closes."""

    retry_after_seconds: int = 2
    """Asked of a client that is one too many."""

    @property
    def tick_seconds(self) -> float:
        """How often deadlines are looked at: one timer for all connections, precise to this."""
        shortest = min(
            self.head_seconds,
            self.body_idle_seconds,
            self.keep_alive_seconds,
            self.stall_seconds,
            self.linger_seconds,
        )
        return min(1.0, max(0.01, shortest / 4))
