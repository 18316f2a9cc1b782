"""Whatever stands in the Authorization field: 401 or 429 in form, nothing else, and nothing is learned from it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any, Final

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.model.access import TokenSecret
from tests.hostile.effort import fuzz
from tests.hostile.exchange import Answer, Request, assert_answer_is_sound
from tests.hostile.inside import Inside, inside
from tests.hostile.strategies import HEADER_TEXT, ODD_VALUES, Verbatim, write_json
from tests.hostile.world import PACKAGE, basic

_HOST: Final = (b"host", b"registry.example.com")
_TARGET: Final = f"/v2/{PACKAGE}/manifests/latest".encode()
_FUTURE: Final = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())


def _ask(app: Inside, authorization: bytes, target: bytes = _TARGET) -> Answer:
    request = Request("GET", target, (_HOST, (b"authorization", authorization)))
    answer = app.ask(request)
    assert answer is not None
    assert app.bugs.take() == [], request
    assert_answer_is_sound(request, answer)
    return answer


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def _claims(**changes: Any) -> dict[str, Any]:
    """What a good access token says, but for *changes*."""
    return {
        "iss": "entrepot",
        "aud": "entrepot",
        "sub": "administrator",
        "tid": "0b8f7e5c-6a0e-4c38-9a55-3a4b4f0f7a41",
        "exp": _FUTURE,
        "nbf": 0,
        "iat": 0,
        "jti": "x",
        "access": [{"type": "repository", "name": PACKAGE, "actions": ["pull", "push", "delete"]}],
        **changes,
    }


_SCHEMES: Final = st.sampled_from([b"Basic ", b"basic", b"Bearer ", b"BEARER\t", b"Digest ", b"Negotiate ", b"", b" "])


@fuzz
@given(scheme=_SCHEMES, rest=HEADER_TEXT)
def test_no_text_is_a_credential(app: Inside, scheme: bytes, rest: bytes) -> None:
    assert _ask(app, (scheme + rest).strip() or b"x").status == 401


@fuzz
@given(text=st.binary(max_size=200))
def test_no_basic_password_is_a_credential(app: Inside, text: bytes) -> None:
    assert _ask(app, b"Basic " + base64.b64encode(text)).status == 401


@fuzz
@given(text=st.text(max_size=60), kind=st.sampled_from(["adm", "usr", "bot", "x", ""]))
def test_no_made_up_token_is_a_credential(app: Inside, text: str, kind: str) -> None:
    assert _ask(app, basic(f"ent_{kind}_{text}")).status == 401


def test_a_token_that_was_never_minted_is_no_credential(app: Inside) -> None:
    for kind in ("adm", "usr", "bot"):
        made_up = TokenSecret.generate(kind)  # type: ignore[arg-type]
        assert _ask(app, basic(made_up.text)).status == 401
        assert _ask(app, b"Bearer " + made_up.text.encode()).status == 401
        assert _ask(app, made_up.text.encode()).status == 401


def test_a_token_with_anything_added_or_removed_is_no_credential(app: Inside) -> None:
    for altered in (f"{app.token}x", app.token[:-1], app.token.upper(), f"{app.token}\x00", f" {app.token[1:]}"):
        assert _ask(app, basic(altered)).status == 401


# --- access tokens that we did not sign ---


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "HS384", "HS512", "RS256", "ES256", "EdDSA", "", None, [], {}]
)
@pytest.mark.parametrize("signature", [b"", b"x", _encoded(b"\x00" * 32)])
def test_an_access_token_of_another_algorithm_is_no_credential(app: Inside, algorithm: Any, signature: bytes) -> None:
    header = _encoded(json.dumps({"typ": "JWT", "alg": algorithm}).encode())
    text = b".".join((header, _encoded(json.dumps(_claims()).encode()), signature))

    assert _ask(app, b"Bearer " + text).status == 401


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_an_access_token_signed_with_another_key_is_no_credential(app: Inside, algorithm: str) -> None:
    for key in (b"x" * 64, b"\x00" * 64):
        text = jwt.encode(_claims(), key, algorithm=algorithm)

        assert _ask(app, b"Bearer " + text.encode()).status == 401


def test_an_access_token_signed_with_our_key_by_another_algorithm_is_no_credential(app: Inside) -> None:
    text = jwt.encode(_claims(), app.registry.catalog.secret("access-tokens") * 2, algorithm="HS512")

    assert _ask(app, b"Bearer " + text.encode()).status == 401


@fuzz
@given(header=st.sampled_from(ODD_VALUES), payload=st.sampled_from(ODD_VALUES), signature=st.binary(max_size=40))
def test_no_three_parts_with_dots_between_are_a_credential(
    app: Inside, header: object, payload: object, signature: bytes
) -> None:
    parts = (write_json(header).encode("utf-8", "replace"), write_json(payload).encode("utf-8", "replace"), signature)

    assert _ask(app, b"Bearer " + b".".join(map(_encoded, parts))).status == 401


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize(
    "content",
    [b"[" * 8000, b'{"a":' * 1500, b'{"alg":' + b"9" * 8000 + b"}", b'{"alg":"HS256","crit":["x"]}', b"\xff" * 100],
)
def test_an_access_token_that_is_deep_or_long_inside_is_no_credential(app: Inside, part: int, content: bytes) -> None:
    parts = [_encoded(b'{"alg":"HS256","typ":"JWT"}'), _encoded(b"{}"), _encoded(b"x" * 32)]
    parts[part] = _encoded(content)

    assert _ask(app, b"Bearer " + b".".join(parts)).status == 401


@pytest.mark.parametrize("size", [100, 10_000, 15_000, 17_000, 60_000])
def test_credentials_of_any_length_are_refused_alike(app: Inside, size: int) -> None:
    for scheme in (b"Basic ", b"Bearer ", b"Bearer a.b.", b"ent_adm_", b""):
        assert _ask(app, scheme + b"A" * size).status == 401


# --- access tokens that we did sign, of what we never say ---


@fuzz
@given(
    name=st.sampled_from(["tid", "exp", "nbf", "iat", "iss", "aud", "sub", "access", "jti"]),
    value=st.sampled_from([value for value in ODD_VALUES if not isinstance(value, Verbatim)]),
)
def test_a_claim_of_the_wrong_type_is_refused_even_under_our_own_signature(
    app: Inside, name: str, value: object
) -> None:
    text = (
        jwt.encode(_claims(**{name: value}), app.registry.catalog.secret("access-tokens"), algorithm="HS256")
        if name != "iss" or isinstance(value, str)
        else "x"
    )

    assert _ask(app, b"Bearer " + text.encode()).status == 401


@fuzz
@given(
    access=st.lists(
        st.dictionaries(
            st.sampled_from(["type", "name", "actions"]),
            st.sampled_from([v for v in ODD_VALUES if not isinstance(v, Verbatim)]),
        ),
        max_size=2,
    )
)
def test_an_access_list_of_any_shape_is_refused_even_under_our_own_signature(app: Inside, access: list[Any]) -> None:
    text = jwt.encode(_claims(access=access), app.registry.catalog.secret("access-tokens"), algorithm="HS256")

    assert _ask(app, b"Bearer " + text.encode()).status == 401


# --- how often one may try ---


def test_who_fails_too_often_is_told_when_to_come_back_and_the_good_go_on(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with inside(tmp_path_factory.mktemp("throttled") / "data", login_failures=5) as throttled:
        assert _ask(throttled, basic(throttled.token), b"/v2/").status == 200

        statuses = [_ask(throttled, basic(f"wrong-{number}"), b"/v2/").status for number in range(20)]

        assert set(statuses) == {401, 429}
        assert statuses[-1] == 429
        assert statuses.count(401) <= 10  # five in a minute, and the test may see the minute turn
        assert _ask(throttled, basic(throttled.token), b"/v2/").status == 200
