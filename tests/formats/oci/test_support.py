"""end-1, and what else says that the registry is one: OCI distribution, "Determining Support"; Docker's catalog beside."""

from __future__ import annotations

import pytest

from tests.formats.oci.conversation import API, Answer, Registry


@pytest.mark.parametrize("target", ["/v2/", "/v2"])
async def test_who_is_known_is_told_that_the_registry_speaks_this(registry: Registry, target: str) -> None:
    """OCI distribution, "Determining Support": 200 to GET /v2/."""
    answer = await registry.client("reader").get(target)

    assert answer == Answer(200, {"content-type": "application/json", **API, "content-length": "2"}, b"{}")


async def test_who_is_unknown_is_told_where_to_say_who_they_are(registry: Registry) -> None:
    """OCI distribution, end-1: 401. Docker's clients look for the version's header there, too."""
    answer = await registry.client(None).get("/v2/")

    assert answer.refusal == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == ('Bearer realm="http://registry.example.com/token",service="entrepot"')


async def test_bad_credentials_are_refused(registry: Registry) -> None:
    """OCI distribution, end-1: what ``docker login`` asks to know whether the password is right."""
    answer = await registry.bearer("ent_usr_wrong").get("/v2/")

    assert answer.refusal == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("target", ["/v2/_oci/ext/discover", "/v2/acme/api/_oci/ext/discover"])
async def test_there_are_no_extensions(registry: Registry, target: str) -> None:
    """OCI distribution, extensions: the list of them is discoverable, and empty."""
    answer = await registry.client("reader").get(target)

    assert answer == Answer(200, {"content-type": "application/json", "content-length": "17"}, b'{"extensions":[]}')


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("POST", "/v2/", "GET, HEAD"),
        ("POST", "/v2/acme/api/manifests/latest", "DELETE, GET, HEAD, PUT"),
        ("PUT", f"/v2/acme/api/blobs/sha256:{'0' * 64}", "DELETE, GET, HEAD"),
        ("GET", "/v2/acme/api/blobs/uploads/", "POST"),
        ("DELETE", "/v2/acme/api/tags/list", "GET, HEAD"),
        ("POST", f"/v2/acme/api/referrers/sha256:{'0' * 64}", "GET, HEAD"),
        ("DELETE", "/v2/_catalog", "GET, HEAD"),
    ],
)
async def test_an_address_that_does_not_take_a_method_says_which_it_takes(
    registry: Registry, method: str, target: str, allowed: str
) -> None:
    """OCI distribution, "API": what it does not define is as in RFC 9110 (15.5.6)."""
    answer = await registry.client().ask(method, target)

    assert answer.refusal == (405, "UNSUPPORTED")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("target", ["/v2/acme", "/v2/acme/api", "/v2/acme/api/tags", "/v2/acme/api/layers/x", "/v2//"])
async def test_there_is_nothing_at_other_addresses(registry: Registry, target: str) -> None:
    """OCI distribution, "Endpoints"."""
    answer = await registry.client().get(target)

    assert answer.refusal == (404, "UNSUPPORTED")
