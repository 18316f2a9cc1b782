# ruff: noqa: S608 (the digests are ours)
"""Each check of `integrity.sql` finds what it is for: one broken row of its kind is planted, and found."""

from __future__ import annotations

import sqlite3

import pytest

from entrepot.drivers.catalog.integrity import CHECKS
from entrepot.drivers.catalog.rows import time_text
from entrepot.model.deployment import Particulars, Place
from entrepot.model.digest import Digest
from entrepot.model.names import parse_namespace
from entrepot.operations.deploy import record_deployment
from entrepot.operations.hold import place_hold
from entrepot.testing.builders import ADMINISTRATOR, World, image, package, referrer

BUILT = image(b"a layer")
LAYER, CONFIG, MANIFEST = Digest.of(b"a layer"), Digest.of(b"{}"), BUILT.digest
API = "(SELECT id FROM package WHERE name = 'api')"


def blob(digest: Digest) -> str:
    return f"(SELECT id FROM blob WHERE digest = '{digest}')"


PLANTED = {
    "I1_bytes_are_sound": f"UPDATE blob SET state = 'damaged' WHERE digest = '{LAYER}'",
    "I1_artifacts_have_their_bytes_here": f"DELETE FROM content WHERE blob_id = {blob(MANIFEST)}",
    "I1_what_is_here_has_its_size": f"UPDATE content SET bytes = x'00' WHERE blob_id = {blob(CONFIG)}",
    "I1_what_is_cold_is_known_as_that": f"UPDATE blob SET tier = 'cold' WHERE digest = '{LAYER}'",
    "I1_what_is_known_as_cold_is_that": f"""
        INSERT INTO cold_blob (blob_id, stored, recall, rule, at) VALUES ({blob(LAYER)}, 1, 'stream', '', '')""",
    "I2_links_are_members": f"UPDATE membership SET until_position = 1 WHERE blob_id = {blob(LAYER)}",
    "I2_rows_have_their_other_end": f"DELETE FROM blob WHERE digest = '{CONFIG}'",
    "I3_references_name_members": f"UPDATE membership SET until_position = 1 WHERE blob_id = {blob(MANIFEST)}",
    "I4_versions_only_grow": f"""
        INSERT INTO reference (package_id, kind, name, blob_id, sealed, from_position, until_position)
        SELECT {API}, 'version', '1.0', blob_id, 1, 1, 2 FROM artifact WHERE subject_id IS NOT NULL""",
    "I5_every_change_has_its_event": f"UPDATE membership SET from_position = 99 WHERE blob_id = {blob(LAYER)}",
    "I5_entries_are_filed_where_they_say": "UPDATE event SET namespace = 'zeta', package = NULL WHERE position = 2",
    "I6_positions_have_no_gaps": "DELETE FROM event WHERE position = 2",
    "I7_clearances_show_members": """
        UPDATE membership SET until_position = 1
         WHERE blob_id = (SELECT blob_id FROM artifact WHERE subject_id IS NOT NULL)""",
    "I7_what_is_blocked_is_barred": f"""
        INSERT INTO block (id, package_id, blob_id, kind, reason, actor, from_position)
        VALUES ('1', {API}, {blob(MANIFEST)}, 'blocked', 'no', 'guard', 3)""",
    "I7_what_is_barred_is_blocked": f"UPDATE membership SET barred = 1 WHERE blob_id = {blob(LAYER)}",
    "I8_members_outlive_nothing": f"UPDATE blob SET state = 'absent' WHERE digest = '{LAYER}'",
    "I8_what_is_given_up_is_never_read_again": f"INSERT INTO garbage (digest, generation, size) VALUES ('{LAYER}', 0, 1)",
    "I8_places_are_used_once": f"""
        INSERT INTO blob_move (blob_id, tier, generation, renewed_at) VALUES ({blob(LAYER)}, 'cold', 7, '')""",
    "I9_what_is_reachable_is_kept": f"UPDATE blob SET state = 'condemned' WHERE digest = '{LAYER}'",
    "I9_what_runs_is_kept": f"UPDATE membership SET until_position = 1 WHERE blob_id = {blob(MANIFEST)}",
    "I9_what_is_held_is_kept": f"UPDATE membership SET until_position = 1 WHERE blob_id = {blob(MANIFEST)}",
    "I9_places_run_what_is_theirs": """
        UPDATE place SET namespace_id = (SELECT id FROM namespace WHERE name = 'zeta')""",
    "I10_followers_are_behind_the_journal": "INSERT INTO cursor (follower, position) VALUES ('search', 99)",
    "I11_revisions_are_the_last_event": "UPDATE package SET revision = revision - 1 WHERE name = 'api'",
    "I11_namespaces_know_their_last_event": "UPDATE namespace SET revision = revision + 1",
    "I13_what_namespaces_have_is_charged": f"UPDATE charge SET members = members + 1 WHERE blob_id = {blob(LAYER)}",
    "I13_nothing_is_had_for_nothing": f"DELETE FROM charge WHERE blob_id = {blob(LAYER)}",
    "I13_charges_are_of_what_is_here": f"UPDATE charge SET size = size + 1 WHERE blob_id = {blob(LAYER)}",
    "I13_accounts_are_the_sums": "UPDATE account SET bytes = bytes + 1",
    "I13_versions_are_counted": "UPDATE account SET versions = versions + 1",
    "I13_namespaces_have_accounts": "DELETE FROM account",
    "I14_what_was_erased_is_not_here": f"INSERT INTO erased_blob (blob_id, erasure_id) VALUES ({blob(LAYER)}, 1)",
    "I14_no_package_has_what_was_erased": f"INSERT INTO erased_blob (blob_id, erasure_id) VALUES ({blob(LAYER)}, 1)",
}


@pytest.fixture
async def filled(world: World) -> World:
    await world.push("acme/api", BUILT, "1.0", "latest")
    await world.push("acme/api", referrer(BUILT, config=b"{ }"))
    await world.clear("acme/api", BUILT.digest)
    await world.namespace("zeta")
    where = Place(parse_namespace("acme"), "prod", "payments")
    await record_deployment(
        world.registry, ADMINISTRATOR, package("acme/api"), BUILT.digest, place=where, particulars=Particulars()
    )
    await place_hold(world.registry, ADMINISTRATOR, package("acme/api"), BUILT.digest, reason="evidence")
    assert await world.catalog.violations() == []
    return world


def plant(world: World, statement: str) -> None:
    connection = sqlite3.connect(world.folder / "catalog.sqlite")
    for trigger in ("event_is_never_changed", "event_is_never_deleted"):
        connection.execute(f"DROP TRIGGER {trigger}")
    assert connection.execute(statement).rowcount > 0
    connection.commit()
    connection.close()


def test_every_check_is_tested() -> None:
    assert set(PLANTED) == set(CHECKS)


@pytest.mark.parametrize("name", PLANTED)
async def test_a_check_finds_what_it_is_for(filled: World, name: str) -> None:
    plant(filled, PLANTED[name])
    now = {"now": time_text(filled.clock.now())}

    found = {problem for (problem,) in filled.catalog._reader.execute(CHECKS[name], now)}

    assert found
    assert name.partition("_")[0] in {invariant for invariant, _ in await filled.catalog.violations()}


async def test_a_row_without_its_other_end_is_found(filled: World) -> None:
    plant(filled, f"DELETE FROM blob WHERE digest = '{CONFIG}'")

    assert ("I2", "row 1 of content has no other end in blob") in await filled.catalog.violations()
