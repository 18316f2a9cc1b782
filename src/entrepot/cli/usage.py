"""``entrepot usage`` and ``entrepot quota``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click

from entrepot.cli.output import Columns, Output, output_option, show_done, show_list, show_one
from entrepot.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrepot.client.usage import Account, PackageUsage, Usage

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY: Final = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


class Size(click.ParamType[int]):
    """A number of bytes: ``500MB`` and ``10GiB`` are such."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read what somebody wrote."""
        match = re.fullmatch(r"(\d{1,18}) ?([kmgt]?i?)b?", str(value).lower())
        factor = None if match is None else (_UNITS | _BINARY).get(match[2])
        if match is None or factor is None:
            self.fail(f"{value!r} is no number of bytes: write 500MB, 10GiB or 1TiB.", param, ctx)
        return int(match[1]) * factor


def _size(size: int | None) -> str | None:
    """Bytes, and what that is in a unit that people think in."""
    if size is None:
        return None
    for unit, factor in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size} bytes ({size / factor:.1f} {unit})"
    return f"{size} bytes"


def _quota(account: Account) -> str | None:
    if account.quota is None:
        return None
    said = []
    if account.quota.size is not None:
        said.append(str(_size(account.quota.size)))
    if account.quota.versions is not None:
        said.append(f"{account.quota.versions} versions")
    return " and ".join(said)


def _trend(usage: Usage) -> str | None:
    if usage.trend is None:
        return None
    grows = f"{usage.trend.daily_size:+.0f} bytes a day"
    return grows if usage.trend.full_on is None else f"{grows}; the quota is reached on {usage.trend.full_on}"


def _of_account(read: Callable[[Account], object]) -> Callable[[Usage], object]:
    return lambda it: read(it.account)


_ACCOUNT: Final[Columns[Account]] = {
    "namespace": lambda it: it.namespace,
    "takes up": lambda it: _size(it.size),
    "of that unique": lambda it: _size(it.unique_size),
    "shared": lambda it: _size(it.shared_size),
    "in the trash": lambda it: _size(it.trash_size),
    "versions": lambda it: it.versions,
    "quota": _quota,
    "room": lambda it: _size(it.room),
}
_USAGE: Final[Columns[Usage]] = {
    **{name: _of_account(read) for name, read in _ACCOUNT.items()},
    "hot": lambda it: _size(it.hot_size),
    "cold": lambda it: _size(it.cold_size),
    "costs a month": lambda it: None if it.monthly_cost is None else f"{it.monthly_cost:.2f}",
    "trend": _trend,
}
_PACKAGE: Final[Columns[PackageUsage]] = {
    "package": lambda it: f"{it.namespace}/{it.package}",
    "format": lambda it: it.format,
    "takes up": lambda it: _size(it.size),
    "of that alone": lambda it: _size(it.unique_size),
    "versions": lambda it: it.versions,
    "costs a month": lambda it: None if it.monthly_cost is None else f"{it.monthly_cost:.2f}",
}
_ACCOUNTS: Final[Columns[Account]] = {
    "NAMESPACE": lambda it: it.namespace,
    "BYTES": lambda it: it.size,
    "UNIQUE": lambda it: it.unique_size,
    "SHARED": lambda it: it.shared_size,
    "TRASH": lambda it: it.trash_size,
    "VERSIONS": lambda it: it.versions,
    "QUOTA": _quota,
}


@click.command()
@click.argument("target", metavar="[NAMESPACE|PACKAGE]", required=False)
@output_option
def usage(target: str | None, output: Output) -> None:
    """Show what the registry, a namespace or a package takes up, what that costs, and where it is going.

    A namespace is charged once for each blob, however many packages and versions refer to it, until nobody can have it
    back from the trash. Shared bytes are those that another namespace is charged for, too.
    """
    with Client() as registry:
        if target is None:
            show_list(registry.usage.iter(), _ACCOUNTS, output)
        elif "/" in target:
            show_one(registry.usage.read_package(target), _PACKAGE, output)
        else:
            show_one(registry.usage.read(target), _USAGE, output)


@click.group()
def quota() -> None:
    """How much a namespace may take up."""


@quota.command(name="set")
@click.argument("namespace")
@click.option("--size", type=Size(), help="Bytes, the trash included: 500MB, 10GiB.")
@click.option("--versions", type=click.IntRange(0), help="How many versions.")
@output_option
def set_(namespace: str, size: int | None, versions: int | None, output: Output) -> None:
    """Let a namespace take up so much, and no more.

    What is there stays. What does not fit is refused before it is sent; what adds nothing is taken.
    """
    with Client() as registry:
        show_one(registry.usage.set_quota(namespace, size=size, versions=versions), _ACCOUNT, output)


@quota.command()
@click.argument("namespace")
@output_option
def show(namespace: str, output: Output) -> None:
    """Show how much a namespace may take up, and does."""
    with Client() as registry:
        show_one(registry.usage.read(namespace).account, _ACCOUNT, output)


@quota.command()
@click.argument("namespace")
@output_option
def remove(namespace: str, output: Output) -> None:
    """Let a namespace take up whatever there is."""
    with Client() as registry:
        account = registry.usage.remove_quota(namespace)
    show_done(f"{namespace} may take up whatever there is", account, output)
