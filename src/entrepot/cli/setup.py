"""``entrepot setup``."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from entrepot.cli.duration import Duration
from entrepot.cli.output import Output, output_option, show_json
from entrepot.client import Client
from entrepot.model.names import View

if TYPE_CHECKING:
    from datetime import timedelta

_CLIENTS: Final = {
    "docker": "oci",
    "podman": "oci",
    "skopeo": "oci",
    "crane": "oci",
    "oras": "oci",
    "pip": "pypi",
    "uv": "pypi",
    "twine": "pypi",
    "poetry": "pypi",
    "npm": "npm",
    "pnpm": "npm",
    "yarn": "npm",
    "cargo": "cargo",
    "go": "go",
    "maven": "maven",
    "gradle": "maven",
    "helm": "helm",
    "curl": "generic",
}
"""Each client that people ask for, and the format whose page tells how to set it up."""


@click.command()
@click.argument("client", type=click.Choice(list(_CLIENTS)), metavar="CLIENT")
@click.argument("view")
@click.option("--package", default="PACKAGE", help="What the examples are about.")
@click.option("--publish", is_flag=True, help="The token may publish too; without it, it reads.")
@click.option("--ttl", type=Duration(), help="How long the token works, such as 30d; without it, until it is revoked.")
@output_option
def setup(*, client: str, view: str, package: str, publish: bool, ttl: timedelta | None, output: Output) -> None:
    """Print how to set up a client, with a fresh token.

    CLIENT is docker, pip, npm, cargo, maven, go, helm, curl or another that people use; VIEW is what it shall see: acme
    or acme.prod.
    """
    seen = View.parse(view)
    role = "publisher" if publish and seen.writable else "reader"
    with Client() as registry:
        made = registry.tokens.create(f"setup-{client}", role, view=view, pattern="*", actions=(), ttl=ttl)
        url = registry.login.url.rstrip("/")
    text = _fill(
        files("entrepot.formats").joinpath(_CLIENTS[client], "setup.md").read_text(encoding="utf-8"),
        {"{url}": url, "{host}": urlsplit(url).netloc, "{view}": view, "{package}": package, "$TOKEN": made.token},
    )
    if output == "json":
        show_json({"client": client, "format": _CLIENTS[client], "token": made, "text": text})
    else:
        click.echo(text, nl=False)


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text
