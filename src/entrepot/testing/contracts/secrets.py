"""What every catalog promises of secrets that were found (`entrepot.ports.secrets`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from entrepot.model.access import PrincipalKind
from entrepot.model.digest import Digest
from entrepot.model.events import PrincipalCreated
from entrepot.model.names import NamespaceName, PrincipalName
from entrepot.model.namespace import Namespace
from entrepot.ports.catalog import TokenRow
from entrepot.ports.secrets import Acceptance, FoundSecret, Part, Search
from entrepot.testing.builders import image, index, package

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrepot.ports.catalog import Catalog, Transaction
    from entrepot.testing.builders import Image

_API: Final = package("acme/api")
_OTHER: Final = package("acme/other")
_LAYER: Final = b"a layer of some bytes"
_IMAGE: Final = image(_LAYER)
_INDEX: Final = index(_IMAGE)
_HOLDER: Final = Digest.of(_LAYER)
_FOUND: Final = FoundSecret("npm-token-0123456789ab", "npm-token", "a/b", 3, "npm_… (40 characters)")
_AT: Final = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
_ACCEPTANCE: Final = Acceptance(_API, _FOUND.name, "made up", "pat", _AT + timedelta(days=1))


def _keep(transaction: Transaction, built: Image) -> None:
    for content in built.blobs:
        transaction.keep_blob(Digest.of(content), len(content), content)
        transaction.add_blob_member(_API, Digest.of(content))
    for child in built.children:
        _keep(transaction, child)
    transaction.keep_artifact(built.artifact)
    transaction.add_artifact_member(_API, built.digest)


def _publish(transaction: Transaction) -> None:
    transaction.add_namespace(Namespace(name=_API.namespace, public=False))
    _keep(transaction, _INDEX)


def _searched(digest: Digest, found: Search) -> Callable[[Transaction], None]:
    return lambda transaction: transaction.secrets.keep({digest: found})


class SecretsContract:
    """To be inherited by a test class that has the fixture ``catalog``."""

    async def test_all_that_has_secrets_in_a_namespace_is_listed_with_what_has_it(self, catalog: Catalog) -> None:
        await catalog.write(_publish)
        await catalog.write(_searched(_HOLDER, Search(1, (_FOUND,))))
        before = await catalog.secrets.list_places(_API.namespace, after=(0, 0), limit=9)
        await catalog.write(lambda transaction: transaction.secrets.tell(_API, _HOLDER, 1))

        (found,) = await catalog.secrets.list_places(_API.namespace, after=(0, 0), limit=9)

        assert before == []
        assert (found.package, found.holder, found.secrets) == (_API, _HOLDER, (_FOUND,))
        assert await catalog.secrets.list_places(_API.namespace, after=found.id, limit=9) == []
        assert await catalog.secrets.list_places(NamespaceName("other"), after=(0, 0), limit=9) == []

    async def test_an_artifact_consists_of_all_bytes_that_it_contains(self, catalog: Catalog) -> None:
        await catalog.write(_publish)

        parts = await catalog.secrets.list_parts(_INDEX.digest, least=10)

        assert {part.digest for part in parts} == {_INDEX.digest, _IMAGE.digest, _HOLDER}
        assert all(part.present and part.detector is None for part in parts)

    async def test_what_was_found_is_known_by_the_bytes_that_have_it(self, catalog: Catalog) -> None:
        await catalog.write(_publish)

        await catalog.write(_searched(_HOLDER, Search(1, (_FOUND,), unread=2, notes=("why",))))

        assert await catalog.secrets.list_found(_IMAGE.digest) == [(_HOLDER, _FOUND)]
        assert await catalog.secrets.list_found(_INDEX.digest) == [(_HOLDER, _FOUND)]
        parts = await catalog.secrets.list_parts(_INDEX.digest, least=10)
        assert Part(_HOLDER, len(_LAYER), True, 1, 1, 2, ("why",)) in parts

    async def test_another_search_replaces_what_was_found_before(self, catalog: Catalog) -> None:
        await catalog.write(_publish)
        await catalog.write(_searched(_HOLDER, Search(1, (_FOUND,))))

        await catalog.write(_searched(_HOLDER, Search(2, (replace(_FOUND, path="c"), _FOUND, _FOUND))))

        found = [secret.path for _, secret in await catalog.secrets.list_found(_IMAGE.digest)]
        assert found == ["a/b", "c"]

    async def test_what_an_older_detector_searched_is_found(self, catalog: Catalog) -> None:
        await catalog.write(_publish)
        await catalog.write(_searched(_HOLDER, Search(1)))
        await catalog.write(_searched(_IMAGE.digest, Search(2)))

        assert await catalog.secrets.list_outdated(2, limit=10) == [(_API, _HOLDER)]
        assert await catalog.secrets.list_outdated(1, limit=10) == []

    async def test_a_package_is_told_once_of_each_search(self, catalog: Catalog) -> None:
        await catalog.write(_publish)

        told = [
            await catalog.write(lambda change, where=where, by=by: change.secrets.tell(where, _HOLDER, by))  # type: ignore[misc]  # mypy cannot infer defaults of lambdas
            for where, by in ((_API, 1), (_API, 1), (_OTHER, 1), (_API, 2), (_API, 1))
        ]

        assert told == [True, False, True, True, False]

    async def test_a_token_is_known_by_its_hash_also_when_it_works_no_more(self, catalog: Catalog) -> None:
        token = TokenRow("one", "ci", PrincipalName("ci"), None, None, _AT, None, revoked=False)

        def change(transaction: Transaction) -> None:
            transaction.add_principal(token.principal, PrincipalKind.ROBOT)
            transaction.add_token(token, b"hash")
            transaction.revoke_token("one")
            transaction.append("pat", PrincipalCreated(principal="ci", kind="robot"))

        await catalog.write(change)

        assert await catalog.secrets.find_token(b"hash") == "one"
        assert await catalog.secrets.find_token(b"other") is None

    async def test_an_acceptance_is_known_until_it_is_taken_back(self, catalog: Catalog) -> None:
        await catalog.write(_publish)

        first = await catalog.write(lambda change: change.secrets.accept(_ACCEPTANCE))
        again = await catalog.write(lambda change: change.secrets.accept(_ACCEPTANCE))
        for_ever = replace(_ACCEPTANCE, expires_at=None)
        other = await catalog.write(lambda change: change.secrets.accept(for_ever))

        assert (first, again, other) == (True, False, True)
        (known,) = await catalog.secrets.list_acceptances(_API)
        assert replace(known, at=None) == for_ever
        assert await catalog.secrets.list_acceptances(_OTHER) == []
        assert await catalog.write(lambda change: change.secrets.unaccept(_API, _FOUND.name))
        assert not await catalog.write(lambda change: change.secrets.unaccept(_API, _FOUND.name))
        assert not await catalog.write(lambda change: change.secrets.unaccept(_OTHER, _FOUND.name))
        assert await catalog.secrets.list_acceptances(_API) == []
