"""What is kept: leases, holds, and what runs where; the latter also in the form of GitHub's API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, page
from entrepot.api.requests import parse_target, parse_writable, read_body, read_query
from entrepot.api.shapes import deployments as shapes
from entrepot.api.shapes.basics import Because, Page
from entrepot.model.deployment import Particulars, Place
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    Denied,
    DeploymentUnknown,
    HoldUnknown,
    LeaseUnknown,
    NamespaceUnknown,
    PackageUnknown,
    ReadOnly,
    ReferenceUnknown,
    TooManyHolds,
)
from entrepot.model.names import parse_namespace
from entrepot.model.position import Position
from entrepot.operations import deploy, hold
from entrepot.operations.deploy import Report
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model import deployment
    from entrepot.model.names import NamespaceName
    from entrepot.wire.call import Call

_LONGEST_HISTORY = 1_000


async def take_lease(call: Call) -> Reply:
    """Keep an artifact for a time, with all that it contains and its referrers.

    Nobody can delete it meanwhile, and nobody has to do anything for that to end.
    """
    package = parse_writable(call)
    body = await read_body(call, shapes.NewLease)
    ttl = timedelta(seconds=body.ttl_seconds)
    taken = await hold.take_lease(
        call.registry, call.caller, package, parse_target(call), ttl=ttl, reason=body.reason, holder=body.holder
    )
    return json_reply(shapes.Hold.of(taken), status=201)


async def renew_lease(call: Call) -> Reply:
    """Let a lease last longer: at least so long from now, and never for less than it would."""
    body = await read_body(call, shapes.LeaseRenewal)
    ttl = timedelta(seconds=body.ttl_seconds)
    return json_reply(shapes.Hold.of(await hold.renew_lease(call.registry, call.caller, call.path["lease"], ttl=ttl)))


async def release_lease(call: Call) -> Reply:
    """End a lease before its time."""
    await hold.release_lease(call.registry, call.caller, call.path["lease"])
    return Reply(DONE)


async def list_leases(call: Call) -> Reply:
    """List what is leased in a namespace, the oldest lease first."""
    return await _list(call, leases=True)


async def place_hold(call: Call) -> Reply:
    """Keep an artifact until somebody lifts the hold, with all that it contains and its referrers."""
    package = parse_writable(call)
    body = await read_body(call, shapes.NewHold)
    placed = await hold.place_hold(
        call.registry,
        call.caller,
        package,
        parse_target(call),
        reason=body.reason,
        legal=body.legal,
        holder=body.holder,
    )
    return json_reply(shapes.Hold.of(placed), status=201)


async def lift_hold(call: Call) -> Reply:
    """Lift a hold."""
    query = read_query(call, Because)
    await hold.lift_hold(call.registry, call.caller, call.path["hold"], reason=query.reason)
    return Reply(DONE)


async def list_holds(call: Call) -> Reply:
    """List what is held in a namespace, the oldest hold first."""
    return await _list(call, leases=False)


async def _list(call: Call, *, leases: bool) -> Reply:
    query = read_query(call, shapes.HoldsQuery)
    found = await hold.list_holds(
        call.registry,
        call.caller,
        parse_namespace(call.path["namespace"]),
        leases=leases,
        history=query.history,
        after=Position(query.after),
        limit=query.limit + 1,
    )
    return json_reply(page(found, query.limit, show=shapes.Hold.of, cursor=lambda last: str(last.from_position)))


async def record_deployment(call: Call) -> Reply:
    """Say that an artifact runs somewhere from now on, and that what ran there before does not.

    Nobody can delete it while it runs, nor what ran there last: those may be rolled back to.
    """
    package = parse_writable(call)
    body = await read_body(call, shapes.NewDeployment)
    place = Place.parse(
        package.namespace,
        environment=body.environment,
        service=body.service,
        cluster=body.cluster,
        region=body.region,
    )
    particulars = Particulars.parse(tags=body.tags, risks=tuple(body.risks), repository=body.repository)
    done = await deploy.record_deployment(
        call.registry, call.caller, package, parse_target(call), place=place, particulars=particulars
    )
    return json_reply(shapes.Deployment.of(done))


async def end_deployment(call: Call) -> Reply:
    """Say that nothing runs somewhere any more; or, with a digest, that this artifact does not."""
    namespace = parse_namespace(call.path["namespace"])
    body = await read_body(call, shapes.EndedDeployment)
    place = Place.parse(
        namespace, environment=body.environment, service=body.service, cluster=body.cluster, region=body.region
    )
    digest = None if body.digest is None else Digest.parse(body.digest)
    return json_reply(shapes.Deployment.of(await deploy.end_deployment(call.registry, call.caller, place, digest)))


async def list_deployments(call: Call) -> Reply:
    """List what runs in a namespace, in the order in which it began; or all that ever ran."""
    query = read_query(call, shapes.DeploymentsQuery)
    found = await deploy.list_deployments(
        call.registry,
        call.caller,
        parse_namespace(call.path["namespace"]),
        environment=query.environment or None,
        service=query.service or None,
        cluster=query.cluster or None,
        history=query.history,
        after=query.after,
        limit=query.limit + 1,
    )
    return json_reply(page(found, query.limit, show=shapes.Deployment.of, cursor=lambda last: str(last.id)))


# --- GitHub's form; its organizations are our namespaces, and their names have no case ---


async def create_deployment_record(call: Call) -> Reply:
    """Create or update a deployment record, as GitHub's API does.

    The package is the one of the namespace that has the digest; of several, the one that is called like `name`.
    """
    namespace = parse_namespace(call.path["namespace"].lower())
    body = await read_body(call, shapes.NewDeploymentRecord)
    report = _report(
        namespace,
        body,
        environment=body.logical_environment,
        region=body.physical_environment,
        cluster=body.cluster,
    )
    return await _recorded(call, namespace, [report], shown=body.return_records)


async def set_cluster_deployment_records(call: Call) -> Reply:
    """Create or update the deployment records of a cluster, as GitHub's API does. What is not named stays as it is.

    Nothing is recorded when something in it is unknown.
    """
    namespace = parse_namespace(call.path["namespace"].lower())
    body = await read_body(call, shapes.ClusterDeploymentRecords)
    reports = [
        _report(
            namespace,
            each,
            environment=body.logical_environment,
            region=body.physical_environment,
            cluster=call.path["cluster"],
        )
        for each in body.deployments
    ]
    return await _recorded(call, namespace, reports, shown=body.return_records)


async def list_deployment_records(call: Call) -> Reply:
    """List as what an artifact runs, and ran, as GitHub's API does: at most a thousand records."""
    found = await deploy.list_deployments(
        call.registry,
        call.caller,
        parse_namespace(call.path["namespace"].lower()),
        digest=Digest.parse(call.path["digest"]),
        history=True,
        limit=_LONGEST_HISTORY,
    )
    return json_reply(_records(found))


def _report(
    namespace: NamespaceName,
    body: shapes.NewDeploymentRecord | shapes.ClusterDeployment,
    *,
    environment: str,
    region: str | None,
    cluster: str | None,
) -> Report:
    place = Place.parse(
        namespace,
        environment=environment,
        service=body.deployment_name,
        cluster=cluster or "",
        region=region or "",
    )
    particulars = Particulars.parse(
        version=body.version or "",
        tags=body.tags,
        risks=tuple(body.runtime_risks or ()),
        repository=body.github_repository or "",
    )
    return Report(place, Digest.parse(body.digest), particulars, body.name, running=body.status == "deployed")


async def _recorded(call: Call, namespace: NamespaceName, reports: Sequence[Report], *, shown: bool) -> Reply:
    done = await deploy.report(call.registry, call.caller, namespace, reports)
    return json_reply(_records(done) if shown else shapes.DeploymentRecords(len(done)))


def _records(found: Sequence[deployment.Deployment]) -> shapes.DeploymentRecords:
    return shapes.DeploymentRecords(len(found), [shapes.DeploymentRecord.of(each) for each in found])


_PACKAGE = "/api/v1/packages/{view}/{format}/{package}/-"
_NAMESPACE = "/api/v1/namespaces/{namespace}"
_GITHUB = "/api/v3/orgs/{namespace}/artifacts"
_ARTIFACT = (PackageUnknown, ReferenceUnknown, ArtifactUnknown)

DEPLOYMENTS = Subject(
    "Deployments",
    "What runs, what may be rolled back to, what is leased and what is held cannot be deleted. `/api/v3` is for GitHub's "
    "clients: they record deployments here when their base URL is changed.",
    (
        Endpoint(
            method="POST",
            path=_PACKAGE + "/leases/{artifact}",
            handler=take_lease,
            body=shapes.NewLease,
            answers={201: Answer("It is kept.", shapes.Hold)},
            errors=(Denied, ReadOnly, TooManyHolds, *_ARTIFACT),
        ),
        Endpoint(
            method="GET",
            path=_NAMESPACE + "/leases",
            handler=list_leases,
            query=shapes.HoldsQuery,
            answers={200: Answer("A page of leases.", Page[shapes.Hold])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/leases/{lease}/renew",
            handler=renew_lease,
            body=shapes.LeaseRenewal,
            answers={200: Answer("The lease as it is now.", shapes.Hold)},
            errors=(Denied, LeaseUnknown),
        ),
        Endpoint(
            method="DELETE",
            path="/api/v1/leases/{lease}",
            handler=release_lease,
            answers={204: Answer("It has ended.")},
            errors=(Denied, LeaseUnknown),
        ),
        Endpoint(
            method="POST",
            path=_PACKAGE + "/holds/{artifact}",
            handler=place_hold,
            body=shapes.NewHold,
            answers={201: Answer("It is kept.", shapes.Hold)},
            errors=(Denied, ReadOnly, TooManyHolds, *_ARTIFACT),
        ),
        Endpoint(
            method="GET",
            path=_NAMESPACE + "/holds",
            handler=list_holds,
            query=shapes.HoldsQuery,
            answers={200: Answer("A page of holds.", Page[shapes.Hold])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="DELETE",
            path="/api/v1/holds/{hold}",
            handler=lift_hold,
            query=Because,
            answers={204: Answer("It is lifted.")},
            errors=(Denied, HoldUnknown),
        ),
        Endpoint(
            method="POST",
            path=_PACKAGE + "/deployments/{artifact}",
            handler=record_deployment,
            body=shapes.NewDeployment,
            answers={200: Answer("It runs.", shapes.Deployment)},
            errors=(Denied, ReadOnly, *_ARTIFACT),
        ),
        Endpoint(
            method="GET",
            path=_NAMESPACE + "/deployments",
            handler=list_deployments,
            query=shapes.DeploymentsQuery,
            answers={200: Answer("A page of deployments.", Page[shapes.Deployment])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="POST",
            path=_NAMESPACE + "/deployments/end",
            handler=end_deployment,
            body=shapes.EndedDeployment,
            answers={200: Answer("It does not run there any more.", shapes.Deployment)},
            errors=(Denied, NamespaceUnknown, DeploymentUnknown),
        ),
        Endpoint(
            method="POST",
            path=_GITHUB + "/metadata/deployment-record",
            handler=create_deployment_record,
            body=shapes.NewDeploymentRecord,
            answers={200: Answer("The record.", shapes.DeploymentRecords)},
            errors=(Denied, NamespaceUnknown, ArtifactUnknown, DeploymentUnknown),
        ),
        Endpoint(
            method="POST",
            path=_GITHUB + "/metadata/deployment-record/cluster/{cluster}",
            handler=set_cluster_deployment_records,
            body=shapes.ClusterDeploymentRecords,
            answers={200: Answer("The records.", shapes.DeploymentRecords)},
            errors=(Denied, NamespaceUnknown, ArtifactUnknown, DeploymentUnknown),
        ),
        Endpoint(
            method="GET",
            path=_GITHUB + "/{digest}/metadata/deployment-records",
            handler=list_deployment_records,
            answers={200: Answer("The records, the oldest first.", shapes.DeploymentRecords)},
            errors=(Denied, NamespaceUnknown),
        ),
    ),
)
