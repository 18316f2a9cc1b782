"""What another registry's published tests ask of a chart repository, asked of ours.

The cases are Gitea's (``tests/integration/api_packages_helm_test.go``); each test names its own.
Where it expects something else than we do, the test says why.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import httpx

from tests.formats.helm.charts import chart, packed

CHARTS = "/helm/acme/api/charts"
DESCRIBED: dict[str, Any] = {
    "description": "A test package",
    "type": "application",
    "maintainers": [{"name": "Somebody"}],
    "dependencies": [{"name": "dep1", "repository": "https://charts.example.com/", "version": "1.0.0"}],
}
CONTENT = chart("test-chart", "1.0.3", **DESCRIBED)


async def test_a_chart_is_posted_twice_and_saved_once(client: httpx.AsyncClient) -> None:
    """Case "Upload": both are 201. What other content under that version is there, nobody asks; here it is 409."""
    first, same = [await client.post(CHARTS, content=CONTENT) for _ in range(2)]
    other = await client.post(CHARTS, content=chart("test-chart", "1.0.3"))

    assert [answer.status_code for answer in (first, same, other)] == [201, 201, 409]


async def test_a_chart_of_nothing_but_its_chart_yaml_is_one(client: httpx.AsyncClient) -> None:
    """Case "Upload": in YAML, with no values and no templates."""
    lines = ("apiVersion: v2", "name: test-chart", "version: 1.0.3", "maintainers:", "- name: Somebody")
    content = packed({"test-chart/Chart.yaml": "\n".join(lines).encode()})

    assert (await client.post(CHARTS, content=content)).status_code == 201


async def test_the_index_describes_a_chart_and_says_where_it_is(client: httpx.AsyncClient) -> None:
    """Cases "Index" and "Download".

    There the address is whole; here it is relative to the index, as Helm's own ``helm repo index`` writes it, so that
    it holds at whatever address the index was read.
    """
    await client.post(CHARTS, content=CONTENT)

    answer = await client.get("/helm/acme/index.yaml")

    index = answer.json()
    [entry] = index["entries"]["test-chart"]
    assert index["serverInfo"] == {"contextPath": "/helm/acme"}
    assert (entry["name"], entry["version"]) == ("test-chart", "1.0.3")
    assert {key: entry[key] for key in DESCRIBED} == DESCRIBED
    [url] = entry["urls"]
    assert (await client.get(urljoin("/helm/acme/index.yaml", url))).content == CONTENT
