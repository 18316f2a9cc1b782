"""``entrepot ls``, ``inspect``, ``search`` and ``journal``: what only looks."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from entrepot.cli.output import Output, output_option, show_list, show_one
from entrepot.client import Address, Client

if TYPE_CHECKING:
    from entrepot.client.answers import Artifact


@click.command()
@click.argument("what", required=False)
@click.option("--format", "format_", metavar="FORMAT", help="Only packages of this format.")
@click.option("--history", is_flag=True, help="All that a tag or version ever meant.")
@output_option
def ls(what: str | None, format_: str | None, history: bool, output: Output) -> None:
    """List namespaces, packages, names or files.

    \b
      entrepot ls                 the namespaces that you may know
      entrepot ls acme            its packages
      entrepot ls acme/tool       a package's tags and versions
      entrepot ls acme/tool:1.0   a version's files
    """  # noqa: D301 - click's mark for text that is not to be filled
    with Client() as registry:
        if what is None:
            _list_namespaces(registry, output)
        elif "/" not in what:
            _list_packages(registry, what, format_, output)
        else:
            address = registry.packages.locate(Address.parse(what, format=format_))
            if history:
                _list_names(registry.packages.history(address), output, past=True)
            elif address.name is None and address.digest is None:
                _list_names(registry.packages.references(address), output, past=False)
            else:
                _list_files(registry, address, output)


def _list_namespaces(registry: Client, output: Output) -> None:
    show_list(registry.namespaces.iter(), {"NAMESPACE": lambda it: it.name, "PUBLIC": lambda it: it.public}, output)


def _list_packages(registry: Client, view: str, format_: str | None, output: Output) -> None:
    columns = {
        "PACKAGE": lambda it: f"{it.namespace}/{it.name}",
        "FORMAT": lambda it: it.format,
        "REVISION": lambda it: it.revision,
    }
    show_list(registry.packages.iter(view, format=format_), columns, output)


def _list_names(found: Any, output: Output, *, past: bool) -> None:
    columns = {
        "NAME": lambda it: it.name,
        "KIND": lambda it: it.kind,
        "DIGEST": lambda it: it.digest,
        **({"FROM": lambda it: it.from_position, "UNTIL": lambda it: it.until_position} if past else {}),
        "STATE": _state,
    }
    show_list(found, columns, output)


def _list_files(registry: Client, address: Address, output: Output) -> None:
    if address.format == "generic" and address.digest is None:
        columns = {"FILE": lambda it: it.path, "SIZE": lambda it: it.size, "DIGEST": lambda it: it.digest}
        show_list(registry.read_files(address).files, columns, output)
        return
    columns = {
        "KIND": lambda it: it.kind,
        "FILE": lambda it: it.annotations.get("org.opencontainers.image.title"),
        "SIZE": lambda it: it.size,
        "MEDIA TYPE": lambda it: it.media_type,
        "DIGEST": lambda it: it.digest,
    }
    show_list(registry.packages.artifact(address).links, columns, output)


def _state(reference: Any) -> str:
    said = [("sealed", reference.sealed), ("yanked", reference.yanked), ("deprecated", reference.deprecated)]
    return ", ".join(
        f"{word}: {value}" if isinstance(value, str) and value else word
        for word, value in said
        if value is not None and value is not False
    )


@click.command()
@click.argument("address", metavar="REFERENCE")
@click.option("--format", "format_", metavar="FORMAT", help="The package's format, where its name is taken in several.")
@output_option
def inspect(address: str, format_: str | None, output: Output) -> None:
    """Show all that is known of an artifact."""
    with Client() as registry:
        found = registry.packages.artifact(Address.parse(address, format=format_))
    show_one(
        found,
        {
            "digest": lambda it: it.digest,
            "media type": lambda it: it.media_type,
            "artifact type": lambda it: it.artifact_type,
            "size": lambda it: it.size,
            "published": lambda it: it.published_at,
            "names": lambda it: it.references,
            "cleared for": lambda it: tuple(cleared.channel for cleared in it.clearances),
            "subject": lambda it: it.subject,
            "annotations": lambda it: [f"{key}={value}" for key, value in it.annotations.items()],
            "contains": _links,
            "referrers": lambda it: [f"{each.digest}  {each.artifact_type or '-'}" for each in it.referrers],
        },
        output,
    )


def _links(artifact: Artifact) -> list[str]:
    return [
        "  ".join(
            (link.kind, str(link.digest), str(link.size), link.annotations.get("org.opencontainers.image.title", ""))
        )
        for link in artifact.links
    ]


@click.command()
@click.argument("query")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many at most.")
@output_option
def search(query: str, limit: int, output: Output) -> None:
    """Find artifacts by commit, build, name or digest.

    \b
      entrepot search commit:4f2c1e0
      entrepot search build:8123
      entrepot search tool
    """  # noqa: D301 - click's mark for text that is not to be filled
    columns = {
        "PACKAGE": lambda it: f"{it.namespace}/{it.format}/{it.name}",
        "NAMES": lambda it: it.references,
        "DIGEST": lambda it: it.digest,
        "COMMIT": lambda it: it.annotations.get("org.opencontainers.image.revision"),
    }
    with Client() as registry:
        show_list(registry.search(query, limit=limit), columns, output)


@click.command()
@click.option("--namespace", help="Only what happened there.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only after this position.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most.")
@output_option
def journal(namespace: str | None, after: int, limit: int, output: Output) -> None:
    """List what happened, in order."""
    columns = {
        "POSITION": lambda it: it.position,
        "AT": lambda it: it.at,
        "ACTOR": lambda it: it.actor,
        "EVENT": lambda it: it.type.removeprefix("dev.entrepot.").removesuffix(".v1"),
        "WHAT": lambda it: it.data,
    }
    with Client() as registry:
        show_list(islice(registry.journal(namespace=namespace, after=after), limit), columns, output)
