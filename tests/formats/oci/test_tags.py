"""end-8: OCI distribution, "Listing Tags"."""

from __future__ import annotations

import json
import re

import pytest

from tests.formats.oci.conversation import REVALIDATE, Answer, Client, Registry
from tests.formats.oci.documents import fallback_tag, image

URL = "/v2/acme/api/tags/list"
NAMES = ["A", "B", "Z", "_", "a", "a-b", "a.b", "aa", "b", "latest", "v1", "v10", "v2"]
"""In the order of their bytes."""


def listed(*tags: str, name: str = "acme/api", link: str | None = None) -> Answer:
    body = json.dumps({"name": name, "tags": list(tags)}, separators=(",", ":")).encode()
    return Answer(
        200,
        {
            **REVALIDATE,
            "content-type": "application/json",
            "content-length": str(len(body)),
            **({"link": f'<{link}>; rel="next"'} if link else {}),
        },
        body,
    )


async def push_tags(client: Client, *tags: str, name: str = "acme/api") -> None:
    """Push an image under each of the tags."""
    await client.push(image(b"layer"), name=name)
    for at in range(0, len(tags), 100):
        assert (await client.put_manifest(image(b"layer"), name=name, tags=tags[at : at + 100])).status == 201


async def test_the_tags_are_in_the_order_of_their_bytes(client: Client) -> None:
    """The tags MUST be in lexical or "ASCIIbetical" order."""
    await push_tags(client, *reversed(NAMES))

    assert await client.get(URL) == listed(*NAMES)


async def test_versions_are_tags_too(client: Client) -> None:
    """What we call a version is a tag to OCI."""
    await push_tags(client, "latest", "1.0", "v2.0-rc1")

    assert await client.get(URL) == listed("1.0", "latest", "v2.0-rc1")


async def test_a_page_of_tags_leads_to_the_next(client: Client) -> None:
    """``n`` of them, fewer only at the end; Link with rel="next" while there are more (RFC 8288)."""
    await push_tags(client, *NAMES)

    for n in (1, 2, 5, 12, 13, 14, 1000, 5000, 10**18):
        seen: list[str] = []
        url: str | None = f"{URL}?n={n}"
        while url is not None:
            answer = await client.get(url)
            page = NAMES[len(seen) : len(seen) + n]
            seen += page
            following = f"{URL}?n={n}&last={page[-1]}" if len(seen) < len(NAMES) else None
            assert answer == listed(*page, link=following)
            url = following
        assert seen == NAMES


async def test_no_tags_are_no_list_that_goes_on(client: Client) -> None:
    """When n is zero, it MUST return an empty list, and MUST NOT include a Link."""
    await push_tags(client, *NAMES)

    assert await client.get(f"{URL}?n=0") == listed()
    assert await client.get(f"{URL}?n=0&last=a") == listed()


async def test_a_list_begins_behind_the_last(client: Client) -> None:
    """Non-inclusively, with or without ``n``; also behind a name that no tag has, or that none can have."""
    await push_tags(client, *NAMES)

    for last in (*NAMES, "0", "a-", "m", "zzz", "-", "1.0", "a/b", "é", "", "a%20b"):
        behind = [name for name in NAMES if name.encode() > last.replace("%20", " ").encode()]
        assert await client.get(f"{URL}?last={last}") == listed(*behind), last
        link = f"{URL}?n=2&last={behind[1]}" if len(behind) > 2 else None
        assert await client.get(f"{URL}?n=2&last={last}") == listed(*behind[:2], link=link), last


async def test_a_list_goes_on_behind_a_tag_that_was_deleted_meanwhile(client: Client) -> None:
    """The value of the last tag is enough; it need not be one any more."""
    await push_tags(client, *NAMES)
    page = (await client.get(f"{URL}?n=3")).headers["link"]
    await client.delete("/v2/acme/api/manifests/Z")

    assert await client.get(page[1 : page.index(">")]) == listed("_", "a", "a-b", link=f"{URL}?n=3&last=a-b")


async def test_a_long_list_comes_in_pages_even_if_none_were_asked_for(client: Client) -> None:
    """A Link MAY be included whenever there are more: a page has a thousand at most."""
    tags = [f"t{number:04}" for number in range(1001)]
    await push_tags(client, *tags)

    assert await client.get(URL) == listed(*tags[:1000], link=f"{URL}?n=1000&last=t0999")
    assert await client.get(f"{URL}?n=1001") == listed(*tags[:1000], link=f"{URL}?n=1000&last=t0999")
    assert await client.get(f"{URL}?n=1000&last=t0999") == listed("t1000")


@pytest.mark.parametrize("n", ["-1", "x", "", "1.5", "0x10", "9" * 20])
async def test_what_is_no_number_is_refused(client: Client, n: str) -> None:
    """``n`` is an integer: 400 for anything else."""
    await push_tags(client, "latest")

    assert (await client.get(f"{URL}?n={n}")).refusal == (400, "UNSUPPORTED")


async def test_a_package_without_tags_has_an_empty_list(client: Client) -> None:
    """The list MAY be empty: there is the package, by a blob, by a manifest, or since its last tag was deleted."""
    await client.push_blob(b"content")
    assert await client.get(URL) == listed()
    await client.push(image(b"layer"), "latest")
    await client.delete("/v2/acme/api/manifests/latest")

    assert await client.get(URL) == listed()


async def test_a_package_that_is_not_there_has_no_list(registry: Registry) -> None:
    """404 before anything was pushed, and where nothing can be."""
    for name in ("acme/api", "nobody/api", "api", "acme.prod/api", "acme.nowhere/api"):
        answer = await registry.client("administrator").get(f"/v2/{name}/tags/list")

        assert answer.refusal == (404, "NAME_UNKNOWN")


async def test_the_name_is_as_it_was_asked_for(registry: Registry) -> None:
    """``name`` in the answer, and in the link to the next page."""
    client = registry.client("administrator")
    for name in ("alpine", "acme/a/b/c"):
        await push_tags(client, "a", "b", name=name)

        answer = await client.get(f"/v2/{name}/tags/list?n=1")

        assert answer == listed("a", name=name, link=f"/v2/{name}/tags/list?n=1&last=a")


async def test_tags_of_other_packages_are_not_in_the_list(client: Client) -> None:
    """It is the package's own, also where one's name begins with the other's."""
    await push_tags(client, "mine")
    await push_tags(client, "theirs", name="acme/api/deeper")
    await push_tags(client, "theirs", name="acme/ap")

    assert await client.get(URL) == listed("mine")


async def test_fallback_tags_are_listed_as_what_they_are(client: Client) -> None:
    """OCI distribution, "Referrers Tag Schema": clients keep them as tags, and find them among the tags."""
    pushed = image(b"layer")
    await push_tags(client, "latest", fallback_tag(pushed.digest))

    assert await client.get(URL) == listed("latest", fallback_tag(pushed.digest))


async def test_other_parameters_change_nothing(client: Client) -> None:
    """OCI distribution, "Registry Proxying": containerd says by ``ns`` which registry it means; we are no mirror."""
    await push_tags(client, "latest")

    assert await client.get(f"{URL}?ns=registry.example.com&x=y") == listed("latest")


async def test_a_link_is_what_rfc_8288_says(client: Client) -> None:
    """Link = "<" URI ">" and the relation type; the URI is relative to the request's."""
    await push_tags(client, *NAMES)

    link = (await client.get(f"{URL}?n=1")).headers["link"]

    assert re.fullmatch(r'<(/v2/acme/api/tags/list\?n=1&last=A)>; rel="next"', link)
