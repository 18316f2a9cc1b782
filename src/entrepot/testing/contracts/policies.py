"""What every catalog promises of policies, and of what is asked about at the doors (`entrepot.ports.policies`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from entrepot.model.errors import NamespaceUnknown
from entrepot.model.events import PolicySet
from entrepot.model.names import FormatName, NamespaceName, PackagePattern, parse_channel
from entrepot.model.policy import Door, Mode, Policy
from entrepot.testing.builders import NOON, StoppedClock, image, index, package
from entrepot.testing.contracts.catalog import ACME, API, OTHER, Filling

if TYPE_CHECKING:
    from entrepot.ports.catalog import Catalog, Transaction
    from entrepot.ports.policies import Entered

_SMALL: Final = Policy(
    name="small",
    door=Door.ADMISSION,
    condition="size < 10",
    namespace=ACME,
    mode=Mode.WARN,
    channels=(parse_channel("prod"),),
    formats=(FormatName("oci"), FormatName("pypi")),
    packages=PackagePattern("team/*"),
    message="'too large'",
    description="No room.",
)
_PLAIN: Final = Policy(name="plain", door=Door.READING, condition="true", namespace=ACME)


async def _set(catalog: Catalog, policy: Policy, actor: str = "ann") -> Policy | None:
    def change(transaction: Transaction) -> Policy | None:
        known = transaction.policies.set(policy, actor)
        if known is not None:
            transaction.append(
                actor,
                PolicySet(
                    namespace=policy.namespace,
                    policy=policy.name,
                    version=known.version,
                    door=policy.door,
                    condition=policy.condition,
                    mode=policy.mode,
                ),
            )
        return known

    return await catalog.write(change)


class PoliciesContract:
    """To be inherited by a test class that has the fixtures ``catalog`` and ``clock``."""

    async def test_a_policy_is_known_in_the_words_in_which_it_was_set(self, catalog: Catalog) -> None:
        await Filling(catalog).namespace()

        said = await _set(catalog, _SMALL)

        (known,) = await catalog.policies.list(ACME)
        position, _ = await catalog.head()
        assert said == replace(_SMALL, version=1, actor="ann", from_position=position)
        assert known == replace(said, at=known.at)
        assert known.at is not None
        assert known.digest == _SMALL.digest
        assert await catalog.write(lambda change: change.policies.list(ACME)) == [known]

    async def test_policies_are_listed_by_name_and_are_a_namespaces_own(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        await filling.namespace("umbrella")
        await _set(catalog, _SMALL)
        await _set(catalog, _PLAIN)

        assert [each.name for each in await catalog.policies.list(ACME)] == ["plain", "small"]
        assert await catalog.policies.list(NamespaceName("umbrella")) == []
        assert await catalog.policies.list(NamespaceName("nobody")) == []

    async def test_the_same_words_again_are_no_new_version(self, catalog: Catalog) -> None:
        await Filling(catalog).namespace()
        await _set(catalog, _SMALL)
        before = await catalog.head()

        assert await _set(catalog, _SMALL, "bob") is None

        assert await catalog.head() == before

    async def test_all_that_a_policy_ever_was_is_remembered(self, catalog: Catalog) -> None:
        await Filling(catalog).namespace()
        await _set(catalog, _SMALL)
        await _set(catalog, replace(_SMALL, condition="size < 20"), "bob")
        assert await catalog.write(lambda change: change.policies.remove(ACME, "small"))
        await _set(catalog, _SMALL, "cat")

        history = await catalog.policies.list(ACME, history=True)

        assert [(each.version, each.condition, each.actor) for each in history] == [
            (1, "size < 10", "ann"),
            (2, "size < 20", "bob"),
            (3, "size < 10", "cat"),
        ]
        assert [each.until_position is None for each in history] == [False, False, True]
        assert [each.version for each in await catalog.policies.list(ACME)] == [3]

    async def test_a_policy_that_is_not_there_cannot_be_removed(self, catalog: Catalog) -> None:
        await Filling(catalog).namespace()

        assert not await catalog.write(lambda change: change.policies.remove(ACME, "small"))
        with pytest.raises(NamespaceUnknown):
            await _set(catalog, replace(_SMALL, namespace=NamespaceName("nobody")))

    # --- what is asked about ---

    async def test_what_stands_for_itself_is_listed_by_package_and_page(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        first, child, named = image(b"first"), image(b"child"), image(b"named")
        both = index(child, named)
        other = await filling.artifact(image(b"other"), "1.0", where=OTHER)
        await filling.artifact(first)
        await filling.artifact(both, "2.0")
        await filling.artifact(named, "alone")

        seen: list[Entered] = []
        after: Entered | None = None
        while page := await catalog.policies.list_entered(ACME, after=after, limit=1):
            seen += page
            after = page[-1]

        assert {(each.package, each.digest) for each in seen} == {
            (API, first.digest),
            (API, named.digest),
            (API, both.digest),
            (OTHER, other),
        }
        assert [each.package for each in seen] == [API, API, API, OTHER]
        assert await catalog.policies.list_entered(ACME, limit=99) == seen

    async def test_what_was_taken_out_is_asked_about_no_more(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        digest = await filling.artifact(image(b"first"))

        await filling.remove(digest)

        assert await catalog.policies.list_entered(ACME, limit=9) == []
        assert await catalog.policies.list_recent(ACME, since=NOON - timedelta(days=1), limit=9) == []

    async def test_what_came_lately_is_listed_the_newest_first(self, catalog: Catalog, clock: StoppedClock) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        await filling.artifact(image(b"old"), "1.0")
        clock.advance(days=10)
        new = [await filling.artifact(image(b"%d" % number), where=where) for number, where in enumerate((OTHER, API))]

        found = await catalog.policies.list_recent(ACME, since=clock.now() - timedelta(days=1), limit=9)

        assert [each.digest for each in found] == new[::-1]
        assert {each.at for each in found} == {clock.now()}
        assert await catalog.policies.list_recent(ACME, since=NOON, limit=1) == found[:1]
        assert len(await catalog.policies.list_recent(ACME, since=NOON, limit=9)) == 3

    async def test_doubts_are_remembered_for_each_view(self, catalog: Catalog) -> None:
        filling = Filling(catalog)
        await filling.namespace()
        digest = await filling.artifact(image(b"first"))
        prod = parse_channel("prod")

        async def doubt(channel: object, *policies: str) -> bool:
            return await catalog.write(
                lambda change: change.policies.doubt(API, digest, channel, policies)  # type: ignore[arg-type]  # a channel
            )

        assert await doubt(None, "small@1", "plain@2")
        assert await doubt(prod, "small@1")
        assert not await doubt(prod, "small@1")

        assert await catalog.policies.find_doubts(API, digest, None) == ("small@1", "plain@2")
        assert await catalog.policies.find_doubts(API, digest, prod) == ("small@1",)
        assert await catalog.policies.find_doubts(package("acme/nothing"), digest, prod) == ()
        assert await doubt(prod)
        assert not await doubt(prod)
        assert await catalog.policies.find_doubts(API, digest, prod) == ()
