"""What deletes asks first, or needs ``--yes`` where nobody can be asked."""

from __future__ import annotations

import sys

import click

from entrepot.cli import Failure

yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if somebody says yes. Raises `Failure` where there is nobody to ask, `click.Abort` for a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure(f"nothing was done: {question}", "There is no terminal to ask at; add --yes.", exit_code=2)
    click.confirm(question, abort=True, err=True)
