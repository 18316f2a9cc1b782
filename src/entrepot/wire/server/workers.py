"""One worker in this process, or several in their own, all accepting from the same sockets.

The application is named, not given: every worker calls the factory for itself, so that nothing is shared by accident.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import multiprocessing
import multiprocessing.connection
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn
import uvloop

from entrepot.wire.server.beside import Beside
from entrepot.wire.server.first import StartFailed, call, run_first
from entrepot.wire.server.limits import Limits
from entrepot.wire.server.listen import BACKLOG, urls
from entrepot.wire.server.protocol import ProtocolFactory
from entrepot.wire.server.refusals import render_plainly
from entrepot.wire.server.uvicorn_parts import Server

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from pathlib import Path

    from entrepot.wire.server.frontcache import FrontCache
    from entrepot.wire.server.refusals import RenderError

_log = logging.getLogger(__name__)

_TIDY_SECONDS: Final = 3.0  # for what is cut off when its time is over: to give back what it holds elsewhere
_KILL_SECONDS: Final = 5.0  # after its time to shut down is over, a worker is killed
_FIRST_DELAY_SECONDS: Final = 0.1
_LONGEST_DELAY_SECONDS: Final = 10.0
_STABLE_SECONDS: Final = 30.0  # a worker that lived so long is restarted without delay
_SPARE_DESCRIPTORS: Final = 256


@dataclass(frozen=True, slots=True)
class Service:
    """What a worker serves; made in that worker."""

    app: Any
    """An ASGI 3 application, with a lifespan."""

    render_error: RenderError = render_plainly
    cache: FrontCache | None = None
    on_leaving: Callable[[], None] = lambda: None
    """Called when the server was told to stop and still answers, so that its probes can say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How to serve, but for where and what. Travels to the workers, so all of it can be pickled."""

    workers: int = 1
    limits: Limits = dataclasses.field(default_factory=Limits)
    graceful_seconds: float = 30.0
    """For running transfers when the server is told to stop; what then still runs is cut."""

    drain_seconds: float = 0.0
    """Before that the server still answers everything for so long, so that balancers have time to look elsewhere."""

    server_header: str | None = None
    date_header: bool = True
    certificate: Path | None = None
    """A PEM file with the chain; with it the server speaks TLS."""

    private_key: Path | None = None
    first: str | None = None
    """``package.module:function`` that is called with the same arguments before any worker is there."""

    beside: str | None = None
    """``package.module:function`` of a `Work` that runs in a process of its own, with the same arguments."""

    @property
    def scheme(self) -> str:
        """What URLs begin with."""
        return "https" if self.certificate is not None else "http"


def run(
    factory: str,
    sockets: Sequence[socket.socket],
    options: ServeOptions | None = None,
    *,
    arguments: tuple[Any, ...] = (),
    on_ready: Callable[[list[str]], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what runs and return; a second SIGINT ends it at once.

    *factory* is ``package.module:function``; called with *arguments* in each worker, it returns a `Service`.
    *on_ready* is called once, with the URLs, when all workers can answer. The sockets are closed at the end.

    Raises `StartFailed` if a worker ends before it can answer for the first time, and what `ServeOptions.first` raises.
    """
    options = _within_descriptors(options or ServeOptions())
    at = urls(sockets, options.scheme)

    def ready() -> None:
        if on_ready is not None:
            on_ready(at)

    if options.first is not None:
        # One worker needs what that loads anyway. Who only looks after workers shall not hold it for ever.
        (call if options.workers == 1 else run_first)(options.first, arguments)
    beside = None if options.beside is None else Beside(options.beside, arguments)
    if beside is not None:
        beside.start()
    try:
        if options.workers == 1:
            _serve(factory, arguments, options, sockets, ready)
        else:
            _Supervisor(factory, arguments, options, sockets, ready).run()
    finally:
        for listening in sockets:
            listening.close()
        if beside is not None:
            beside.stop()


def _within_descriptors(options: ServeOptions) -> ServeOptions:
    """Raise the limit of open files as far as we may, and keep the limit of connections below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A connection may need three: its own, a file's, and the duplicate that sendfile writes to.
    wanted = options.limits.connections * 3 + _SPARE_DESCRIPTORS
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft >= wanted:
        return options
    connections = max(1, (soft - _SPARE_DESCRIPTORS) // 3)
    _log.info("only %d open files are allowed: at most %d connections for each worker", soft, connections)
    return dataclasses.replace(options, limits=dataclasses.replace(options.limits, connections=connections))


# One worker


class _Worker(Server):
    """Uvicorn's server, which says when it can answer and returns when it is told to stop."""

    def __init__(
        self,
        config: uvicorn.Config,
        protocols: ProtocolFactory,
        ready: Callable[[], None],
        *,
        graceful_seconds: float,
        leaving: Callable[[], None],
        drain_seconds: float,
        leave_sigint: bool,
    ) -> None:
        super().__init__(config)
        self._graceful_seconds = graceful_seconds
        self._protocols = protocols
        self._ready = ready
        self._leaving = leaving
        self._drain_seconds = drain_seconds
        self._drains_until: float | None = None
        self._signals = (signal.SIGTERM,) if leave_sigint else (signal.SIGTERM, signal.SIGINT)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then say so."""
        await super().startup(sockets)
        parent = multiprocessing.parent_process()
        if parent is not None:
            # A worker whose supervisor was killed must not go on alone.
            asyncio.get_running_loop().add_reader(parent.sentinel, self._stop)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Whether to shut down now: when told to, and after the time that balancers have to look elsewhere."""
        if not await super().on_tick(counter):
            return False
        if self._drains_until is None:
            self._drains_until = monotonic() + self._drain_seconds
            self._protocols.leaving = True
            self._leaving()
        return self.force_exit or monotonic() >= self._drains_until

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let running exchanges finish, as uvicorn does."""
        self._protocols.draining = True  # also for connections that are being accepted at this moment
        await super().shutdown(sockets)

    async def _wait_tasks_to_complete(self) -> None:
        """Wait for running exchanges, but not for ever; then what is cut off still tidies up before anything is closed."""
        try:
            async with asyncio.timeout(self._graceful_seconds):
                await super()._wait_tasks_to_complete()
        except TimeoutError:
            running = tuple(self.server_state.tasks)
            _log.error("%d exchanges were cut off: their time to end was over", len(running))
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running, timeout=_TIDY_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at a signal; unlike uvicorn, do not die of it afterwards, so that the caller can tidy up."""
        former = {number: signal.signal(number, self.handle_exit) for number in self._signals}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _stop(self) -> None:
        self.should_exit = True
        self._drains_until = 0.0
        parent = multiprocessing.parent_process()
        if parent is not None:
            asyncio.get_running_loop().remove_reader(parent.sentinel)


def _serve(
    factory: str,
    arguments: tuple[Any, ...],
    options: ServeOptions,
    sockets: Sequence[socket.socket],
    ready: Callable[[], None],
) -> None:
    """Be one worker."""
    service: Service = call(factory, arguments)
    protocols = ProtocolFactory(limits=options.limits, render_error=service.render_error, cache=service.cache)
    config = uvicorn.Config(
        service.app,
        http=cast("type[asyncio.Protocol]", protocols),  # uvicorn only calls it
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=options.date_header,
        headers=[("server", options.server_header)] if options.server_header is not None else [],
        backlog=BACKLOG,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.private_key,
    )
    worker = _Worker(
        config,
        protocols,
        ready,
        graceful_seconds=options.graceful_seconds,
        leaving=service.on_leaving,
        drain_seconds=options.drain_seconds,
        leave_sigint=multiprocessing.parent_process() is not None,
    )
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(worker.serve(list(sockets)))
    except SystemExit as error:
        # So uvicorn says that the application's lifespan failed to start; the log has its reason.
        raise StartFailed("the application did not start") from error
    finally:
        protocols.close()


# Several workers


def _be_worker(
    factory: str,
    arguments: tuple[Any, ...],
    options: ServeOptions,
    sockets: list[socket.socket],
    ready: Connection,
) -> None:
    """The main function of a worker's process."""
    # The terminal sends SIGINT to all of us; the supervisor decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _serve(factory, arguments, options, sockets, lambda: ready.send_bytes(b"ready"))


@dataclass(slots=True)
class _Place:
    """One of the workers there shall be, and the process that is it now."""

    process: SpawnProcess
    ready: Connection | None
    started_at: float
    delay_seconds: float = _FIRST_DELAY_SECONDS
    restart_at: float | None = None


class _Supervisor:
    """Keeps as many workers running as were asked for, until it is told to stop."""

    def __init__(
        self,
        factory: str,
        arguments: tuple[Any, ...],
        options: ServeOptions,
        sockets: Sequence[socket.socket],
        ready: Callable[[], None],
    ) -> None:
        self._factory = factory
        self._arguments = arguments
        self._options = options
        self._sockets = list(sockets)
        self._ready = ready
        self._announced = False
        self._stops = 0
        self._places: list[_Place] = []
        self._wakeup, self._waker = socket.socketpair()
        self._waker.setblocking(False)

    def run(self) -> None:
        """Start the workers and stay until they have ended. Raises `StartFailed`."""
        with self._signals():
            try:
                self._places = [self._start() for _ in range(self._options.workers)]
                while not self._stops:
                    self._wait()
                    self._look_after_workers()
            finally:
                self._stop_workers()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Count signals to stop, and wake up for them."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        former = {number: signal.signal(number, self._on_signal) for number in numbers}
        former_waker = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(former_waker)
            for number, handler in former.items():
                signal.signal(number, handler)
            self._wakeup.close()
            self._waker.close()

    def _on_signal(self, number: int, _: object) -> None:
        # The second SIGTERM is no more urgent than the first; the second SIGINT is a person who is tired of waiting.
        if number == signal.SIGINT or not self._stops:
            self._stops += 1

    def _start(self) -> _Place:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=_be_worker,
            args=(self._factory, self._arguments, self._options, self._sockets, theirs),
            name="worker",
        )
        process.start()
        theirs.close()
        return _Place(process, ours, monotonic())

    def _wait(self) -> None:
        """Sleep until a worker is ready, a worker ends, a worker is due, or a signal comes."""
        due = [place.restart_at for place in self._places if place.restart_at is not None]
        timeout = max(0.0, min(due) - monotonic()) if due else None
        things: list[Any] = [self._wakeup]
        for place in self._places:
            if place.restart_at is None:
                things.append(place.process.sentinel)
            if place.ready is not None:
                things.append(place.ready)
        if self._wakeup in multiprocessing.connection.wait(things, timeout):
            self._wakeup.recv(64)

    def _look_after_workers(self) -> None:
        for place in self._places:
            if place.ready is not None and place.ready.poll():
                with contextlib.suppress(EOFError):
                    place.ready.recv_bytes()
                    place.ready.close()
                    place.ready = None
            if place.restart_at is not None:
                if monotonic() >= place.restart_at:
                    fresh = self._start()
                    place.process, place.ready = fresh.process, fresh.ready
                    place.started_at, place.restart_at = fresh.started_at, None
            elif not place.process.is_alive() and not self._stops:
                self._schedule_restart(place)
        if not self._announced and all(place.ready is None for place in self._places):
            self._announced = True
            self._ready()

    def _schedule_restart(self, place: _Place) -> None:
        code = place.process.exitcode
        if not self._announced:
            raise StartFailed(f"a worker ended before it could answer (exit status {code})")
        if monotonic() - place.started_at >= _STABLE_SECONDS:
            place.delay_seconds = _FIRST_DELAY_SECONDS
        _log.error(
            "worker %s ended with status %s; another follows in %.1f s",
            place.process.pid,
            code,
            place.delay_seconds,
        )
        if place.ready is not None:
            place.ready.close()
            place.ready = None
        place.restart_at = monotonic() + place.delay_seconds
        place.delay_seconds = min(_LONGEST_DELAY_SECONDS, place.delay_seconds * 2)

    def _stop_workers(self) -> None:
        """Let the workers finish, and kill those that take too long."""
        for listening in self._sockets:
            listening.close()  # the workers close theirs; then nobody listens
        processes = [place.process for place in self._places if place.restart_at is None]
        for process in processes:
            process.terminate()
        deadline = monotonic() + self._options.drain_seconds + self._options.graceful_seconds + _KILL_SECONDS
        while running := [process for process in processes if process.is_alive()]:
            left = deadline - monotonic()
            if left <= 0 or self._stops > 1:
                _log.warning("killing %d workers that did not end in time", len(running))
                for process in running:
                    process.kill()
                    process.join()
                return
            things: list[Any] = [self._wakeup, *(process.sentinel for process in running)]
            if self._wakeup in multiprocessing.connection.wait(things, left):
                self._wakeup.recv(64)
