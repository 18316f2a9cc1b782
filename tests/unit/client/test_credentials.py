from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from entrepot.client.credentials import Login, LoginStore, find_login, parse_url
from entrepot.client.errors import LocalFailure, Misuse, NoServer

HOME = "https://registry.example.com"
OTHER = "http://localhost:8080"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://registry.example.com", HOME),
        ("https://registry.example.com/", HOME),
        ("HTTPS://Registry.Example.COM:443/", HOME),
        (" http://localhost:8080\n", OTHER),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_has_one_spelling(text: str, url: str) -> None:
    assert parse_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "registry.example.com",
        "ftp://h",
        "http://",
        "http://h:99999",
        "http://h:x",
        "http://[::1",
        "https://h/v2/",
        "https://h?a=b",
    ],
)
def test_what_is_no_address_is_misuse(text: str) -> None:
    with pytest.raises(Misuse, match=r"registry\.example\.com"):
        parse_url(text)


def test_credentials_in_the_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(Misuse) as refused:
        parse_url("https://somebody:hunter2@registry.example.com")

    assert "hunter2" not in str(refused.value)


def test_what_was_kept_is_found_again_by_its_address(environment: dict[str, str]) -> None:
    store = LoginStore.of(environment)
    store.add(Login(HOME, "t-home"))
    store.add(Login(OTHER, "t-other"))

    assert find_login("https://REGISTRY.example.com/", environment=environment) == Login(HOME, "t-home")
    assert find_login(environment=environment) == Login(OTHER, "t-other")


def test_only_the_owner_can_read_the_store(environment: dict[str, str]) -> None:
    store = LoginStore.of(environment)
    store.add(Login(HOME, "t"))

    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    assert store.is_private()


def test_a_store_that_others_can_read_is_noticed(environment: dict[str, str]) -> None:
    store = LoginStore.of(environment)
    store.add(Login(HOME, "t"))
    store.path.chmod(0o644)

    assert not store.is_private()


def test_forgetting_the_current_registry_means_another_one(environment: dict[str, str]) -> None:
    store = LoginStore.of(environment)
    store.add(Login(HOME, "t-home"))
    store.add(Login(OTHER, "t-other"))

    assert store.remove(OTHER)
    assert store.current() == HOME
    assert not store.remove(OTHER)


def test_the_environment_goes_before_the_store(environment: dict[str, str]) -> None:
    LoginStore.of(environment).add(Login(HOME, "t-home"))

    found = find_login(environment=environment | {"ENTREPOT_URL": HOME, "ENTREPOT_TOKEN": "t-env\n"})

    assert found == Login(HOME, "t-env")


def test_arguments_go_before_the_environment(environment: dict[str, str]) -> None:
    found = find_login(OTHER, "t-arg", environment=environment | {"ENTREPOT_URL": HOME, "ENTREPOT_TOKEN": "t-env"})

    assert found == Login(OTHER, "t-arg")


def test_the_environments_token_is_not_for_another_registry(environment: dict[str, str]) -> None:
    found = find_login(OTHER, environment=environment | {"ENTREPOT_URL": HOME, "ENTREPOT_TOKEN": "t-env"})

    assert found == Login(OTHER, None)


def test_who_names_no_registry_is_told_how_to(environment: dict[str, str]) -> None:
    with pytest.raises(NoServer) as refused:
        find_login(environment=environment)

    assert "entrepot login" in (refused.value.hint or "")


def test_a_token_with_a_line_break_inside_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(Misuse, match="no token has"):
        find_login(HOME, "ent_adm_a\nent_adm_b", environment=environment)


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_a_damaged_store_says_what_to_do(environment: dict[str, str], content: str) -> None:
    store = LoginStore.of(environment)
    store.path.parent.mkdir(parents=True)
    store.path.write_text(content, encoding="latin-1")

    with pytest.raises(LocalFailure) as failed:
        find_login(environment=environment)

    assert failed.value.hint == "Remove it and log in again."


def test_what_is_not_ours_in_the_store_is_passed_over(environment: dict[str, str]) -> None:
    store = LoginStore.of(environment)
    store.path.parent.mkdir(parents=True)
    store.path.write_text(json.dumps({"current": 5, "servers": {HOME: {"token": "t"}, OTHER: 7}}))

    assert store.urls() == [HOME]
    assert store.current() is None


def test_a_token_is_not_shown_by_accident() -> None:
    assert "secret" not in repr(Login(HOME, "secret"))


def test_a_token_may_be_in_a_file_that_the_environment_names(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("ent_bot_x\n")
    environment = {"ENTREPOT_URL": HOME, "ENTREPOT_TOKEN_FILE": str(secret), "XDG_CONFIG_HOME": str(tmp_path)}

    assert find_login(environment=environment).token == "ent_bot_x"
    with pytest.raises(LocalFailure):
        find_login(environment=environment | {"ENTREPOT_TOKEN_FILE": str(tmp_path / "none")})
