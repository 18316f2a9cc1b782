"""``entrepot login``, ``logout`` and ``whoami``."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import click

from entrepot.cli.output import Output, output_option, show_done, show_json, show_one
from entrepot.cli.scope import print_right
from entrepot.client import Client, Misuse, NotLoggedIn
from entrepot.client.answers import Identity
from entrepot.client.credentials import Login, LoginStore, find_login, parse_url

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@click.command()
@click.argument("url")
@click.option("--token", help="The token; without it, it is asked for, or read from standard input.")
@output_option
def login(url: str, token: str | None, output: Output) -> None:
    """Keep the token for a registry.

    It is tried first, and then kept in a file that only you can read. The last registry that was logged in to is the
    one that other commands mean when ENTREPOT_URL is not set.
    """
    address = parse_url(url)
    known = Login(address, (token or _ask(address)).strip())
    if urlsplit(address).scheme == "http" and urlsplit(address).hostname not in _LOOPBACK:
        click.echo(f"warning: {address} is not encrypted: whoever is on the way can read the token", err=True)
    with Client(address, known.token) as registry:
        identity = registry.whoami()
    if identity.principal is None:
        raise Misuse("the registry does not know this token", hint="Ask its administrator for one.")
    LoginStore.of().add(known)
    show_done(
        f"logged in to {address} as {identity.principal}", {"url": address, "principal": identity.principal}, output
    )


def _ask(address: str) -> str:
    if sys.stdin.isatty():
        answer: str = click.prompt(f"token for {address}", hide_input=True, err=True)
        return answer
    piped = sys.stdin.readline().strip()
    if not piped:
        raise Misuse("no token was given", hint="Use --token, or pipe it in: `entrepot login URL < token-file`.")
    return piped


@click.command()
@click.argument("url", required=False)
@output_option
def logout(url: str | None, output: Output) -> None:
    """Forget the token for a registry.

    The token itself goes on working; `entrepot token revoke` stops it.
    """
    address = find_login(url).url
    if not LoginStore.of().remove(address):
        raise Misuse(f"you are not logged in to {address}")
    show_done(f"logged out of {address}", {"url": address}, output)


@click.command()
@output_option
def whoami(output: Output) -> None:
    """Show whom the registry takes you for."""
    with Client() as registry:
        identity, url = registry.whoami(), registry.login.url
    if output == "json":
        show_json(identity)
        return
    if identity.principal is None:
        raise _anonymous(url)
    show_one(
        identity,
        {
            "principal": lambda it: it.principal,
            "kind": lambda it: it.kind,
            "registry": lambda _: url,
            "token": lambda it: it.token_id,
            "expires": lambda it: it.expires_at or "never",
            "may": _rights,
        },
        output,
    )


def _rights(identity: Identity) -> list[str]:
    """The layers of rights, each further one narrowing the one before."""
    return [
        ("" if number == 0 else "only as ") + ("; ".join(print_right(each) for each in layer) or "nothing")
        for number, layer in enumerate(identity.allowances)
    ]


def _anonymous(url: str) -> NotLoggedIn:
    return NotLoggedIn(
        f"{url} does not know who you are",
        status=401,
        code="unauthenticated",
        hint=f"Log in with `entrepot login {url}`, or set ENTREPOT_TOKEN.",
    )
