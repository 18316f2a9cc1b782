"""Progress bars: on a terminal, and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID

    from entrepot.client.transfer import Progress, ProgressListener


@contextmanager
def progress_bars() -> Iterator[ProgressListener | None]:
    """What listens to transfers and draws them on stderr; None when that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.fields[file]}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def listen(progress: Progress) -> None:
            name = progress.name
            if name not in tasks:
                tasks[name] = bars.add_task("", total=progress.size, file=_printable(name))
            bars.update(tasks[name], completed=progress.done, total=progress.size)

        yield listen


@contextmanager
def counter(total: int) -> Iterator[Callable[[str], None]]:
    """What draws how many of *total* things are done, on stderr; it is told the name of each, and on no terminal mute."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        MofNCompleteColumn(),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}", markup=False),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("", total=total, last="")
        yield lambda name: bars.update(task, advance=1, last=_printable(name))


def _printable(text: str) -> str:
    return "".join(each for each in text if each.isprintable())
