from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import get_args, get_origin

import msgspec
import pytest

from entrepot.model import errors, events
from entrepot.model.access import Action, Allowance, Caller, Permit, Rights, Role, parse_action, parse_role
from entrepot.model.digest import ALGORITHMS, Digest, parse_algorithm
from entrepot.model.errors import Invalid, InvalidDigest, InvalidName, InvalidReference, RegistryError, UploadUnknown
from entrepot.model.names import (
    PackageName,
    PackagePattern,
    ReferenceName,
    View,
    parse_namespace,
    parse_principal,
    parse_reference,
)
from entrepot.model.reference import DEFAULT_RULES, ReferenceKind, TagRules, is_fallback
from entrepot.model.upload import Upload, UploadId
from entrepot.testing.builders import NOON, package

API = PackageName("team/api")
ACME, PROD, ZETA = (View.parse(text) for text in ("acme", "acme.prod", "zeta"))


# --- names ---


@pytest.mark.parametrize("text", ["a", "a-b", "a1-2b", "0", "a" * 63])
def test_a_namespace_is_a_label(text: str) -> None:
    assert parse_namespace(text) == text


@pytest.mark.parametrize("text", ["", "-", "a-", "-a", "a--b", "A", "a.b", "a_b", "a/b", "é", "a" * 64, "a\n", " a"])
def test_nothing_else_is_a_namespace(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_namespace(text)


@pytest.mark.parametrize("text", ["acme.", ".prod", "acme.prod.x", "acme.Prod", "."])
def test_a_view_has_one_channel_at_most(text: str) -> None:
    with pytest.raises(InvalidName):
        View.parse(text)


def test_a_channel_is_read_only_and_its_namespace_covers_it() -> None:
    assert ACME.writable
    assert not PROD.writable
    assert ACME.covers(PROD)
    assert not PROD.covers(ACME)
    assert not ZETA.covers(PROD)


@pytest.mark.parametrize("text", ["1.0", "v1", "_", "A.b-c_d+e", "a" * 128])
def test_a_reference_is_what_any_protocol_writes(text: str) -> None:
    assert parse_reference(text) == text


@pytest.mark.parametrize("text", ["", ".a", "-a", "+a", "a/b", "a:b", "a b", "é", "a" * 129, "a\n"])
def test_nothing_else_is_a_reference(text: str) -> None:
    with pytest.raises(InvalidReference):
        parse_reference(text)


@pytest.mark.parametrize("text", ["", "A", "-a", "a-", ".a", "a b", "a/b", "a" * 65, "a\n"])
def test_nothing_odd_is_a_principal(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_principal(text)


@pytest.mark.parametrize("text", ["", "a\n", "a\x00", "a" * 257])
def test_a_pattern_is_printable_and_short(text: str) -> None:
    with pytest.raises(InvalidName):
        PackagePattern.parse(text)


def test_a_package_prints_with_its_format() -> None:
    assert str(package("acme/requests", format="pypi")) == "acme/pypi/requests"


@pytest.mark.parametrize(
    "text",
    ["", "sha256", "sha256:", "sha256:" + "0" * 63, "sha256:" + "A" * 64, "sha512:" + "0" * 64, "md5:" + "0" * 32],
)
def test_a_digest_is_of_an_algorithm_that_is_known_and_of_its_length(text: str) -> None:
    with pytest.raises(InvalidDigest):
        Digest.parse(text)


def test_an_algorithm_is_one_of_these() -> None:
    assert [parse_algorithm(each) for each in ALGORITHMS] == ["sha256", "sha512"]
    with pytest.raises(InvalidDigest):
        parse_algorithm("md5")


# --- references ---


@pytest.mark.parametrize("name", ["1.0", "v1.0", "1.2.3", "v2.0.1-rc1", "1.0_1", "1.0+build.5", "2024.01.31"])
def test_these_look_like_versions(name: str) -> None:
    assert DEFAULT_RULES.kind_of(ReferenceName(name)) is ReferenceKind.VERSION


@pytest.mark.parametrize("name", ["latest", "main", "1", "v1", "dev-1.0", "1.0rc1", "1..0", "release-1", "abc123"])
def test_these_look_like_tags(name: str) -> None:
    assert DEFAULT_RULES.kind_of(ReferenceName(name)) is ReferenceKind.TAG


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sha256-" + "0" * 64, True),
        ("sha256-" + "0" * 64 + ".sig", True),
        ("sha512-" + "0" * 128, True),
        ("sha512-" + "0" * 121, True),
        ("sha256-" + "0" * 63, False),
        ("sha256-" + "0" * 64 + ".SIG", False),
        ("latest", False),
    ],
)
def test_a_tag_that_clients_keep_for_a_digest_is_told(name: str, expected: bool) -> None:
    assert is_fallback(name) is expected


def test_rules_name_further_versions_and_what_may_move() -> None:
    rules = TagRules(movable=(PackagePattern("latest"),), versions=(PackagePattern("release-*"),))

    assert rules.kind_of(ReferenceName("release-a")) is ReferenceKind.VERSION
    assert rules.lets_move(ReferenceName("latest"))
    assert not rules.lets_move(ReferenceName("main"))


# --- who may ---


def test_an_allowance_is_for_its_actions_its_view_and_its_packages() -> None:
    held = Allowance(Role.PUBLISHER, ACME, PackagePattern("team/*"))

    assert held.allows(Action.PUBLISH, PROD, API)
    assert not held.allows(Action.DELETE, ACME, API)
    assert not held.allows(Action.READ, ZETA, API)
    assert not held.allows(Action.READ, None, API)
    assert not held.allows(Action.READ, ACME, PackageName("other"))
    assert not held.allows(Action.READ, ACME, None)
    assert Allowance(Role.PUBLISHER).allows(Action.READ, None, None)


def test_a_permit_is_for_one_package() -> None:
    permit = Permit(frozenset({Action.READ}), PROD, API)

    assert permit.allows(Action.READ, PROD, API)
    assert not permit.allows(Action.READ, ACME, API)
    assert not permit.allows(Action.READ, None, API)
    assert not permit.allows(Action.READ, PROD, None)
    assert permit.touches(ACME)
    assert not permit.touches(ZETA)
    assert not permit.covers(Allowance(Role.READER, PROD))


def test_every_layer_must_allow() -> None:
    rights = Rights(((Allowance(Role.MAINTAINER, ACME),),)).narrowed([Allowance(Role.READER)])

    assert rights.allows(Action.READ, ACME, API)
    assert not rights.allows(Action.DELETE, ACME, API)
    assert not rights.narrowed([]).allows(Action.READ, ACME, API)
    assert rights.covers(Allowance(Role.READER, ACME))
    assert not rights.covers(Allowance(Role.PUBLISHER, ACME))


def test_a_caller_without_a_principal_is_anonymous() -> None:
    assert Caller().name == "anonymous"


def test_roles_and_actions_are_read_by_name() -> None:
    assert [parse_role(role) for role in Role] == list(Role)
    assert [parse_action(action) for action in Action] == list(Action)
    with pytest.raises(Invalid):
        parse_role("owner")
    with pytest.raises(Invalid):
        parse_action("fly")


# --- uploads ---


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text.replace("sha256", "sha512"),
        lambda text: text.replace("sha256", "md5"),
        lambda text: text.replace(".", "", 1),
        lambda text: "." + text,
        lambda text: text.upper(),
        lambda text: text.rpartition(".")[0] + ".",
    ],
)
def test_a_session_cannot_be_written_by_hand(change: object) -> None:
    upload = Upload(UploadId("0b8f7e5c-6a0e-4c38-9a55-3a4b4f0f7a41"), package("acme/api"), "alice", NOON)
    text = change(upload.seal(b"secret"))  # type: ignore[operator]

    with pytest.raises(UploadUnknown):
        Upload.open(text, b"secret", package=upload.package, principal="alice", now=NOON)


@pytest.mark.parametrize("expiry", ["f" * 30, "z", ""])
def test_a_session_that_was_sealed_with_an_odd_time_is_unknown(expiry: str) -> None:
    upload = Upload(UploadId("0b8f7e5c-6a0e-4c38-9a55-3a4b4f0f7a41"), package("acme/api"), "alice", NOON)
    body = f"{upload.id}.{expiry}.sha256"

    with pytest.raises(UploadUnknown):
        Upload.open(
            f"{body}.{upload._seal(body, b'secret')}",
            b"secret",
            package=upload.package,
            principal="alice",
            now=datetime(1960, 1, 1, tzinfo=UTC),
        )


def test_a_session_ends_with_its_lease() -> None:
    upload = Upload(UploadId("0b8f7e5c-6a0e-4c38-9a55-3a4b4f0f7a41"), package("acme/api"), "alice", NOON)
    text = upload.seal(b"secret")

    assert Upload.open(text, b"secret", package=upload.package, principal="alice", now=NOON) == upload
    with pytest.raises(UploadUnknown):
        Upload.open(text, b"secret", package=upload.package, principal="alice", now=NOON + timedelta(microseconds=1))


# --- errors and events ---


def subclasses(cls: type) -> list[type]:
    return [cls, *(below for child in cls.__subclasses__() for below in subclasses(child))]


ERRORS = [cls for cls in subclasses(RegistryError) if cls.__module__ == errors.__name__]


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_an_error_says_what_is_wrong_in_a_sentence(cls: type[RegistryError]) -> None:
    required = {
        name: 1
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is inspect.Parameter.empty
    }

    error = cls("x", **required)

    assert re.fullmatch(r"[A-Z].*[.]", error.summary)
    assert str(error) == f"{error.summary.rstrip('.')}: x"


def test_an_error_says_what_was_expected_and_what_there_was() -> None:
    assert (
        str(Invalid("x", expected="y", actual="z"))
        == "The request cannot succeed as it was sent: x (expected y, got z)"
    )
    assert str(Invalid(expected="y")) == "The request cannot succeed as it was sent. (expected y)"
    assert str(Invalid(actual="z")) == "The request cannot succeed as it was sent."


EVENTS = [cls for cls in subclasses(events.Event) if cls is not events.Event]


@pytest.mark.parametrize("cls", EVENTS, ids=lambda cls: cls.__name__)
def test_an_event_is_a_cloud_event_in_the_past_tense_that_is_read_again(cls: type[events.Event]) -> None:
    values = {
        each.name: msgspec.convert({} if dict in (each.type, get_origin(each.type)) else _example(each.type), each.type)
        for each in msgspec.structs.fields(cls)
        if each.default is msgspec.NODEFAULT and each.default_factory is msgspec.NODEFAULT
    }

    event = cls(**values)

    assert re.fullmatch(r"dev\.entrepot\.[a-z]+(-[a-z]+)*\.[a-z]+\.v1", event.type)
    assert events.decode(events.encode(event)) == event
    assert cls.__doc__


def _example(type_: object) -> object:
    examples = {str: "text", int: 1, float: 1.5, bool: True, datetime: "2026-01-31T12:00:00Z"}
    # Of what may be missing, the value that it has when it is not.
    named = get_args(type_)[0] if get_origin(type_) is UnionType else type_
    return examples.get(named, [])


def test_every_event_has_a_type_of_its_own() -> None:
    types = [cls.__struct_config__.tag for cls in EVENTS]

    assert len(set(types)) == len(types)
    assert set(events.AnyEvent.__args__) == set(EVENTS)
