"""The API's description by OpenAPI 3.1, made of what the endpoints declare."""

from __future__ import annotations

from http import HTTPStatus
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot import __version__
from entrepot.api.endpoint import JSON, PARTS
from entrepot.api.shapes.basics import Problem
from entrepot.wire.errors import PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from entrepot.api.endpoint import Answer, Endpoint, Subject
    from entrepot.model.errors import RegistryError

Json = dict[str, Any]

PROBLEM_JSON: Final = "application/problem+json"
_REFERENCE: Final = "#/components/schemas/{name}"

_INTRODUCTION: Final = """\
Who asks is said by a token: as Bearer, or as the password of Basic with any user name.
What a caller may not know answers exactly like what does not exist.

A list answers a page, `{"items": […], "next": …}`; while `next` is not null, send it as `after` for the rest.
Digests are text, times RFC 3339 in UTC, positions in the journal whole numbers.

A refusal is a problem by RFC 9457, with a `code` for programs and the `request_id` that is in the log.
"""


def describe(subjects: Sequence[Subject]) -> Json:
    """The whole document."""
    endpoints = [endpoint for subject in subjects for endpoint in subject.endpoints]
    schemas = _Schemas(endpoints)
    paths: dict[str, Json] = {}
    for subject in subjects:
        for endpoint in subject.endpoints:
            paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(subject, endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Entrepot management API",
            "version": __version__,
            "summary": "Namespaces, upstreams, access, packages, clearances, the journal and search.",
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"basic": []}, {}],
        "tags": [{"name": subject.name, "description": subject.description} for subject in subjects],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token."},
                "basic": {"type": "http", "scheme": "basic", "description": "A token as the password."},
            },
        },
    }


class _Schemas:
    """The schemas of every shape that an endpoint declares."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        bodies = [endpoint.body for endpoint in endpoints if endpoint.body is not None]
        queries = [endpoint.query for endpoint in endpoints if endpoint.query is not None]
        answers = [answer.shape for endpoint in endpoints for answer in endpoint.answers.values() if answer.shape]
        shapes = [Problem, *bodies, *answers]
        references, self.components = msgspec.json.schema_components(shapes, ref_template=_REFERENCE)
        self._references = {str(shape): reference for shape, reference in zip(shapes, references, strict=True)}
        self._queries = {query: _inlined(*msgspec.json.schema_components([query])) for query in queries}

    def reference(self, shape: Any) -> Json:
        """How a schema is pointed at."""
        return self._references[str(shape)]

    def query(self, shape: Any) -> Json:
        """The schema of a query, whole."""
        return self._queries[shape]

    def example(self, schema: Json) -> Any:
        """Something that fits a schema, made of the examples of its parts."""
        if "$ref" in schema:
            schema = self.components[schema["$ref"].rpartition("/")[2]] | schema
        for key in ("examples", "enum"):
            if key in schema:
                return schema[key][0]
        if "anyOf" in schema:
            return self.example(schema["anyOf"][0])
        if "properties" in schema:
            return {name: self.example(part) for name, part in schema["properties"].items()}
        if "items" in schema:
            return [self.example(schema["items"])]
        return {"boolean": False, "integer": schema.get("minimum", 0)}.get(schema["type"], "text")


def _inlined(references: tuple[Json, ...], components: Json) -> Json:
    """A schema of a flat object with what its properties point at in place."""
    (reference,) = references

    def resolve(schema: Json) -> Json:
        if "$ref" in schema:
            return dict(components[schema["$ref"].rpartition("/")[2]])
        return schema

    schema = resolve(reference)
    return {**schema, "properties": {name: resolve(part) for name, part in schema["properties"].items()}}


def _operation(subject: Subject, endpoint: Endpoint, schemas: _Schemas) -> Json:
    summary, _, rest = (endpoint.handler.__doc__ or "").partition("\n")
    operation: Json = {
        "operationId": endpoint.operation,
        "tags": [subject.name],
        "summary": summary.rstrip("."),
    }
    if description := " ".join(rest.split()):
        operation["description"] = description
    if parameters := [*_path_parameters(endpoint), *_query_parameters(endpoint, schemas)]:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": not endpoint.body_optional,
            "content": {JSON: _content(schemas.reference(endpoint.body), schemas)},
        }
    operation["responses"] = dict([*_answers(endpoint, schemas), *_refusals(endpoint, schemas)])
    return operation


def _path_parameters(endpoint: Endpoint) -> Iterator[Json]:
    for name in endpoint.parts:
        schema = msgspec.json.schema(PARTS[name])
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": schema.pop("description"),
            "schema": schema,
            "example": schema["examples"][0],
        }


def _query_parameters(endpoint: Endpoint, schemas: _Schemas) -> Iterator[Json]:
    if endpoint.query is None:
        return
    schema = schemas.query(endpoint.query)
    for name, part in schema["properties"].items():
        described = dict(part)
        yield {
            "name": name,
            "in": "query",
            "required": name in schema["required"],
            "description": described.pop("description"),
            "schema": described,
        }


def _answers(endpoint: Endpoint, schemas: _Schemas) -> Iterator[tuple[str, Json]]:
    for status, answer in endpoint.answers.items():
        yield str(status), _answer(answer, schemas) | _headers(endpoint)
    if endpoint.revisioned:
        yield "304", {"description": "It is what `If-None-Match` names."} | _headers(endpoint)


def _answer(answer: Answer, schemas: _Schemas) -> Json:
    if answer.shape is not None:
        content = _content(schemas.reference(answer.shape), schemas)
    elif answer.media_type is not None:
        content = {"schema": {"type": "string" if answer.media_type.startswith("text/") else "object"}}
    else:
        return {"description": answer.description}
    return {"description": answer.description, "content": {answer.media_type or JSON: content}}


def _headers(endpoint: Endpoint) -> Json:
    if not endpoint.revisioned:
        return {}
    return {"headers": {"ETag": {"description": "The revision that was shown.", "schema": {"type": "string"}}}}


def _refusals(endpoint: Endpoint, schemas: _Schemas) -> Iterator[tuple[str, Json]]:
    def status(error: type[RegistryError]) -> int:
        return PROBLEMS.rows[error].status

    for number, errors in groupby(
        sorted(set(endpoint.refusals), key=lambda error: (status(error), error.__name__)), status
    ):
        yield str(number), _problem(list(errors), schemas)
    yield (
        "default",
        {
            "description": "Any other refusal.",
            "content": {PROBLEM_JSON: {"schema": schemas.reference(Problem)}},
        },
    )


def _problem(errors: list[type[RegistryError]], schemas: _Schemas) -> Json:
    said = [f"`{PROBLEMS.rows[error].code}`: {_sentence(error)}" for error in errors]
    row = PROBLEMS.rows[errors[0]]
    example = {
        "type": "about:blank",
        "title": _sentence(errors[0]),
        "status": row.status,
        "detail": _sentence(errors[0]),
        "code": row.code,
        "request_id": "5e1f0c9a",
    }
    content = {"schema": schemas.reference(Problem), "example": example}
    return {"description": "\n".join(said), "content": {PROBLEM_JSON: content}}


def _sentence(error: type[RegistryError]) -> str:
    return (error.__doc__ or "").partition("\n")[0]


def _content(reference: Json, schemas: _Schemas) -> Json:
    return {"schema": reference, "example": schemas.example(reference)}


def reason_phrase(status: str) -> str:
    """What people call a status."""
    return HTTPStatus(int(status)).phrase if status.isdigit() else ""
