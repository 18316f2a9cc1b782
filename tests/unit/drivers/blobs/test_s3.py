from __future__ import annotations

import pytest

pytest.importorskip("botocore")

from entrepot.drivers.blobs.s3 import S3Address
from entrepot.model.errors import Invalid


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://goods", S3Address("goods")),
        ("s3://goods/", S3Address("goods")),
        ("s3://goods/a/registry/?region=eu-west-1", S3Address("goods", "a/registry/", region="eu-west-1")),
        (
            "s3://goods/registry?endpoint=https://s3.example.com",
            S3Address("goods", "registry/", endpoint="https://s3.example.com", addressing="path"),
        ),
        (
            "s3://goods?endpoint=https://s3.example.com&addressing=virtual",
            S3Address("goods", endpoint="https://s3.example.com", addressing="virtual"),
        ),
        (
            "gs://goods/registry",
            S3Address("goods", "registry/", "https://storage.googleapis.com", addressing="path", is_google=True),
        ),
        (
            "gs://goods?endpoint=https://storage.example.com",
            S3Address("goods", endpoint="https://storage.example.com", addressing="path", is_google=True),
        ),
    ],
)
def test_an_address_names_a_bucket_and_how_to_get_there(text: str, address: S3Address) -> None:
    assert S3Address.parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s3://",
        "file:///var/blobs",
        "gs://",
        "gs://goods?project=acme",
        "s3://goods?endpont=https://s3.example.com",
        "s3://goods?endpoint=s3.example.com",
        "s3://goods?addressing=somehow",
        "s3://goods/../other",
        "s3://goods#registry",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        S3Address.parse(text)


def test_credentials_have_no_place_in_an_address_and_are_not_repeated() -> None:
    with pytest.raises(Invalid) as refused:
        S3Address.parse("s3://key:secret-one@goods")

    assert "secret-one" not in str(refused.value)
