"""``entrepot setup``: the page that tells how to set up a client, for one registry, one view and one token.

Each format has its page, ``formats/<format>/setup.md``. It begins with the clients that people ask for, as in
``<!-- for pip, uv -->``. What stands there between ``<!-- when A or B; C -->`` and
``<!-- end -->`` is printed when A or B, and C too, are facts: the client's name; ``http`` or ``https``; ``public`` or
``private``; ``publish`` or ``read``, as the token may; ``whole`` or ``channel``, as the view is a namespace or a channel's.
``{http? --plain-http}`` is the same within a line. `_values` has what else is filled in.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from entrepot.cli import Failure
from entrepot.cli.duration import Duration
from entrepot.cli.output import Output, output_option, show_json
from entrepot.client import Client
from entrepot.model.names import View

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from entrepot.client.answers import Namespace

_FOR: Final = re.compile(r"<!-- for (?P<clients>[a-z, ]+) -->\n")
_FORMATS: Final = files("entrepot.formats")


def _read_clients() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for folder in sorted(_FORMATS.iterdir(), key=lambda each: each.name):
        page = folder.joinpath("setup.md")
        if page.is_file() and (first := _FOR.match(page.read_text(encoding="utf-8"))) is not None:
            found |= dict.fromkeys(first["clients"].split(", "), folder.name)
    return found


_CLIENTS: Final = _read_clients()
"""Each client that people ask for, and the format whose page tells how to set it up."""

_END: Final = """
<!-- when read; whole -->
To publish as well: `entrepot setup {client} {view} --publish`.

<!-- end -->
<!-- when whole -->
A channel's view, such as `{namespace}.{channel}`, is set up in the same way and cannot be written.
<!-- end -->
<!-- when channel -->
This is the view of a channel: it shows what was cleared for it, and cannot be written.
<!-- end -->
"""
"""How every page ends."""

_WHEN: Final = re.compile(r"^<!-- when (?P<facts>[^\n]+) -->\n(?P<text>.*?)^<!-- end -->\n", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"\{(?P<fact>[a-z]+)\?(?P<text>[^{}]*)\}")
_GAP: Final = re.compile(r"\n{3,}")


@click.command()
@click.argument("client", type=click.Choice(list(_CLIENTS)), metavar="CLIENT")
@click.argument("view")
@click.option("--package", default="PACKAGE", help="What the examples are about.")
@click.option("--publish", is_flag=True, help="The token may publish too, and the page says how.")
@click.option("--ttl", type=Duration(), help="How long the token works, such as 30d; without it, until it is revoked.")
@output_option
def setup(*, client: str, view: str, package: str, publish: bool, ttl: timedelta | None, output: Output) -> None:
    """Print how to set up a client, with a fresh token.

    CLIENT is docker, pip, npm, cargo, maven, go, helm, curl or another that people use; VIEW is what it shall see: acme
    or acme.prod.
    """
    seen = View.parse(view)
    _require_sense(client, seen, publish=publish)
    with Client() as registry:
        namespace = registry.namespaces.read(seen.namespace)
        _require_channel(seen, namespace)
        role = "publisher" if publish else "reader"
        made = registry.tokens.create(f"setup-{client}", role, view=view, pattern="*", actions=(), ttl=ttl)
        url = registry.login.url.rstrip("/")
    facts = {
        client,
        urlsplit(url).scheme,
        "public" if namespace.public else "private",
        "whole" if seen.writable else "channel",
        "publish" if publish else "read",
    }
    values = _values(url, seen, namespace, made.token)
    text = _page(client, facts, {"{client}": client, "{package}": package} | values)
    if output == "json":
        show_json({"client": client, "format": _CLIENTS[client], "token": made, "text": text})
    else:
        click.echo(text, nl=False)


def _require_sense(client: str, view: View, *, publish: bool) -> None:
    """Refuse, before a token is made, what could not be used. Raises `click.UsageError`."""
    if publish and not view.writable:
        raise click.UsageError(
            f"{view} is a channel's view, which cannot be published to: publish to {view.namespace}, "
            f"and `entrepot clearance open` shows it in {view.channel}."
        )
    if client == "twine" and not publish:
        raise click.UsageError("twine does nothing but publish: add --publish.")


def _require_channel(view: View, namespace: Namespace) -> None:
    """Refuse the view of a channel that there is not: it would show nothing, for ever. Raises `Failure`."""
    if view.channel is not None and view.channel not in namespace.channels:
        known = ", ".join(namespace.channels) or "none"
        raise Failure(f"{namespace.name} has no channel {view.channel}", f"Its channels: {known}.")


def _values(url: str, view: View, namespace: Namespace, token: str) -> dict[str, str]:
    """What stands for what on a page."""
    address = urlsplit(url)
    return {
        "{url}": url,
        "{host}": address.netloc,
        "{hostname}": address.hostname or "",
        "{view}": str(view),
        "{namespace}": view.namespace,
        # A registry's name where dots cannot be: in TOML's keys and in variables.
        "{name}": str(view).replace(".", "-"),
        "{channel}": namespace.channels[-1] if namespace.channels else "prod",
        "$TOKEN": token,
    }


def _page(client: str, facts: set[str], values: Mapping[str, str]) -> str:
    """The client's page as it is for these facts, with everything filled in."""
    page = _FOR.sub("", _FORMATS.joinpath(_CLIENTS[client], "setup.md").read_text(encoding="utf-8"), count=1)

    def holds(condition: str) -> bool:
        return all(facts & set(either.split(" or ")) for either in condition.split("; "))

    text = _WHEN.sub(lambda block: block["text"] if holds(block["facts"]) else "", page + _END)
    for name, value in values.items():
        text = text.replace(name, value)
    text = _INLINE.sub(lambda part: part["text"] if part["fact"] in facts else "", text)
    return _GAP.sub("\n\n", text).rstrip("\n") + "\n"
