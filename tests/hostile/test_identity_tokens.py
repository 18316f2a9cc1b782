"""Whatever a stranger makes of an identity token: it is refused in form, and never traded."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from entrepot.model.errors import IdentityTokenInvalid, Invalid
from entrepot.model.federation import Algorithm, ClaimRule, Issuer, IssuerName, Provider, Publisher, PublisherName
from entrepot.model.names import NamespaceName
from entrepot.operations.issuers import add_issuer
from entrepot.operations.publishers import add_publisher
from entrepot.testing.builders import ADMINISTRATOR
from entrepot.testing.identity import Signer, github_claims
from entrepot.trust.oidc.claims import judge, require_rules
from entrepot.trust.oidc.keys import KeySet, parse_key_set
from entrepot.trust.oidc.tokens import parse_token, require_valid
from tests.hostile.cuts import CUTS, Cut, spoil
from tests.hostile.effort import fuzz
from tests.hostile.exchange import Request, assert_answer_is_sound
from tests.hostile.inside import Inside

NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECONDS: Final = int(NOW.timestamp())
URL: Final = "https://issuer.example.com"
AUDIENCE: Final = "https://registry.example.com"
SIGNERS: Final = {
    algorithm: Signer(URL, algorithm) for algorithm in (Algorithm.ES256, Algorithm.RS256, Algorithm.EDDSA)
}
STRANGERS: Final = {algorithm: Signer(URL, algorithm) for algorithm in SIGNERS}
KEYS: Final = {algorithm: parse_key_set(signer.jwks.encode()) for algorithm, signer in SIGNERS.items()}

ALGORITHMS: Final = st.sampled_from(list(SIGNERS))
SCALARS: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [AUDIENCE, URL, "k1", "RS256", "ES256", "none", "HS256", SECONDS, SECONDS + 300, 2**64, -1, 1e400]
    )
)
VALUES: Final = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
CLAIM_NAMES: Final = st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "repository", "x"])
HEADERS: Final = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "zip", "jku", "x5u", "jwk", "x5c", "cty"]), VALUES, max_size=4
)


def issuer(algorithm: Algorithm) -> Issuer:
    return Issuer(IssuerName("ci"), Provider.GITHUB, URL, (AUDIENCE,), (algorithm,))


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def written(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def good_claims(algorithm: Algorithm) -> dict[str, Any]:
    return SIGNERS[algorithm].claims(NOW, AUDIENCE, **github_claims())


def is_believed(text: str, algorithm: Algorithm, keys: KeySet | None = None) -> bool:
    """Whether it is; nothing but a refusal may be raised."""
    try:
        require_valid(parse_token(text), issuer(algorithm), keys or KEYS[algorithm], NOW)
    except IdentityTokenInvalid:
        return False
    return True


@fuzz
@given(text=st.text(max_size=200) | st.text("abcA01-_.=", max_size=200))
def test_text_that_is_no_token_is_refused(text: str) -> None:
    assert not is_believed(text, Algorithm.ES256)


@fuzz
@given(
    algorithm=ALGORITHMS,
    header=HEADERS,
    claims=st.dictionaries(CLAIM_NAMES, VALUES, max_size=5),
    signature=st.binary(max_size=80),
)
def test_a_token_without_a_good_signature_is_refused(
    algorithm: Algorithm, header: dict[str, Any], claims: dict[str, Any], signature: bytes
) -> None:
    whole = {"alg": str(algorithm), "kid": "k1", **header}
    text = f"{encoded(written(whole))}.{encoded(written({**good_claims(algorithm), **claims}))}.{encoded(signature)}"

    assert not is_believed(text, algorithm)


@fuzz
@given(algorithm=ALGORITHMS, header=HEADERS)
def test_a_token_that_a_stranger_signed_is_refused_whatever_its_header_says(
    algorithm: Algorithm, header: dict[str, Any]
) -> None:
    stranger = STRANGERS[algorithm]
    whole = {"alg": str(algorithm), "kid": "k1", "jwk": stranger.jwk, "jku": f"{URL}/evil", **header}

    assert not is_believed(stranger.sign_bytes(written(whole), written(good_claims(algorithm))), algorithm)


@fuzz
@given(
    algorithm=ALGORITHMS,
    code=st.sampled_from(["sha256", "sha384", "sha512"]),
    named=st.sampled_from(["HS256", "HS384", "HS512", "none", "None", "NONE", "", "hs256", "ES256", "RS256", "EdDSA"]),
    encoding=st.sampled_from([Encoding.PEM, Encoding.DER]),
)
def test_a_public_key_is_no_shared_secret(algorithm: Algorithm, code: str, named: str, encoding: Encoding) -> None:
    secret = SIGNERS[algorithm].key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{encoded(written({'alg': named, 'kid': 'k1'}))}.{encoded(written(good_claims(algorithm)))}"
    for signature in (hmac.digest(secret, signed.encode(), code), hmac.digest(b"", signed.encode(), code), b""):
        assert not is_believed(f"{signed}.{encoded(signature)}", algorithm)


@fuzz
@given(algorithm=ALGORITHMS, position=st.integers(0, 10_000), character=st.sampled_from("AQgwz09-_.=+/ \n"))
def test_no_character_can_be_another(algorithm: Algorithm, position: int, character: str) -> None:
    text = SIGNERS[algorithm].sign(good_claims(algorithm))
    position %= len(text)
    if text[position] != character:
        assert not is_believed(text[:position] + character + text[position + 1 :], algorithm)


@fuzz
@given(algorithm=ALGORITHMS, cuts=CUTS)
def test_a_spoilt_token_is_refused(algorithm: Algorithm, cuts: list[Cut]) -> None:
    text = SIGNERS[algorithm].sign(good_claims(algorithm))
    spoilt = spoil(text.encode(), cuts).decode(errors="surrogateescape")

    assert is_believed(spoilt, algorithm) == (spoilt == text)


@fuzz
@given(algorithm=ALGORITHMS, part=st.integers(0, 2), cuts=CUTS)
def test_a_token_with_a_spoilt_part_is_refused(algorithm: Algorithm, part: int, cuts: list[Cut]) -> None:
    """The part is spoilt as it is before it is encoded, so that it is read and not only decoded."""
    parts = SIGNERS[algorithm].sign(good_claims(algorithm)).split(".")
    before = base64.urlsafe_b64decode(parts[part] + "==")
    after = spoil(before, cuts)
    parts[part] = encoded(after)

    assert is_believed(".".join(parts), algorithm) == (after == before)


@fuzz
@given(algorithm=ALGORITHMS, cuts=CUTS, in_header=st.booleans())
def test_a_spoilt_part_that_the_issuer_signs_is_read_or_refused(
    algorithm: Algorithm, cuts: list[Cut], in_header: bool
) -> None:
    header, claims = written({"alg": str(algorithm), "kid": "k1"}), written(good_claims(algorithm))
    if in_header:
        header = spoil(header, cuts)
    else:
        claims = spoil(claims, cuts)

    if is_believed(SIGNERS[algorithm].sign_bytes(header, claims), algorithm):
        assert json.loads(header)["alg"] == str(algorithm)
        assert json.loads(claims)["aud"] in (AUDIENCE, [AUDIENCE])


@fuzz
@given(algorithm=ALGORITHMS, cuts=CUTS)
def test_a_spoilt_key_set_is_read_or_refused(algorithm: Algorithm, cuts: list[Cut]) -> None:
    try:
        found = parse_key_set(spoil(SIGNERS[algorithm].jwks.encode(), cuts))
    except Invalid:
        return
    assert found.keys
    assert not is_believed(STRANGERS[algorithm].sign(good_claims(algorithm)), algorithm, found)


@fuzz
@given(
    algorithm=ALGORITHMS,
    changes=st.dictionaries(CLAIM_NAMES, VALUES, max_size=3),
    gone=st.sets(CLAIM_NAMES, max_size=2),
)
def test_what_the_issuer_signed_is_believed_only_for_here_and_now(
    algorithm: Algorithm, changes: dict[str, Any], gone: set[str]
) -> None:
    """The issuer itself signs: what is believed must be what the specification, said once more here, allows."""
    claims = {name: value for name, value in {**good_claims(algorithm), **changes}.items() if name not in gone}
    text = SIGNERS[algorithm].sign_bytes(written({"alg": str(algorithm), "kid": "k1"}), written(claims))

    if is_believed(text, algorithm):
        assert claims["aud"] in (AUDIENCE, [AUDIENCE])
        for name in ("exp", "iat", *(["nbf"] if "nbf" in claims else [])):
            assert type(claims[name]) in (int, float)
        assert claims["exp"] > SECONDS - 30
        assert claims["iat"] <= SECONDS + 30
        assert claims.get("nbf", 0) <= SECONDS + 30
        assert 0 <= claims["exp"] - claims["iat"] <= 3600
        assert isinstance(claims["sub"], str)
        assert claims["sub"].isprintable()


@fuzz
@given(algorithm=ALGORITHMS, name=CLAIM_NAMES, value=VALUES, first=st.booleans())
def test_a_claim_that_is_there_twice_makes_no_token(algorithm: Algorithm, name: str, value: Any, first: bool) -> None:
    claims = good_claims(algorithm)
    claims.setdefault(name, "x")
    pairs = [f"{json.dumps(each)}:{json.dumps(claims[each])}" for each in claims]
    pairs.insert(0 if first else len(pairs), f"{json.dumps(name)}:{json.dumps(value)}")
    payload = ("{" + ",".join(pairs) + "}").encode("utf-8", "surrogatepass")

    assert not is_believed(
        SIGNERS[algorithm].sign_bytes(written({"alg": str(algorithm), "kid": "k1"}), payload), algorithm
    )


@fuzz
@given(
    content=st.binary(max_size=300)
    | VALUES.map(written)
    | st.lists(
        st.dictionaries(
            st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "alg", "use", "key_ops"]), VALUES, max_size=7
        ),
        max_size=4,
    ).map(lambda keys: written({"keys": keys}))
)
def test_a_key_set_is_read_or_refused(content: bytes) -> None:
    try:
        found = parse_key_set(content)
    except Invalid:
        return
    assert found.keys
    assert not is_believed(SIGNERS[Algorithm.ES256].sign(good_claims(Algorithm.ES256)), Algorithm.ES256, found)


@fuzz
@given(claims=st.dictionaries(st.text(max_size=10) | st.sampled_from(list(github_claims())), VALUES, max_size=6))
def test_rules_are_judged_whatever_the_claims_are(claims: dict[str, Any]) -> None:
    rules = [ClaimRule("repository", "acme/app"), ClaimRule("workflow_file", "release.yml")]
    require_rules(Provider.GITHUB, rules)

    checks = judge(Provider.GITHUB, rules, {**github_claims(), **claims})

    if all(check.holds for check in checks):
        assert str({**github_claims(), **claims}["repository"]).casefold() == "acme/app"
        assert {**github_claims(), **claims}["event_name"] != "pull_request_target"


@pytest.fixture(scope="module")
def trusting(app: Inside) -> Inside:
    """The application, with an issuer and a publisher."""
    signer = SIGNERS[Algorithm.ES256]
    name = IssuerName("ci")
    registered = Issuer(
        name, Provider.GITHUB, URL, (AUDIENCE,), (Algorithm.ES256,), timedelta(hours=1), keys=signer.jwks
    )
    app.run(add_issuer(app.registry, ADMINISTRATOR, registered))
    rules = (ClaimRule("repository", "acme/app"), ClaimRule("workflow_file", "release.yml"))
    app.run(
        add_publisher(
            app.registry, ADMINISTRATOR, Publisher(NamespaceName("acme"), PublisherName("release"), name, rules)
        )
    )
    return app


_PLACES: Final = st.sampled_from(
    [
        (
            "POST",
            b"/oauth2/token",
            b"grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token_type=urn:ietf:params:oauth:token-type:id_token&subject_token=",
        ),
        ("POST", b"/_/oidc/mint-token", b'{"token":"'),
        ("PUT", b"/cargo/acme/api/v1/trusted_publishing/tokens", b'{"jwt":"'),
        ("POST", b"/-/npm/v1/oidc/token/exchange/package/app", b""),
    ]
)


@fuzz
@given(
    place=_PLACES, header=HEADERS, claims=st.dictionaries(CLAIM_NAMES, VALUES, max_size=3), more=st.binary(max_size=20)
)
def test_every_form_refuses_in_form(
    trusting: Inside, place: tuple[str, bytes, bytes], header: dict[str, Any], claims: dict[str, Any], more: bytes
) -> None:
    method, target, start = place
    stranger = STRANGERS[Algorithm.ES256]
    whole = {"alg": "ES256", "kid": "k1", **header}
    text = stranger.sign_bytes(written(whole), written({**good_claims(Algorithm.ES256), **claims})).encode()
    fields = [(b"host", b"registry.example.com")]
    if not start:
        fields.append((b"authorization", b"Bearer " + text))
    body = start + text + (b'"}' if start.startswith(b"{") else b"") + more if start else b""
    request = Request(method, target, tuple(fields), (body,))

    answer = trusting.ask(request)

    assert answer is not None
    assert trusting.bugs.take() == [], request
    assert_answer_is_sound(request, answer)
    assert 400 <= answer.status < 500
    assert b"ent_bot_" not in answer.body
