"""Record what runs where, so that nothing that runs, or that may be rolled back to, is deleted.

At a place runs one artifact at a time: a record ends the one before, which is then what may be rolled back to. A record
that says the same again is no event; one that knows something else of the same artifact changes what is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.deployment import Deployment
from entrepot.model.errors import (
    ArtifactUnknown,
    Denied,
    DeploymentUnknown,
    Invalid,
    PackageUnknown,
)
from entrepot.model.events import DeploymentEnded, DeploymentRecorded
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.hold import find_kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.deployment import Particulars, Place
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId, ReferenceName
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_FEW: Final = 100


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody reports of a place: this artifact runs there, or does not any more."""

    place: Place
    digest: Digest
    particulars: Particulars
    name: str = ""
    """What the artifact is called by whoever reports: a package of the namespace, perhaps behind a host and before a tag."""
    running: bool = True


async def record_deployment(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    target: ReferenceName | Digest,
    *,
    place: Place,
    particulars: Particulars,
) -> Deployment:
    """What a name or a digest means runs at a place from now on, and what ran there before does not.

    Raises `ReferenceUnknown`, `ArtifactUnknown`, `PackageUnknown`, `Denied`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.DEPLOY, package)
    if await registry.catalog.find_package(View(package.namespace), package) is None:
        raise PackageUnknown(f"{package.namespace}/{package.name}")
    if isinstance(target, str):
        particulars = replace(particulars, version=target)

    def change(transaction: Transaction) -> Deployment:
        digest = find_kept(transaction, package, target)
        return _open(transaction, caller, Deployment(0, place, package, digest, caller.name, particulars))

    return await registry.catalog.write(change)


async def end_deployment(registry: Registry, caller: Caller, place: Place, digest: Digest | None = None) -> Deployment:
    """What runs at a place, or just this artifact, runs there no more; what had ended before stays as it is.

    Raises `DeploymentUnknown`, or what `access.require_somewhere` raises.
    """
    await access.require_somewhere(registry, caller, Action.DEPLOY, View(place.namespace))

    def change(transaction: Transaction) -> Deployment:
        known = transaction.deployments.find(place)
        if known is None or digest not in (None, known.digest):
            # It may be told late of what was replaced meanwhile: that is as it should be.
            known = None if digest is None else transaction.deployments.find_last(place, digest)
        if known is None:
            raise DeploymentUnknown(str(place))
        view, name = View(known.package.namespace), known.package.name
        if not caller.rights.allows(Action.READ, view, name):
            raise DeploymentUnknown(str(place))
        _require(caller, known)
        if known.until_position is not None:
            return known
        until = transaction.deployments.close(known.id)
        transaction.append(
            caller.name,
            DeploymentEnded(
                namespace=place.namespace,
                package=known.package.path,
                digest=str(known.digest),
                deployment=known.id,
                environment=place.environment,
                service=place.service,
                cluster=place.cluster,
                region=place.region,
            ),
        )
        return replace(known, until_position=until, until=transaction.now)

    return await registry.catalog.write(change)


async def report(
    registry: Registry, caller: Caller, namespace: NamespaceName, reports: Sequence[Report]
) -> Sequence[Deployment]:
    """Record what is reported, in the order in which it is, once all of it is known to be good.

    Raises `Invalid` when it is not clear which package is meant, `ArtifactUnknown`, `DeploymentUnknown`, `Denied`, or what
    `access.require_somewhere` raises.
    """
    await access.require_somewhere(registry, caller, Action.DEPLOY, View(namespace))
    packages = [await _package(registry, caller, each) if each.running else None for each in reports]
    done: list[Deployment] = []
    for each, package in zip(reports, packages, strict=True):
        if package is None:
            done.append(await end_deployment(registry, caller, each.place, each.digest))
        else:
            done.append(await _record(registry, caller, package, each))
    return done


async def list_deployments(
    registry: Registry,
    caller: Caller,
    namespace: NamespaceName,
    package: PackageId | None = None,
    *,
    digest: Digest | None = None,
    environment: str | None = None,
    service: str | None = None,
    cluster: str | None = None,
    history: bool = False,
    after: int = 0,
    limit: int,
) -> Sequence[Deployment]:
    """A page of what runs in a namespace, or of a package of it, in the order of their numbers; or of all that ever ran.

    Raises what `access.require_read` and `access.require_anywhere` raise.
    """
    if package is None:
        access.require_anywhere(caller, Action.READ, View(namespace))
    else:
        await access.require_read(registry, caller, View(namespace), package)
    return await registry.catalog.deployments.list(
        namespace,
        package,
        digest=digest,
        environment=environment,
        service=service,
        cluster=cluster,
        history=history,
        after=after,
        limit=limit,
    )


async def _record(registry: Registry, caller: Caller, package: PackageId, each: Report) -> Deployment:
    def change(transaction: Transaction) -> Deployment:
        if not transaction.has_artifact(package, each.digest):
            raise ArtifactUnknown(each.digest)
        return _open(
            transaction, caller, Deployment(0, each.place, package, each.digest, caller.name, each.particulars)
        )

    return await registry.catalog.write(change)


def _open(transaction: Transaction, caller: Caller, wanted: Deployment) -> Deployment:
    known = transaction.deployments.find(wanted.place)
    if known is not None and (known.package, known.digest) == (wanted.package, wanted.digest):
        if known.particulars == wanted.particulars:
            return known
        transaction.deployments.change(known.id, wanted.particulars)
        done = replace(known, particulars=wanted.particulars, changed_at=transaction.now)
        transaction.append(caller.name, _recorded(done, replaced=None))
        return done
    if known is not None:
        # Who ends what is recorded of a package lets go of it.
        _require(caller, known)
        transaction.deployments.close(known.id)
    done = transaction.deployments.open(wanted)
    transaction.append(caller.name, _recorded(done, replaced=None if known is None else str(known.digest)))
    return done


def _recorded(deployment: Deployment, *, replaced: str | None) -> DeploymentRecorded:
    place, particulars = deployment.place, deployment.particulars
    return DeploymentRecorded(
        namespace=deployment.package.namespace,
        package=deployment.package.path,
        digest=str(deployment.digest),
        deployment=deployment.id,
        environment=place.environment,
        service=place.service,
        cluster=place.cluster,
        region=place.region,
        version=particulars.version,
        tags=dict(particulars.tags),
        risks=particulars.risks,
        repository=particulars.repository,
        replaced=replaced,
    )


def _require(caller: Caller, known: Deployment) -> None:
    """Raise unless the caller may say of what runs at a place that it does not, without saying what it is."""
    package = known.package
    if not caller.rights.allows(Action.DEPLOY, View(package.namespace), package.name):
        raise Denied(f"{caller.name} may not {Action.DEPLOY} the package that runs as {known.place}")


async def _package(registry: Registry, caller: Caller, each: Report) -> PackageId:
    """Which package of the namespace is meant: the one that has the artifact, or of several the one that is so called."""
    found = await registry.catalog.deployments.list_packages(each.place.namespace, each.digest, limit=_FEW)
    allowed = [
        package for package in found if caller.rights.allows(Action.DEPLOY, View(package.namespace), package.name)
    ]
    if not allowed:
        raise ArtifactUnknown(each.digest)
    if len(allowed) > 1:
        allowed = [package for package in allowed if _is_called(package, each.name)] or allowed
    if len(allowed) > 1:
        raise Invalid(
            f"name {each.name[:100]!r}",
            expected=f"which of these packages: {', '.join(str(package) for package in allowed[:10])}",
        )
    return allowed[0]


def _is_called(package: PackageId, name: str) -> bool:
    """Whether an image's name, as clusters write it, is this package: ``registry.example.com/acme/api:1.0``."""
    path = name.partition("@")[0]
    head, slash, last = path.rpartition("/")
    path = head + slash + last.partition(":")[0]
    spellings = {package.name, package.path, f"{package.namespace}/{package.name}", str(package)}
    return any(path == spelling or path.endswith(f"/{spelling}") for spelling in spellings)
