"""The options that say what a role is for: which role, where, and for which packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from entrepot.client.answers import Right
from entrepot.model.access import Role

Decorated = Callable[..., Any]


def scope_options(command: Decorated) -> Decorated:
    """``--role``, ``--namespace`` and ``--package``."""
    for option in (
        click.option(
            "--package", "pattern", default="*", metavar="PATTERN", help="Only packages that match, such as 'team-*'."
        ),
        click.option(
            "--namespace",
            "view",
            callback=_one_view,
            multiple=True,
            help="A namespace, or one channel's view of it (acme.prod); without it, everywhere.",
        ),
        click.option("--role", required=True, type=click.Choice([role.value for role in Role]), help="What it allows."),
    ):
        command = option(command)
    return command


def _one_view(context: click.Context, parameter: click.Parameter, views: tuple[str, ...]) -> str | None:
    """One view or none; a second one would silently win over the first."""
    del context, parameter
    if len(views) > 1:
        raise click.BadParameter("it is for one namespace; give each its own.")
    return views[0] if views else None


def print_right(right: Right) -> str:
    """A right in words: ``publisher in acme for team-*``, with its actions where they are not all of the role's."""
    whole = right.role is not None and (not right.actions or set(right.actions) == set(Role(right.role).actions))
    what = right.role if whole else " and ".join(right.actions)
    packages = "" if right.pattern == "*" else f" for {right.pattern}"
    return f"{what} in {right.view or 'every namespace'}{packages}"
