from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entrepot.model.errors import IdentityTokenInvalid, Invalid
from entrepot.model.federation import Algorithm, Issuer, IssuerName, Provider
from entrepot.testing.identity import Signer
from entrepot.trust.oidc.keys import parse_key_set
from entrepot.trust.oidc.tokens import Reason, parse_token, require_valid

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "https://issuer.example.com"
AUDIENCE = "https://registry.example.com"


def issuer(*algorithms: Algorithm) -> Issuer:
    return Issuer(IssuerName("ci"), Provider.GENERIC, URL, (AUDIENCE,), algorithms or (Algorithm.ES256,))


def check(text: str, signer: Signer, registered: Issuer | None = None, now: datetime = NOW) -> None:
    require_valid(parse_token(text), registered or issuer(signer.algorithm), parse_key_set(signer.jwks.encode()), now)


def refusal(text: str, signer: Signer, registered: Issuer | None = None, now: datetime = NOW) -> str:
    with pytest.raises(IdentityTokenInvalid) as caught:
        check(text, signer, registered, now)
    return caught.value.reason


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(URL)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_token_of_every_algorithm_is_believed_from_an_issuer_that_is_registered_with_it(algorithm: Algorithm) -> None:
    signer = Signer(URL, algorithm)

    check(signer.sign(signer.claims(NOW, AUDIENCE)), signer)


def test_a_token_without_jti_or_nbf_is_believed(signer: Signer) -> None:
    claims = signer.claims(NOW, [AUDIENCE])
    del claims["jti"], claims["nbf"]

    check(signer.sign(claims), signer)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://other.example.com"}, Reason.AUDIENCE),
        ({"aud": [AUDIENCE, "https://other.example.com"]}, Reason.AUDIENCE),
        ({"aud": [AUDIENCE, AUDIENCE]}, Reason.AUDIENCE),
        ({"aud": []}, Reason.AUDIENCE),
        ({"aud": None}, Reason.AUDIENCE),
        ({"aud": AUDIENCE + "/"}, Reason.AUDIENCE),
        ({"exp": int(NOW.timestamp()) - 30, "iat": int(NOW.timestamp()) - 60}, Reason.EXPIRED),
        ({"iat": int(NOW.timestamp()) + 31, "exp": int(NOW.timestamp()) + 60}, Reason.EARLY),
        ({"nbf": int(NOW.timestamp()) + 31}, Reason.EARLY),
        ({"exp": int(NOW.timestamp()) + 3601}, Reason.LIFETIME),
        ({"iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) - 1}, Reason.LIFETIME),
        ({"iat": True}, Reason.MALFORMED),
        ({"iat": "1"}, Reason.MALFORMED),
        ({"exp": -1}, Reason.MALFORMED),
        ({"exp": 10**40}, Reason.MALFORMED),
        ({"exp": None}, Reason.MALFORMED),
        ({"nbf": None}, Reason.MALFORMED),
        ({"jti": None}, Reason.MALFORMED),
        ({"jti": 7}, Reason.MALFORMED),
        ({"jti": ""}, Reason.MALFORMED),
        ({"sub": ""}, Reason.MALFORMED),
        ({"sub": "a\nb"}, Reason.MALFORMED),
        ({"sub": "x" * 1025}, Reason.MALFORMED),
        ({"iss": None}, Reason.MALFORMED),
    ],
)
def test_a_token_that_is_not_for_here_and_now_is_refused_with_a_code(
    signer: Signer, changes: dict[str, Any], reason: str
) -> None:
    assert refusal(signer.sign_bytes(*_parts({**signer.claims(NOW, AUDIENCE), **changes})), signer) == reason


def _parts(claims: object, **header: object) -> tuple[bytes, bytes]:
    return json.dumps({"alg": "ES256", "kid": "k1", **header}).encode(), json.dumps(claims).encode()


def test_clocks_may_differ_by_half_a_minute(signer: Signer) -> None:
    text = signer.sign(signer.claims(NOW, AUDIENCE))

    check(text, signer, now=NOW - timedelta(seconds=30))
    check(text, signer, now=NOW + timedelta(seconds=329))
    assert refusal(text, signer, now=NOW - timedelta(seconds=31)) == Reason.EARLY
    assert refusal(text, signer, now=NOW + timedelta(seconds=330)) == Reason.EXPIRED


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
        {"zip": "DEF"},
        {"typ": "secevent+jwt"},
        {"typ": 1},
        {"kid": 7},
        {"alg": None},
        {"alg": ["ES256"]},
    ],
)
def test_a_header_that_changes_the_meaning_is_refused(signer: Signer, header: dict[str, object]) -> None:
    assert refusal(signer.sign_bytes(*_parts(signer.claims(NOW, AUDIENCE), **header)), signer) == Reason.MALFORMED


def _with_a_shared_secret(claims: dict[str, Any], secret: bytes) -> str:
    """By hand: the library refuses to help with this mistake."""
    parts = _parts(claims, alg="HS256")
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    code = base64.urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
    return f"{signed.decode()}.{code.decode()}"


def test_how_a_token_says_that_it_is_signed_decides_nothing(signer: Signer) -> None:
    rsa = Signer(URL, Algorithm.RS256)
    claims = rsa.claims(NOW, AUDIENCE)
    public = rsa.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    confused = _with_a_shared_secret(claims, public)
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": "k1"})

    assert refusal(confused, rsa) == Reason.ALGORITHM
    assert refusal(unsigned, rsa) == Reason.MALFORMED
    assert refusal(f"{unsigned}AA", rsa) == Reason.ALGORITHM
    assert refusal(rsa.sign(claims), rsa, issuer(Algorithm.PS256)) == Reason.ALGORITHM


def test_a_key_that_the_token_brings_along_is_not_used(signer: Signer) -> None:
    stranger = Signer(URL)
    text = stranger.sign(
        stranger.claims(NOW, AUDIENCE), jwk=stranger.jwk, jku="https://evil.example.com/keys", x5u="https://evil/"
    )

    assert refusal(text, signer) == Reason.SIGNATURE


def test_a_key_id_that_nobody_knows_is_told_from_a_bad_signature(signer: Signer) -> None:
    other = Signer(URL, key_id="../../k1")

    assert refusal(other.sign(other.claims(NOW, AUDIENCE)), signer) == Reason.KEY


def test_every_character_counts(signer: Signer) -> None:
    text = signer.sign(signer.claims(NOW, AUDIENCE))
    for position in range(0, len(text), 7):
        spoilt = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
        refusal(spoilt, signer)


def test_another_spelling_of_the_same_bytes_is_refused(signer: Signer) -> None:
    text = signer.sign(signer.claims(NOW, AUDIENCE))

    for spoilt in (f"{text}=", f"{text}\n", text.replace(".", ". ", 1), f" {text}", text + "."):
        assert refusal(spoilt, signer) == Reason.MALFORMED


@pytest.mark.parametrize(
    "payload",
    [
        b'{"iss":"https://evil.example.com","iss":"https://issuer.example.com"}',
        b"[]",
        b"7",
        b"",
        b"{" * 8000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b'{"sub": NaN}',
        b'{"sub": "\\ud800"}',
        b"\xff",
        b'{"n": ' + b"9" * 5000 + b"}",
    ],
)
def test_claims_that_could_be_read_in_two_ways_or_not_at_all_are_refused(signer: Signer, payload: bytes) -> None:
    header = b'{"alg":"ES256","kid":"k1"}'
    whole = signer.sign_bytes(header, payload) if payload else f"{base64.urlsafe_b64encode(header).decode()}..AA"

    assert refusal(whole, signer) == Reason.MALFORMED


def test_a_token_that_is_too_large_is_not_read(signer: Signer) -> None:
    assert refusal(signer.sign(signer.claims(NOW, AUDIENCE, more="x" * 20_000)), signer) == Reason.MALFORMED


def test_a_token_is_known_again_by_its_jti_or_by_what_was_signed(signer: Signer) -> None:
    claims = signer.claims(NOW, AUDIENCE)
    bare = {name: value for name, value in claims.items() if name != "jti"}

    first, again = (parse_token(signer.sign(claims)) for _ in range(2))
    without, without_again = (parse_token(signer.sign(bare)) for _ in range(2))
    other = parse_token(signer.sign({**claims, "jti": "another"}))

    assert first.signature != again.signature
    assert first.single_use == again.single_use
    assert without.signature != without_again.signature
    assert without.single_use == without_again.single_use
    assert len({first.single_use, without.single_use, other.single_use}) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"keys":[]}',
        b'{"keys":{}}',
        b'{"keys":[7,{"kty":"oct"},{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}',
        b'{"keys":[{"kty":["RSA"]}]}',
        json.dumps({"keys": [{**Signer(URL).jwk, "use": "enc"}]}).encode(),
        json.dumps({"keys": [{**Signer(URL).jwk, "key_ops": ["sign"]}]}).encode(),
        json.dumps({"keys": [{**Signer(URL).jwk, "alg": "ES384"}]}).encode(),
        json.dumps({"keys": [{**Signer(URL).jwk, "d": "secret"}]}).encode(),
        b'{"keys":[' + b'{"kty":"EC"},' * 101 + b'{"kty":"EC"}]}',
        b" " * 300_000,
    ],
)
def test_a_key_set_without_a_public_key_that_verifies_is_none(content: bytes) -> None:
    with pytest.raises(Invalid):
        parse_key_set(content)


def test_a_token_without_a_key_id_is_verified_where_one_key_alone_fits(signer: Signer) -> None:
    text = signer.sign_bytes(b'{"alg":"ES256"}', json.dumps(signer.claims(NOW, AUDIENCE)).encode())
    two = json.dumps({"keys": [signer.jwk, Signer(URL, key_id="k2").jwk]}).encode()

    check(text, signer)
    with pytest.raises(IdentityTokenInvalid):
        require_valid(parse_token(text), issuer(), parse_key_set(two), NOW)
