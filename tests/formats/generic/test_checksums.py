from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.generic.checksums import (
    Checksums,
    Claims,
    parse_digest_field,
    parse_instance_digest,
    print_digest_field,
    read_claims,
    verified,
)
from entrepot.model.digest import Digest
from entrepot.model.errors import DigestMismatch, InvalidDigest
from entrepot.wire.call import Headers

SIZES = {"sha256": 32, "sha512": 64, "sha1": 20, "md5": 16}

CHECKSUMS = st.fixed_dictionaries(
    {}, optional={name: st.binary(min_size=size, max_size=size) for name, size in SIZES.items()}
).filter(bool)

# Near misses: made of what the grammar is made of.
ALMOST = (
    st.lists(
        st.sampled_from(
            ["sha-256", "md5", "SHA", "=", ":", ",", " ", ";", "a", "AAAA", "1B2M2Y8AsgTpgAmY7PhCfg==", '"']
        )
    ).map("".join)
    | st.text()
)


def claims(**fields: str) -> Claims:
    return read_claims(
        Headers((name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items())
    )


@given(CHECKSUMS)
def test_a_digest_field_is_read_as_it_is_printed(checksums: Checksums) -> None:
    assert parse_digest_field(print_digest_field(checksums)) == checksums


@given(ALMOST)
def test_no_text_makes_a_checksum_fail_in_another_way(text: str) -> None:
    for parse in (parse_digest_field, parse_instance_digest, lambda text: claims(x_checksum_md5=text).file):
        try:
            found = parse(text)
        except (InvalidDigest, UnicodeEncodeError):
            continue
        assert all(len(value) == SIZES[algorithm] for algorithm, value in found.items())


def test_the_example_of_rfc_9530_is_read() -> None:
    """RFC 9530, appendix D."""
    field = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"

    assert parse_digest_field(field) == {"sha256": hashlib.sha256(b'{"hello": "world"}').digest()}


def test_several_checksums_are_one_field() -> None:
    content = b"content"
    md5, sha = hashlib.md5(content).digest(), hashlib.sha1(content).digest()  # noqa: S324 (what clients send)

    found = parse_digest_field(f"md5=:{base64.b64encode(md5).decode()}: , sha=:{base64.b64encode(sha).decode()}:;p=1")

    assert found == {"md5": md5, "sha1": sha}


def test_the_names_of_rfc_3230_have_no_case() -> None:
    value = hashlib.sha256(b"content").digest()
    text = base64.b64encode(value).decode()

    assert parse_instance_digest(f"SHA-256={text}") == parse_instance_digest(f"sha-256={text}") == {"sha256": value}


def test_an_unknown_algorithm_promises_nothing() -> None:
    assert parse_digest_field("crc32c=:AAAAAA==:") == {}
    assert parse_instance_digest("UNIXsum=30637, id-sha-256=AAAA") == {}


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "sha-256", "sha-256=", "sha-256=::", "sha-256=AAAA", "sha-256=:AAAA:", "SHA-256=:AAAA:"),
        *("sha-256=:!!!!:", "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:,", ",md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", "md5=:1B2M2Y8A"),
        *("md5=:1B2M2Y8AsgTpgAmY7PhCfg==: md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", "md5=(:1B2M2Y8AsgTpgAmY7PhCfg==:)"),
    ],
)
def test_a_digest_field_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(InvalidDigest):
        parse_digest_field(text)


@pytest.mark.parametrize("text", ["", "SHA-256", "SHA-256=", "SHA-256=zzzz", "SHA-256=AAAA", "md5=:AAAA:", "a=b,"])
def test_an_instance_digest_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(InvalidDigest):
        parse_instance_digest(text)


@pytest.mark.parametrize("text", ["", "zz", "0" * 63, "0" * 65, "g" * 64, "0" * 62 + " 0", "é" * 64])
def test_hexadecimal_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(InvalidDigest):
        claims(x_checksum_sha256=text)


def test_the_headers_say_the_same_thing_in_four_ways() -> None:
    value = hashlib.sha256(b"content").digest()
    text = base64.b64encode(value).decode()

    said = claims(
        content_digest=f"sha-256=:{text}:",
        repr_digest=f"sha-256=:{text}:",
        digest=f"sha-256={text}",
        x_checksum_sha256=value.hex().upper(),
    )

    assert said.for_whole_body() == Claims({}, {"sha256": value})
    assert said.digest == Digest.of(b"content")


def test_headers_that_contradict_each_other_are_an_error() -> None:
    one, other = (base64.b64encode(hashlib.sha256(content).digest()).decode() for content in (b"one", b"other"))

    with pytest.raises(InvalidDigest):
        claims(repr_digest=f"sha-256=:{one}:", digest=f"sha-256={other}")
    with pytest.raises(InvalidDigest):
        claims(repr_digest=f"sha-256=:{one}:", content_digest=f"sha-256=:{other}:").for_whole_body()


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


@pytest.mark.parametrize("algorithm", list(SIZES))
async def test_content_is_verified_while_it_passes(algorithm: str) -> None:
    good = hashlib.new(algorithm, b"content").digest()

    assert [piece async for piece in verified(pieces(b"con", b"tent"), {algorithm: good})] == [b"con", b"tent"]
    with pytest.raises(DigestMismatch):
        _ = [piece async for piece in verified(pieces(b"con", b"tant"), {algorithm: good})]
