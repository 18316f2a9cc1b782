"""Docker's catalog, which OCI does not have but clients ask for: Docker Registry HTTP API V2, "Listing Repositories"."""

from __future__ import annotations

import json

import pytest

from tests.formats.oci.conversation import Answer, Client, Registry
from tests.formats.oci.documents import image

URL = "/v2/_catalog"
SCOPE = "registry:catalog:*"
CHALLENGE = f'Bearer realm="http://registry.example.com/token",service="entrepot",scope="{SCOPE}"'
NAMES = ["acme/api", "acme/team/a", "acme/team/b", "library/alpine", "open/public", "other/secret"]


def listed(*names: str, link: str | None = None) -> Answer:
    body = json.dumps({"repositories": list(names)}, separators=(",", ":")).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    return Answer(200, headers | ({"link": f'<{link}>; rel="next"'} if link else {}), body)


@pytest.fixture
async def administrator(registry: Registry) -> Client:
    """Whoever may read everything, where there is something of each namespace."""
    client = registry.client("administrator")
    for name in ("alpine", *NAMES):
        if name != "library/alpine":
            await client.push(image(b"layer"), "latest", name=name)
    return client


async def test_the_catalog_lists_what_the_caller_may_read(registry: Registry, administrator: Client) -> None:
    """The packages of all namespaces that the token, as Bearer or as a password, may read; the public ones too."""
    assert await administrator.get(URL) == listed(*NAMES)
    for who in ("reader", "publisher", "maintainer"):
        assert await registry.client(who).get(URL) == listed("acme/api", "acme/team/a", "acme/team/b", "open/public")
    assert await registry.client("stranger").get(URL) == listed("open/public", "other/secret")
    assert await registry.client(None, auth=("me", registry.tokens["stranger"])).get(URL) == listed(
        "open/public", "other/secret"
    )


async def test_an_empty_registry_has_an_empty_catalog(client: Client) -> None:
    """200 and no names; a package that holds blobs alone is not one yet."""
    await client.push_blob(b"content")

    assert await client.get(URL) == listed()


async def test_a_page_of_the_catalog_leads_to_the_next(administrator: Client) -> None:
    """ "Pagination": ``n`` names, and a Link with rel="next" while there are more."""
    for n in (1, 2, 3, 5, 6, 7, 1000, 10**18):
        seen: list[str] = []
        url: str | None = f"{URL}?n={n}"
        while url is not None:
            answer = await administrator.get(url)
            page = NAMES[len(seen) : len(seen) + n]
            seen += page
            following = f"{URL}?n={n}&last={page[-1].replace('/', '%2F')}" if len(seen) < len(NAMES) else None
            assert answer == listed(*page, link=following)
            url = following
        assert seen == NAMES


async def test_no_names_are_no_list_that_goes_on(administrator: Client) -> None:
    """As with tags: n=0 is an empty list."""
    assert await administrator.get(f"{URL}?n=0") == listed()


async def test_the_catalog_begins_behind_the_last(administrator: Client) -> None:
    """ "Pagination": also behind a name that no package has."""
    behind = {"acme/team/a": 2, "acme/nothing": 1, "library/zzz": 4, "zzz/zzz": 6, "": 0, "alpine": 4, "a/a": 0}

    for last, first in behind.items():
        assert await administrator.get(f"{URL}?last={last}") == listed(*NAMES[first:]), last


async def test_a_page_is_full_whatever_lies_between(registry: Registry, administrator: Client) -> None:
    """What the caller may not read is passed over; it makes no page shorter, and leads to none."""
    stranger = registry.client("stranger")

    assert await stranger.get(f"{URL}?n=1") == listed("open/public", link=f"{URL}?n=1&last=open%2Fpublic")
    assert await stranger.get(f"{URL}?n=2") == listed("open/public", "other/secret")


@pytest.mark.parametrize("last", ["Acme/Api", "/", "acme//x", "%00"])
async def test_what_cannot_be_a_name_is_refused(administrator: Client, last: str) -> None:
    """OCI distribution, "Error Codes": NAME_INVALID."""
    assert (await administrator.get(f"{URL}?last={last}")).refusal == (400, "NAME_INVALID")


@pytest.mark.parametrize("n", ["-1", "x"])
async def test_what_is_no_number_is_refused(administrator: Client, n: str) -> None:
    """``n`` is an integer: 400 for anything else."""
    assert (await administrator.get(f"{URL}?n={n}")).refusal == (400, "UNSUPPORTED")


async def test_a_deleted_package_is_not_listed(administrator: Client) -> None:
    """It is gone with its last manifest."""
    await administrator.delete(f"/v2/acme/api/manifests/{image(b'layer').digest}")

    assert await administrator.get(URL) == listed(*NAMES[1:])


async def test_files_are_listed_by_the_name_they_have_here(registry: Registry, administrator: Client) -> None:
    """Packages of other formats are read through this API too, with their format in the name."""
    publisher = registry.client("publisher")
    assert (await publisher.put("/files/acme/Tool/1.0/file", b"content")).status == 201

    assert (await publisher.get(f"{URL}?n=1")).json == {"repositories": ["acme/generic/x--54ool"]}
    assert await publisher.get(f"{URL}?last=acme/generic/x--54ool") == listed(
        "acme/api", "acme/team/a", "acme/team/b", "open/public"
    )


# --- Docker, "Token Authentication Specification": the scope for it ---


async def test_who_is_unknown_is_told_to_ask_for_the_catalogs_scope(registry: Registry, administrator: Client) -> None:
    """401 with scope="registry:catalog:*"."""
    answer = await registry.client(None).get(URL)

    assert answer.refusal == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == CHALLENGE


@pytest.mark.parametrize("scopes", [[], ["repository:acme/api:pull"], ["registry:catalog:pull"]])
async def test_an_access_token_for_something_else_does_not_list_the_catalog(
    registry: Registry, administrator: Client, scopes: list[str]
) -> None:
    """401 with the scope that is missing, as for any other request."""
    token = await registry.access_token("reader", *scopes)

    answer = await registry.bearer(token).get(URL)

    assert answer.refusal == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == CHALLENGE


@pytest.mark.parametrize("scopes", [[SCOPE], [f"repository:acme/api:pull {SCOPE}"], ["repository:x/y:pull", SCOPE]])
async def test_an_access_token_for_the_catalog_lists_it(
    registry: Registry, administrator: Client, scopes: list[str]
) -> None:
    """All that its holder may read; not only what else the token is for."""
    token = await registry.access_token("stranger", *scopes)

    assert await registry.bearer(token).get(URL) == listed("open/public", "other/secret")


async def test_an_anonymous_access_token_lists_what_is_public(registry: Registry, administrator: Client) -> None:
    """A token may be had without credentials, and then shows what needs none."""
    token = await registry.access_token(None, SCOPE)

    assert await registry.bearer(token).get(URL) == listed("open/public")


async def test_the_catalogs_scope_alone_reads_no_package(registry: Registry, administrator: Client) -> None:
    """It is for the names, not for what they name."""
    token = await registry.access_token("reader", SCOPE)

    assert (await registry.bearer(token).get("/v2/acme/api/tags/list")).refusal == (401, "UNAUTHORIZED")
