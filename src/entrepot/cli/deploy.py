"""``entrepot deploy``: what runs where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from entrepot.cli.output import Columns, Output, output_option, show_done, show_list
from entrepot.client import Client
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from entrepot.client.deployments import Deployment

_COLUMNS: Final[Columns[Deployment]] = {
    "ENVIRONMENT": lambda it: it.environment,
    "SERVICE": lambda it: it.service,
    "CLUSTER": lambda it: it.cluster,
    "PACKAGE": lambda it: f"{it.namespace}/{it.format}/{it.package}",
    "VERSION": lambda it: it.version or str(it.digest)[:19],
    "STATUS": lambda it: it.status,
    "SINCE": lambda it: it.since,
    "UNTIL": lambda it: it.until,
    "BY": lambda it: it.actor,
}
_PLACE: Final = (
    click.option("--service", required=True, help="As what it runs."),
    click.option("--env", "environment", required=True, help="In which environment."),
    click.option("--cluster", default="", help="On which cluster."),
    click.option("--region", default="", help="Where in the world."),
)


@click.group()
def deploy() -> None:
    """What runs where, which nobody can delete."""


@deploy.command()
@click.argument("address", metavar="REFERENCE")
@_PLACE[0]
@_PLACE[1]
@_PLACE[2]
@_PLACE[3]
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="What else is to be known.")
@output_option
def record(
    *,
    address: str,
    service: str,
    environment: str,
    cluster: str,
    region: str,
    tags: tuple[str, ...],
    output: Output,
) -> None:
    """Say that an artifact runs somewhere from now on: deploy record acme/pkg:1.0 --service payments --env prod."""
    named = dict(tag.partition("=")[::2] for tag in tags)
    with Client() as registry:
        done = registry.deployments.record(address, service, environment, cluster=cluster, region=region, tags=named)
    where = f" on {done.cluster}" if done.cluster else ""
    show_done(f"{address} ({done.digest}) runs as {done.service} in {done.environment}{where}", done, output)


@deploy.command()
@click.argument("namespace")
@_PLACE[0]
@_PLACE[1]
@_PLACE[2]
@_PLACE[3]
@click.option("--digest", help="Only if it is this that runs there.")
@output_option
def end(
    *, namespace: str, service: str, environment: str, cluster: str, region: str, digest: str | None, output: Output
) -> None:
    """Say that a service runs no more where it ran."""
    only = None if digest is None else Digest.parse(digest)
    with Client() as registry:
        done = registry.deployments.end(namespace, service, environment, cluster=cluster, region=region, digest=only)
    show_done(f"{done.service} runs no more in {done.environment}: {done.digest}", done, output)


@deploy.command(name="list")
@click.argument("namespace")
@click.option("--service", help="Only this.")
@click.option("--env", "environment", help="Only in this environment.")
@click.option("--cluster", help="Only on this cluster.")
@click.option("--history", is_flag=True, help="Also what runs no more.")
@output_option
def list_(
    *,
    namespace: str,
    service: str | None,
    environment: str | None,
    cluster: str | None,
    history: bool,
    output: Output,
) -> None:
    """List what runs in a namespace."""
    with Client() as registry:
        found = registry.deployments.iter(
            namespace, environment=environment, service=service, cluster=cluster, history=history
        )
        show_list(found, _COLUMNS, output)
