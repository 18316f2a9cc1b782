"""Provenance in the shapes that real builders write, read as one value."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from entrepot.model.errors import InvalidEvidence
from entrepot.trust.provenance import PROVENANCE_V0_2, PROVENANCE_V1, Material, Provenance, Source, repository_address
from entrepot.trust.statement import Statement

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def read(predicate_type: str, predicate: dict[str, Any]) -> Provenance | None:
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": "0" * 64}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    return Provenance.of(Statement.parse(json.dumps(document).encode()))


WORKFLOW = {
    "buildDefinition": {
        "buildType": "https://example.com/buildtypes/workflow/v1",
        "externalParameters": {
            "workflow": {
                "ref": "refs/tags/v1",
                "repository": "https://git.example.com/acme/app",
                "path": ".ci/release.yml",
            }
        },
        "internalParameters": {"runner": {"environment": "hosted"}},
        "resolvedDependencies": [
            {"uri": "git+https://git.example.com/acme/app@refs/tags/v1", "digest": {"gitCommit": COMMIT}},
            {"uri": "pkg:npm/left-pad@1.0.0", "digest": {"sha512": "ab"}, "name": "left-pad"},
        ],
    },
    "runDetails": {
        "builder": {"id": "https://git.example.com/acme/app/.ci/release.yml@refs/tags/v1"},
        "metadata": {
            "invocationId": "https://git.example.com/acme/app/runs/1/attempts/1",
            "startedOn": "2026-01-31T12:00:00Z",
            "finishedOn": "2026-01-31T13:00:00.5+01:00",
        },
    },
}


def test_a_workflow_s_provenance_is_read() -> None:
    found = read(PROVENANCE_V1, WORKFLOW)

    assert found == Provenance(
        builder="https://git.example.com/acme/app/.ci/release.yml@refs/tags/v1",
        build_type="https://example.com/buildtypes/workflow/v1",
        build="https://git.example.com/acme/app/runs/1/attempts/1",
        source=Source("https://git.example.com/acme/app", COMMIT, "refs/tags/v1"),
        materials=(
            Material("git+https://git.example.com/acme/app@refs/tags/v1", {"gitCommit": COMMIT}),
            Material("pkg:npm/left-pad@1.0.0", {"sha512": "ab"}, "left-pad"),
        ),
        started_at=NOON,
        finished_at=NOON.replace(microsecond=500_000),
    )
    assert [material.purl for material in found.materials] == [None, "pkg:npm/left-pad@1.0.0"]


def test_a_runner_s_provenance_with_bare_addresses_is_read() -> None:
    found = read(
        PROVENANCE_V1,
        {
            "buildDefinition": {
                "buildType": "https://git.example.com/runner/PROVENANCE.md",
                "externalParameters": {
                    "entryPoint": "build-job",
                    "source": "https://git.example.com/acme/group/app",
                    "variables": {},
                },
                # Its sha1 is called a sha256.
                "resolvedDependencies": [
                    {"uri": "https://git.example.com/acme/group/app", "digest": {"sha256": COMMIT}}
                ],
            },
            "runDetails": {
                "builder": {"id": "https://git.example.com/acme/group/app/-/runners/1"},
                "metadata": {"invocationID": "1", "invocationId": "2"},
            },
        },
    )

    assert found is not None
    assert found.source == Source("https://git.example.com/acme/group/app", COMMIT, None)
    assert found.build == "2"


def test_a_generator_s_provenance_of_version_0_2_is_read() -> None:
    found = read(
        PROVENANCE_V0_2,
        {
            "builder": {"id": "https://git.example.com/generators/generic.yml@refs/tags/v1"},
            "buildType": "https://git.example.com/generators/generic@v1",
            "invocation": {
                "configSource": {
                    "uri": "git+https://git.example.com/acme/app@refs/tags/v1",
                    "digest": {"sha1": COMMIT},
                    "entryPoint": ".ci/release.yml",
                },
                "environment": {},
            },
            "metadata": {
                "buildInvocationID": "1-1",
                "buildStartedOn": "2026-01-31T12:00:00Z",
                "completeness": {"parameters": True},
            },
            "materials": [
                {"uri": "git+https://git.example.com/acme/app@refs/tags/v1", "digest": {"sha1": COMMIT}},
            ],
        },
    )

    assert found is not None
    assert found.source == Source("https://git.example.com/acme/app", COMMIT, "refs/tags/v1")
    assert found.build == "1-1"
    assert found.started_at == NOON
    assert found.finished_at is None


def test_an_image_builder_s_provenance_is_read() -> None:
    found = read(
        PROVENANCE_V0_2,
        {
            "builder": {"id": ""},
            "buildType": "https://mobyproject.org/buildkit@v1",
            "invocation": {"configSource": {"entryPoint": "Dockerfile"}},
            "materials": [{"uri": "pkg:docker/alpine@3.20?platform=linux%2Famd64", "digest": {"sha256": "ab"}}],
            "metadata": {
                "https://mobyproject.org/buildkit@v1#metadata": {
                    "vcs": {"source": "git@git.example.com:acme/app.git", "revision": COMMIT},
                }
            },
        },
    )

    assert found is not None
    assert found.builder is None
    assert found.source == Source("https://git.example.com/acme/app", COMMIT, None)


def test_the_source_may_be_a_material_alone() -> None:
    materials = [
        {"uri": "https://example.com/archive.tar.gz", "digest": {"sha256": "a" * 64}},
        {"uri": "git+ssh://git@git.example.com/acme/app.git#main", "digest": {"sha1": COMMIT}},
    ]

    found = read(PROVENANCE_V0_2, {"builder": {"id": "b"}, "buildType": "t", "materials": materials})

    assert found is not None
    assert found.source == Source("https://git.example.com/acme/app", COMMIT, "main")


def test_a_statement_of_another_type_is_no_provenance() -> None:
    assert read("https://example.com/tested/v1", WORKFLOW) is None


@pytest.mark.parametrize("predicate_type", [PROVENANCE_V1, PROVENANCE_V0_2])
def test_provenance_that_says_nothing_is_read_as_that(predicate_type: str) -> None:
    assert read(predicate_type, {}) == Provenance(None, "", None, None, (), None, None)


@pytest.mark.parametrize(
    ("predicate_type", "predicate"),
    [
        (PROVENANCE_V1, {"buildDefinition": []}),
        (PROVENANCE_V1, {"buildDefinition": {"buildType": 5}}),
        (PROVENANCE_V1, {"buildDefinition": {"resolvedDependencies": {}}}),
        (PROVENANCE_V1, {"buildDefinition": {"resolvedDependencies": ["x"]}}),
        (PROVENANCE_V1, {"buildDefinition": {"resolvedDependencies": [{"digest": {"sha1": 5}}]}}),
        (PROVENANCE_V1, {"runDetails": {"builder": {"id": ["x"]}}}),
        (PROVENANCE_V1, {"runDetails": {"metadata": {"startedOn": "yesterday"}}}),
        (PROVENANCE_V1, {"runDetails": {"metadata": {"startedOn": "0001-01-01T00:00:00+23:00"}}}),
        (PROVENANCE_V0_2, {"materials": "x"}),
        (PROVENANCE_V0_2, {"invocation": "x"}),
        (PROVENANCE_V0_2, {"builder": {"id": "x" * 10_000}}),
    ],
    ids=lambda each: str(each)[:80],
)
def test_provenance_of_another_shape_is_refused(predicate_type: str, predicate: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvidence):
        read(predicate_type, predicate)


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.com/acme/app",
        "https://git.example.com/acme/app/",
        "https://GIT.example.com/acme/app.git",
        "https://user:password@git.example.com/acme/app.git",
        "git+https://git.example.com/acme/app@refs/heads/main",
        "ssh://git@git.example.com/acme/app.git",
        "git@git.example.com:acme/app.git",
        "git://git.example.com/acme/app#main",
    ],
)
def test_a_repository_has_one_address(address: str) -> None:
    assert repository_address(address) == "https://git.example.com/acme/app"


@pytest.mark.parametrize(
    "address", ["", "acme/app", "pkg:npm/app@1", "https://git.example.com", "file:///acme/app", "https://[::1/x", "a b"]
)
def test_what_is_no_address_of_a_repository_has_none(address: str) -> None:
    assert repository_address(address) is None
