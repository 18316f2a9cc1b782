"""The page that describes the API to people: one file without a script, made of the OpenAPI document."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.api.endpoint import JSON
from entrepot.api.openapi import PROBLEM_JSON, reason_phrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Json = dict[str, Any]

_STYLE: Final = files(__package__).joinpath("docs.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page shows itself, and loads nothing."""


def render(document: Json) -> str:
    """The page, as HTML."""
    info = document["info"]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
            f"<header><h1>{escape(info['title'])}</h1>",
            f'<p class="faint">{escape(info["version"])} · {_text(info["summary"])}',
            '<a href="/api/v1/openapi.json">OpenAPI</a></p></header><main>',
            *(f"<p>{_text(paragraph)}</p>" for paragraph in info["description"].split("\n\n")),
            *_contents(document),
            *(line for tag in document["tags"] for line in _section(document, tag)),
            *_shapes(document["components"]["schemas"]),
            "</main></body></html>",
        ]
    )


def _contents(document: Json) -> Iterator[str]:
    yield '<nav aria-label="Contents"><ul>'
    for tag in document["tags"]:
        yield f'<li><a href="#{_anchor(tag["name"])}">{escape(tag["name"])}</a></li>'
    yield '<li><a href="#shapes">Shapes</a></li></ul></nav>'


def _section(document: Json, tag: Json) -> Iterator[str]:
    yield f'<section id="{_anchor(tag["name"])}"><h2>{escape(tag["name"])}</h2><p>{_text(tag["description"])}</p>'
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if tag["name"] in operation["tags"]:
                yield from _operation(method.upper(), path, operation)
    yield "</section>"


def _operation(method: str, path: str, operation: Json) -> Iterator[str]:
    yield (
        f'<details id="{operation["operationId"]}"><summary><code class="method {method}">{method}</code> '
        f'<code>{escape(path)}</code> <span>{_text(operation["summary"])}</span></summary><div class="inside">'
    )
    if "description" in operation:
        yield f"<p>{_text(operation['description'])}</p>"
    yield f"<h4>Try it</h4><pre>{escape(_command(method, path, operation))}</pre>"
    if parameters := operation.get("parameters"):
        yield "<h4>Parameters</h4>"
        yield from _table(
            ("name", "in", "type", ""),
            [
                (f"<code>{escape(p['name'])}</code>", _need(p), _type(p["schema"]), _text(p["description"]))
                for p in parameters
            ],
        )
    if body := operation.get("requestBody"):
        content = body["content"][JSON]
        yield f"<h4>Body{'' if body['required'] else ' (may be left out)'}: {_type(content['schema'])}</h4>"
        yield _example(content)
    yield "<h4>Answers</h4>"
    yield from _table(("status", "", ""), [_response(*response) for response in operation["responses"].items()])
    yield "</div></details>"


def _shapes(schemas: Json) -> Iterator[str]:
    yield '<section id="shapes"><h2>Shapes</h2>'
    for name, schema in sorted(schemas.items()):
        yield f'<details id="shape-{name}"><summary><code>{escape(_title(name))}</code> '
        yield f'<span>{_text(schema.get("description", ""))}</span></summary><div class="inside">'
        if "properties" in schema:
            yield from _table(
                ("field", "type", ""),
                [
                    (f"<code>{escape(field)}</code>", _type(part), _text(_description(part)))
                    for field, part in schema["properties"].items()
                ],
            )
        else:
            yield f"<p>{_type(schema)}</p>"
        yield "</div></details>"
    yield "</section>"


def _description(schema: Json) -> str:
    return str(next((part["description"] for part in (schema, *schema.get("anyOf", ())) if "description" in part), ""))


def _command(method: str, path: str, operation: Json) -> str:
    """What to type to do it, with the examples in place."""
    parameters = operation.get("parameters", [])
    for parameter in parameters:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
    needed = [f"{p['name']}={_sample(p['schema'])}" for p in parameters if p["in"] == "query" and p["required"]]
    query = f"?{'&'.join(needed)}" if needed else ""
    verb = "" if method == "GET" else f" -X {method}"
    command = f'curl{verb} -H "Authorization: Bearer $ENTREPOT_TOKEN" "$ENTREPOT_URL{path}{query}"'
    if body := operation.get("requestBody"):
        command += f" \\\n  --json '{msgspec.json.encode(body['content'][JSON]['example']).decode()}'"
    return command


def _sample(schema: Json) -> str:
    return str((schema.get("examples") or schema.get("enum") or ["…"])[0])


def _response(status: str, response: Json) -> tuple[str, str, str]:
    described = "<br>".join(_text(line) for line in response["description"].split("\n"))
    shown = ""
    for media_type, content in response.get("content", {}).items():
        shown += "" if media_type == PROBLEM_JSON else _type(content["schema"]) + _example(content)
    return f"<code>{status}</code> {reason_phrase(status)}", described, shown


def _example(content: Json) -> str:
    if "example" not in content:
        return ""
    return f"<pre>{escape(msgspec.json.format(msgspec.json.encode(content['example'])).decode())}</pre>"


def _need(parameter: Json) -> str:
    return parameter["in"] if parameter["required"] else f"{parameter['in']}, optional"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "<table><thead><tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
    yield "</tbody></table>"


def _type(schema: Json) -> str:
    """A schema in a word or two."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#shape-{name}">{escape(_title(name))}</a>'
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"[{_type(schema['items'])}, …]"
    return escape(schema.get("format") or schema.get("type", "anything"))


def _title(name: str) -> str:
    return re.sub(r"^Page_(\w+)_$", r"Page of \1", name)


def _text(text: str) -> str:
    """Plain text with code between backticks, as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _anchor(name: str) -> str:
    return f"about-{name.lower()}"
