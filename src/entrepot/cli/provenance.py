"""``entrepot provenance``: what was built, by whom, from what."""

from __future__ import annotations

from typing import Final

import click

from entrepot.cli.output import Columns, Output, output_option, show_list, show_one
from entrepot.client import Client
from entrepot.client.attestations import Attestation, Build, Built, Completeness, Origin

_BUILT: Final[Columns[Built]] = {
    "PACKAGE": lambda it: f"{it.namespace}/{it.format}/{it.package}",
    "CALLED": lambda it: it.references,
    "ABOUT": lambda it: str(it.subject)[:19],
    "COMMIT": lambda it: it.build.revision,
    "BUILDER": lambda it: it.build.builder,
    "BUILD": lambda it: it.build.build,
    "VERIFIED BY": lambda it: it.verified_by,
    "LEVEL": lambda it: it.level,
}
_ORIGINS: Final[Columns[Origin]] = {
    "DEPTH": lambda it: it.depth,
    "INTO": lambda it: str(it.product)[:19],
    "WENT": lambda it: it.uri or it.name,
    "DIGEST": lambda it: it.digest,
    "VERIFIED BY": lambda it: it.verified_by,
}
_COMPLETENESS: Final[Columns[Completeness]] = {
    "artifacts": lambda it: it.total,
    "signed": lambda it: it.signed,
    "with provenance": lambda it: it.built,
    "share": lambda it: f"{it.share:.0%}",
}
_SHOWN: Final[Columns[tuple[Attestation, Build]]] = {
    "ABOUT": lambda it: str(it[0].subject)[:19],
    "REPOSITORY": lambda it: it[1].repository,
    "COMMIT": lambda it: it[1].revision,
    "BUILDER": lambda it: it[1].builder,
    "BUILD": lambda it: it[1].build,
    "VERIFIED BY": lambda it: tuple(each.signer for each in it[0].verifications if each.counts),
}

_namespace = click.option("--namespace", help="Only in this namespace.")


@click.group()
def provenance() -> None:
    """What was built, by whom, and from what."""


@provenance.command()
@click.argument("address", metavar="REFERENCE")
@output_option
def show(address: str, output: Output) -> None:
    """Show how an artifact was built, as its provenance tells it."""
    with Client() as registry:
        report = registry.attestations.report(address)
    show_list([(each, each.build) for each in report.attestations if each.build is not None], _SHOWN, output)


@provenance.command(name="from-commit")
@click.argument("commit")
@_namespace
@output_option
def from_commit(commit: str, namespace: str | None, output: Output) -> None:
    """List what was built from a commit, or from those that begin so."""
    with Client() as registry:
        show_list(registry.attestations.builds(commit=commit, namespace=namespace), _BUILT, output)


@provenance.command(name="from-repository")
@click.argument("repository")
@_namespace
@output_option
def from_repository(repository: str, namespace: str | None, output: Output) -> None:
    """List what was built from a repository."""
    with Client() as registry:
        show_list(registry.attestations.builds(repository=repository, namespace=namespace), _BUILT, output)


@provenance.command(name="of-build")
@click.argument("build")
@_namespace
@output_option
def of_build(build: str, namespace: str | None, output: Output) -> None:
    """List what a run of a builder produced."""
    with Client() as registry:
        show_list(registry.attestations.builds(build=build, namespace=namespace), _BUILT, output)


@provenance.command(name="by-builder")
@click.argument("builder")
@_namespace
@output_option
def by_builder(builder: str, namespace: str | None, output: Output) -> None:
    """List what a builder built."""
    with Client() as registry:
        show_list(registry.attestations.builds(builder=builder, namespace=namespace), _BUILT, output)


@provenance.command()
@click.argument("material")
@_namespace
@output_option
def using(material: str, namespace: str | None, output: Output) -> None:
    """List what was built with something in it: a digest, or its address."""
    with Client() as registry:
        show_list(registry.attestations.builds(material=material, namespace=namespace), _BUILT, output)


@provenance.command()
@click.argument("address", metavar="REFERENCE")
@click.option("--depth", type=click.IntRange(1, 20), default=20, help="How many builds to go back.")
@output_option
def into(address: str, depth: int, output: Output) -> None:
    """List what went into an artifact, and into that, back to the sources."""
    with Client() as registry:
        show_list(registry.attestations.origins(address, depth=depth), _ORIGINS, output)


@provenance.command()
@click.argument("namespace")
@output_option
def completeness(namespace: str, output: Output) -> None:
    """Say how much of a namespace is signed, and how much has provenance that counts."""
    with Client() as registry:
        show_one(registry.attestations.completeness(namespace), _COMPLETENESS, output)
