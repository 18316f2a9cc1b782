from __future__ import annotations

import base64

import pytest

pytest.importorskip("azure.storage.blob")

from entrepot.drivers.blobs.azure import AzureAddress, connect
from entrepot.model.errors import Invalid


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("azure://goods", AzureAddress("goods")),
        ("azure://goods/a/registry/?account=acme", AzureAddress("goods", "a/registry/", account="acme")),
        (
            "azure://goods?account=acme&endpoint=https://storage.example.com/acme",
            AzureAddress("goods", account="acme", endpoint="https://storage.example.com/acme"),
        ),
    ],
)
def test_an_address_names_a_container_and_how_to_get_there(text: str, address: AzureAddress) -> None:
    assert AzureAddress.parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "azure://",
        "s3://goods",
        "azure://goods?acount=acme",
        "azure://goods?account=",
        "azure://goods?endpoint=storage.example.com",
        "azure://goods?endpoint=https://storage.example.com/acme%3Fsig=secret-one",
        "azure://goods/../other",
        "azure://goods#registry",
        "azure://key:secret-one@goods",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        AzureAddress.parse(text)

    assert "secret-one" not in str(refused.value)


def test_the_account_is_of_the_address_or_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", base64.b64encode(b"any").decode())
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT", raising=False)
    with pytest.raises(Invalid, match="AZURE_STORAGE_ACCOUNT"):
        connect(AzureAddress("goods"))

    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "acme")

    assert connect(AzureAddress("goods")).account_name == "acme"
    assert connect(AzureAddress("goods", account="other")).account_name == "other"


@pytest.mark.parametrize("key", ["", "secret-one, not in base64"])
def test_without_a_key_nobody_is_asked(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", key)

    with pytest.raises(Invalid, match="AZURE_STORAGE_KEY") as refused:
        connect(AzureAddress("goods", account="acme"))

    assert "secret-one" not in str(refused.value)
