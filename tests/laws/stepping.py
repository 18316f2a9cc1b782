"""Run operations one step at a time, in any order that somebody thinks of, and let any of them die between two steps.

A step is one call of a port: a question to the catalog, a change of it, a call of the blob store. Between two steps
others have their turn, or the process dies: what it had in memory is lost, and what was stored stays.

Nothing here waits for anything but its turn, so an order of steps is run the same way every time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from entrepot.testing.faults import Crash, Faults

T = TypeVar("T")

_AREAS = "entrepot.drivers.catalog."


class SteppingLoop(asyncio.AbstractEventLoop):
    """An event loop that only runs what is ready, and so knows when everybody waits for somebody else."""

    def __init__(self) -> None:
        self._ready: deque[tuple[asyncio.Handle, Callable[..., object], tuple[Any, ...], Context | None]] = deque()
        self.problems: list[object] = []
        """What went wrong where nobody looked."""

    def settle(self) -> None:
        """Run all that is ready, and what becomes so."""
        asyncio._set_running_loop(self)
        try:
            while self._ready:
                handle, callback, arguments, context = self._ready.popleft()
                if handle.cancelled():
                    continue
                if context is None:
                    callback(*arguments)
                else:
                    context.run(callback, *arguments)
        finally:
            asyncio._set_running_loop(None)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in which nobody has to wait for a turn."""
        task = self.create_task(work)
        self.settle()
        return task.result()

    def call_soon(self, callback: Callable[..., object], *arguments: Any, context: Context | None = None) -> Any:
        """Let it run when those before it have."""
        handle = asyncio.Handle(callback, arguments, self, context)
        self._ready.append((handle, callback, arguments, context))
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], *arguments: Any, **more: Any) -> Any:
        """Let it run when time has passed: it never does."""
        return asyncio.TimerHandle(delay, callback, arguments, self, **more)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing: it would never have run."""

    # The parent leaves open how many arguments there are, and that by their types; here they are passed on.
    def run_in_executor(self, executor: Any, work: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Do at once what others would do in a thread."""
        del executor
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(work(*arguments))
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            future.set_exception(error)
        return future

    def create_future(self) -> asyncio.Future[Any]:
        """Something to wait for."""
        return asyncio.Future(loop=self)

    def create_task(self, work: Any, **more: Any) -> asyncio.Task[Any]:
        """Run a coroutine beside the others."""
        return asyncio.Task(work, loop=self, **more)

    def get_debug(self) -> bool:
        """Never: it takes long."""
        return False

    def time(self) -> float:
        """Time is the clock's that the registry is given; here it stands."""
        return 0.0

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep it, to be looked at."""
        self.problems.append(context)


@dataclass(slots=True)
class Turns(Faults):
    """Where somebody waits before each step until it is their turn."""

    waiting: deque[tuple[str, asyncio.Future[None]]] = field(default_factory=deque)

    async def around(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """Do a call, when it is its turn."""
        await self.pass_by(name)
        return await call()

    async def pass_by(self, call: str) -> None:
        """Wait for the turn. Raises `Crash` instead where the process died."""
        if self.dead:
            raise Crash(call)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((call, turn))
        await turn


class SteppingCatalog:
    """A catalog, or an area of one, of which every question and every change is a step."""

    def __init__(self, catalog: Any, turns: Turns) -> None:
        self._catalog = catalog
        self._turns = turns

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._catalog, name)
        if type(found).__module__.startswith(_AREAS):
            found = SteppingCatalog(found, self._turns)
        elif iscoroutinefunction(found):
            found = self._step(name, found)
        setattr(self, name, found)
        return found

    def _step(self, name: str, call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        async def step(*arguments: Any, **more: Any) -> T:
            return await self._turns.around(name, lambda: call(*arguments, **more))

        return step


class Actor:
    """A process that does one thing, step by step."""

    def __init__(self, loop: SteppingLoop, turns: Turns, work: Coroutine[Any, Any, object]) -> None:
        self._loop = loop
        self._turns = turns
        self.steps = 0
        self._task = loop.create_task(self._answer(work))
        loop.settle()

    async def _answer(self, work: Coroutine[Any, Any, T]) -> T:
        done = await work
        # It may still die before anybody hears of it.
        await self._turns.pass_by("answer")
        return done

    @property
    def is_over(self) -> bool:
        """Whether it has answered, or died."""
        return self._task.done()

    @property
    def next(self) -> str:
        """What it is about to do."""
        return self._turns.waiting[0][0]

    def step(self) -> str:
        """Let it do its next step; which."""
        name, turn = self._turns.waiting.popleft()
        turn.set_result(None)
        self.steps += 1
        self._loop.settle()
        assert self.is_over or self._turns.waiting, f"{self._task} waits for something else than its turn"
        return name

    def crash(self) -> None:
        """Let its process die here."""
        self._turns.dead = True
        while self._turns.waiting:
            name, turn = self._turns.waiting.popleft()
            turn.set_exception(Crash(name))
        self._loop.settle()
        assert isinstance(self.failure, Crash), "who is dead does nothing more"

    @property
    def failure(self) -> BaseException | None:
        """What it answered with, when that was no result: `Crash` for no answer at all."""
        return self._task.exception()

    @property
    def result(self) -> Any:
        """What came of it."""
        return self._task.result()
