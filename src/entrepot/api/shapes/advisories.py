"""What the management API reads and writes about advisories and where they come from."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Raw, Struct

from entrepot.api.shapes.texts import TIME, AdvisorySourceText, AdvisoryText, text
from entrepot.api.shapes.upstreams import _CREDENTIALS, Credentials

if TYPE_CHECKING:
    from entrepot.operations.advisories import Imported
    from entrepot.operations.advisory_changes import Changes
    from entrepot.ports.advisories import Source


class NewAdvisorySource(Struct, frozen=True, forbid_unknown_fields=True):
    """Where advisories are to come from."""

    name: AdvisorySourceText
    url: Annotated[
        str,
        text(
            "A zip of OSV records, a record a line, or the address of another Entrepot.",
            "https://osv.example.com/PyPI/all.zip",
        ),
    ]
    private: Annotated[bool, Meta(description="Whether it may be at an address of a private network.")] = False
    credentials: Annotated[Credentials | None, _CREDENTIALS] = None


class AdvisoryOrigin(Struct, frozen=True):
    """Where a source has its advisories from, when it is another Entrepot."""

    name: Annotated[str, Meta(description="What it is called there.", examples=["pypi"])]
    read_at: Annotated[datetime | None, Meta(description="When it was last read, or asked, there.", examples=[TIME])]
    advisories: Annotated[int, Meta(examples=[2661])]


class AdvisorySource(Struct, frozen=True):
    """Where advisories come from, and how old they are."""

    name: AdvisorySourceText
    url: Annotated[str | None, Meta(description="Null for what was given as files.", examples=[None])]
    private: bool
    imported_at: Annotated[datetime | None, Meta(description="When it was last read.", examples=[TIME])]
    checked_at: Annotated[datetime | None, Meta(description="When it was last asked.", examples=[TIME])]
    problem: Annotated[str | None, Meta(description="Why it could not be read the last time.", examples=[None])]
    advisories: Annotated[int, Meta(examples=[2661])]
    newest: Annotated[datetime | None, Meta(description="When its youngest record was changed.", examples=[TIME])]
    credentials: Annotated[bool, Meta(description="Whether it is asked with credentials.")]
    origins: Annotated[list[AdvisoryOrigin], Meta(description="Where another Entrepot has them from.", examples=[[]])]

    @staticmethod
    def of(found: Source) -> AdvisorySource:
        """How a source is shown."""
        return AdvisorySource(
            name=found.name,
            url=found.url,
            private=found.private,
            imported_at=found.imported_at,
            checked_at=found.checked_at,
            problem=found.problem,
            advisories=found.advisories,
            newest=found.newest,
            credentials=found.has_credentials,
            origins=[AdvisoryOrigin(each.name, each.read_at, each.advisories) for each in found.origins],
        )


class AdvisoryChangesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which changes are asked for."""

    since: Annotated[str, Meta(description="`cursor` of the page before.", max_length=200)] = ""
    limit: Annotated[int, Meta(description="How many changes are wanted.", ge=1, le=10_000)] = 1_000


class AdvisoryChangesSource(Struct, frozen=True):
    """Who says it."""

    name: Annotated[str, Meta(examples=["pypi"])]
    read_at: Annotated[datetime | None, Meta(description="When it was last read, or asked.", examples=[TIME])]
    through: Annotated[
        list[str], Meta(description="The `instance`s that it came through, the nearest first.", examples=[[]])
    ]


class ChangedAdvisory(Struct, frozen=True):
    """An advisory that is new, or says something else than before."""

    id: AdvisoryText
    source: Annotated[str, Meta(description="Which of the `sources` says it.", examples=["pypi"])]
    record: Annotated[
        Raw,
        Meta(
            description="The OSV record, as it was sent.",
            examples=[{"id": "PYSEC-2023-74", "modified": TIME}],
            extra_json_schema={"type": "object"},
        ),
    ]


class AdvisoryChanges(Struct, frozen=True):
    """What changed, and where to go on."""

    instance: Annotated[str, Meta(description="What this set of advisories is called.", examples=["0" * 32])]
    cursor: Annotated[str, Meta(description="What to send as `since` for the rest.", examples=[f"{'0' * 32}.17"])]
    complete: Annotated[
        bool, Meta(description="Whether this is the first page of everything, since `since` was none of here.")
    ]
    more: Annotated[bool, Meta(description="Whether there is more to be asked for now.")]
    sources: list[AdvisoryChangesSource]
    records: list[ChangedAdvisory]
    removed: Annotated[list[AdvisoryText], Meta(description="What was forgotten.", examples=[[]])]

    @staticmethod
    def of(found: Changes) -> AdvisoryChanges:
        """How a page of changes is shown."""
        return AdvisoryChanges(
            instance=found.instance,
            cursor=found.cursor,
            complete=found.complete,
            more=found.more,
            sources=[AdvisoryChangesSource(each.name, each.read_at, list(each.through)) for each in found.sources],
            records=[
                ChangedAdvisory(each.id, each.source, Raw(each.content))
                for each in found.changes
                if each.content is not None
            ],
            removed=[each.id for each in found.changes if each.content is None],
        )


class AdvisoryImportQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose records are sent."""

    source: AdvisorySourceText


class ImportedAdvisories(Struct, frozen=True):
    """What came of an import."""

    source: AdvisorySourceText
    records: Annotated[int, Meta(description="How many were read.", examples=[2661])]
    changed: Annotated[int, Meta(description="Those that are new, or say something else than before.", examples=[12])]
    withdrawn: Annotated[int, Meta(description="Of these, those that are withdrawn.", examples=[1])]
    older: Annotated[int, Meta(description="Records of which another source has a younger form.", examples=[0])]
    matches: Annotated[int, Meta(description="Components that the changed ones mean, or may mean.", examples=[3])]
    removed: Annotated[int, Meta(description="What another Entrepot had handed on, and does no more.", examples=[0])]
    refused: Annotated[int, Meta(description="Records that could not be read.", examples=[0])]
    problems: Annotated[list[str], Meta(description="What was wrong with the first of them.", examples=[[]])]

    @staticmethod
    def of(found: Imported) -> ImportedAdvisories:
        """How an import is shown."""
        return ImportedAdvisories(
            source=found.source,
            records=found.records,
            changed=found.changed,
            withdrawn=found.withdrawn,
            older=found.older,
            matches=found.matches,
            removed=found.removed,
            refused=found.refused,
            problems=list(found.problems),
        )


class ImportedScores(Struct, frozen=True):
    """How many flaws something was said of."""

    flaws: Annotated[int, Meta(examples=[240_000])]


class RemovedAdvisorySource(Struct, frozen=True):
    """A source that is gone, with what it had said."""

    advisories: Annotated[int, Meta(examples=[2661])]
