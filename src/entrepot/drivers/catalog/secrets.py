"""Secrets in what was published: an area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog.rows import parse_time, time_text
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.digest import Digest
from entrepot.model.names import FormatName, NamespaceName, PackageId, PackageName, ReferenceName
from entrepot.ports.secrets import Acceptance, FoundSecret, Part, SecretPlace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.ports.secrets import Search

SECRETS: Final = load("secrets")


class SqlSecrets:
    """Implements `entrepot.ports.secrets.Secrets`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def list_parts(self, artifact: Digest, *, least: int) -> Sequence[Part]:
        """The bytes that an artifact consists of, without those of less than *least* bytes."""
        rows = await self._questions.all(SECRETS.list_parts, artifact=str(artifact), least=least)
        return [
            Part(
                digest=Digest.parse(digest),
                size=size,
                present=bool(present),
                detector=detector,
                found=found or 0,
                unread=unread or 0,
                notes=() if notes is None else tuple(msgspec.json.decode(notes)),
            )
            for digest, size, present, detector, found, unread, notes in rows
        ]

    async def list_found(self, artifact: Digest) -> Sequence[tuple[Digest, FoundSecret]]:
        """The secrets in them, each with the bytes that have it."""
        rows = await self._questions.all(SECRETS.list_found, artifact=str(artifact))
        return [
            (Digest.parse(digest), FoundSecret(name, rule, path, line, excerpt, token))
            for digest, name, rule, path, line, excerpt, token in rows
        ]

    async def list_places(
        self, namespace: NamespaceName, *, after: tuple[int, int], limit: int
    ) -> Sequence[SecretPlace]:
        """A page of all that is in a namespace and has secrets, package by package."""
        rows = await self._questions.all(
            SECRETS.list_places, namespace=namespace, package=after[0], blob=after[1], limit=limit
        )
        return [
            SecretPlace(
                id=(package_id, blob_id),
                package=PackageId(namespace, FormatName(format), PackageName(name)),
                holder=Digest.parse(digest),
                references=tuple(ReferenceName(each) for each in sorted(msgspec.json.decode(references))),
                secrets=tuple(FoundSecret(*each) for each in sorted(msgspec.json.decode(secrets), key=_by_place)),
            )
            for package_id, blob_id, format, name, digest, references, secrets in rows
        ]

    async def list_outdated(self, detector: int, *, limit: int) -> Sequence[tuple[PackageId, Digest]]:
        """Bytes that were searched by something older, each with a package that has them."""
        return [
            (PackageId(NamespaceName(namespace), FormatName(format), PackageName(name)), Digest.parse(digest))
            for namespace, format, name, digest in await self._questions.all(
                SECRETS.list_outdated, detector=detector, limit=limit
            )
        ]

    async def list_acceptances(self, package: PackageId) -> Sequence[Acceptance]:
        """Which secrets are accepted in a package, by name; also those whose time is over."""
        return [
            Acceptance(
                package=package,
                name=name,
                reason=reason,
                actor=actor,
                expires_at=None if expires_at is None else parse_time(expires_at),
                at=None if at is None else parse_time(at),
            )
            for name, reason, actor, expires_at, at in await self._questions.all(
                SECRETS.list_acceptances, **identity(package)
            )
        ]

    async def find_token(self, secret_hash: bytes) -> str | None:
        """The id of the token of this registry that has this hash, whether or not it still works."""
        row = await self._questions.one(SECRETS.find_token, hash=secret_hash)
        return None if row is None else str(row[0])


def _by_place(secret: list[Any]) -> tuple[str, int, str]:
    """Where it lies in the bytes that have it, as `list_found` puts them."""
    name, _, path, line, *_ = secret
    return path, line, name


def _rows(searches: Mapping[Digest, Search]) -> list[dict[str, object]]:
    return [
        {
            "digest": str(digest),
            "detector": search.detector,
            "found": len(search.secrets),
            "unread": search.unread,
            "notes": msgspec.json.encode(search.notes).decode(),
        }
        for digest, search in searches.items()
    ]


class SqlSecretChanges:
    """Implements `entrepot.ports.secrets.SecretChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def keep(self, searches: Mapping[Digest, Search]) -> None:
        """Know what came of searching some bytes, in place of what was known before."""
        session, rows = self._session, _rows(searches)
        session.run_rows(SECRETS.keep_searches, rows)
        session.run_rows(SECRETS.forget_secrets, rows)
        found = [
            {"digest": str(digest), **msgspec.to_builtins(each)}
            for digest, search in searches.items()
            for each in search.secrets
        ]
        session.run_rows(SECRETS.add_secrets, found)

    def tell(self, package: PackageId, digest: Digest, detector: int) -> bool:
        """Remember that it was told of a package what these bytes in it have; False when it was told before."""
        session = self._session
        changed = session.run(
            SECRETS.tell, package=session.package_id(package), blob=session.blob_id(digest), detector=detector
        )
        return changed > 0

    def accept(self, acceptance: Acceptance) -> bool:
        """Let a secret be accepted in a package, in place of what was said of it before; False when that is the same."""
        session = self._session
        package, name = session.package_id(acceptance.package), acceptance.name
        expires_at = None if acceptance.expires_at is None else time_text(acceptance.expires_at)
        said = (acceptance.reason, acceptance.actor, expires_at)
        known = session.one(SECRETS.find_acceptance, package=package, name=name)
        if known == said:
            return False
        session.run(SECRETS.close_acceptance, package=package, name=name, position=session.position)
        session.run(
            SECRETS.open_acceptance,
            package=package,
            name=name,
            reason=acceptance.reason,
            actor=acceptance.actor,
            expires_at=expires_at,
            position=session.position,
        )
        return True

    def unaccept(self, package: PackageId, name: str) -> bool:
        """Let it be accepted no more; False when it is not."""
        session = self._session
        package_id = session.find_package_id(package)
        if package_id is None:
            return False
        return session.run(SECRETS.close_acceptance, package=package_id, name=name, position=session.position) > 0
