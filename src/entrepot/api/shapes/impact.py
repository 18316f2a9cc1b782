"""What the management API reads and writes about which artifacts hold what is bad."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from entrepot.api.shapes.findings import Suppression
from entrepot.api.shapes.texts import (
    MAX_TEXT,
    DigestText,
    FormatText,
    NamespaceText,
    PackageText,
    ReferenceText,
    ViewText,
)
from entrepot.model.advisory import State

if TYPE_CHECKING:
    from entrepot.operations import impact


class ImpactQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for."""

    q: Annotated[
        str,
        Meta(
            description="An advisory by any of its names, or a package URL, perhaps with a range behind it.",
            examples=["pkg:pypi/requests@<2.31"],
            max_length=MAX_TEXT,
        ),
    ]
    limit: Annotated[int, Meta(description="How many places are wanted.", ge=1, le=10_000)] = 1_000


class Running(Struct, frozen=True):
    """As what, and where, an artifact runs."""

    environment: str
    service: str
    cluster: str
    region: str
    version: Annotated[str, Meta(description="The name that it was deployed by, if it was by one.", examples=["1.0"])]
    since: Annotated[datetime | None, Meta(examples=["2026-01-31T12:00:00Z"])]


class ImpactHit(Struct, frozen=True):
    """An artifact that has it, where it is."""

    namespace: NamespaceText
    format: FormatText
    name: PackageText
    digest: DigestText
    references: Annotated[list[ReferenceText], Meta(description="The names that mean it now.")]
    views: Annotated[list[ViewText], Meta(description="The channels that show it.", examples=[["acme.prod"]])]
    components: Annotated[list[str], Meta(description="What it has of it.", examples=[["pkg:pypi/requests@2.30.0"]])]
    state: Annotated[State, Meta(description="`unknown` where it cannot be told.", examples=[State.AFFECTED])]
    through: Annotated[str | None, Meta(description="What in it has the component.", examples=[None])]
    deployments: Annotated[list[Running], Meta(description="As what it runs now.", examples=[[]])]
    first_without: Annotated[
        str | None, Meta(description="The first later version that has it no more.", examples=["1.5.0"])
    ]
    suppressed: Annotated[Suppression | None, Meta(description="Why the flaw does not matter there.")]

    @staticmethod
    def of(found: impact.Hit) -> ImpactHit:
        """How a hit is shown."""
        return ImpactHit(
            namespace=found.package.namespace,
            format=found.package.format,
            name=found.package.name,
            digest=str(found.digest),
            references=list(found.names),
            views=[str(view) for view in found.channels],
            components=[str(component) for component in found.components],
            state=found.state,
            through=None if found.through is None else str(found.through),
            deployments=[
                Running(
                    each.place.environment,
                    each.place.service,
                    each.place.cluster,
                    each.place.region,
                    each.particulars.version,
                    each.since,
                )
                for each in found.deployments
            ],
            first_without=found.first_without,
            suppressed=Suppression.of(found.suppressed),
        )


class Impact(Struct, frozen=True):
    """Who has it."""

    asked: Annotated[str, Meta(examples=["pkg:pypi/requests@<2.31"])]
    names: Annotated[list[str], Meta(description="What the advisory is called by everybody.", examples=[[]])]
    components: Annotated[
        list[str], Meta(description="The versions that are meant and here.", examples=[["pkg:pypi/requests@2.30.0"]])
    ]
    artifacts: Annotated[int, Meta(description="How many have one, also where you may not look.", examples=[1])]
    truncated: Annotated[bool, Meta(description="Whether there are more than were looked at.")]
    hits: list[ImpactHit]

    @staticmethod
    def of(found: impact.Impact) -> Impact:
        """How the answer is shown."""
        return Impact(
            asked=found.asked,
            names=list(found.advisories),
            components=[str(each) for each in found.components],
            artifacts=found.artifacts,
            truncated=found.truncated,
            hits=[ImpactHit.of(each) for each in found.hits],
        )
