from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from entrepot.client.answers import Artifact, Entry, Namespace, Token
from entrepot.client.decode import UnexpectedShape, read
from entrepot.client.usage import DayOfUsage
from entrepot.model.digest import Digest

DIGEST = f"sha256:{'a' * 64}"


def test_reads_values_inside_of_values() -> None:
    document = {
        "digest": DIGEST,
        "size": 5,
        "media_type": "m",
        "annotations": {"digest": "plain text"},
        "links": [{"kind": "layer", "digest": DIGEST, "size": 1}],
        "published_at": "2026-01-31T12:00:00Z",
        "subject": None,
    }

    found = read(Artifact, document)

    assert found.digest == Digest.parse(DIGEST)
    assert found.links[0].digest == Digest.parse(DIGEST)
    assert found.annotations == {"digest": "plain text"}
    assert found.published_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert found.subject is None


def test_a_day_is_read() -> None:
    document = {"day": "2026-01-31", "size": 5, "trash_size": 1, "versions": 2}

    assert read(DayOfUsage, document) == DayOfUsage(date(2026, 1, 31), 5, 1, 2)
    with pytest.raises(UnexpectedShape, match=r"the answer\.day"):
        read(DayOfUsage, document | {"day": "2026-02-31"})


def test_what_it_does_not_know_is_left_out() -> None:
    assert read(Namespace, {"name": "acme", "public": True, "colour": "blue"}) == Namespace("acme", public=True)


def test_any_json_may_stand_in_an_events_data() -> None:
    document = {"position": 1, "at": "2026-01-31T12:00:00Z", "actor": "a", "type": "t", "data": {"x": [1, {"y": None}]}}

    assert read(Entry, document).data == {"x": [1, {"y": None}]}


@pytest.mark.parametrize(
    ("shape", "document", "said"),
    [
        (Namespace, [], "the answer is not an object"),
        (Namespace, {"public": True}, "the answer has no name"),
        (Namespace, {"name": 5, "public": True}, "the answer.name is not str"),
        (Namespace, {"name": "a", "public": 1}, "the answer.public is not bool"),
        (Namespace, {"name": "a", "public": True, "revision": True}, "the answer.revision is not int"),
        (Namespace, {"name": "a", "public": True, "movable": {}}, "the answer.movable is not"),
        (Token, {"id": "a", "label": "b", "principal": "c", "expires_at": 5}, "the answer.expires_at"),
        (Token, {"id": "a", "label": "b", "principal": "c", "scope": [{"pattern": 5}]}, "the answer.scope[0].pattern"),
        (Artifact, {"digest": "md5:1", "size": 1, "media_type": ""}, "the answer.digest"),
    ],
)
def test_what_is_not_as_it_should_be_is_named(shape: type, document: object, said: str) -> None:
    with pytest.raises(UnexpectedShape) as refused:
        read(shape, document)

    assert said in str(refused.value)
