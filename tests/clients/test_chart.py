"""The chart of deploy/helm: helm's own judgement of it, and what it makes of its values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from entrepot.settings import load
from tests.clients.programs import Shell, program

pytestmark = pytest.mark.clients

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "entrepot"
# A helm that was built from source believes in a cluster of its own release, which may be an old one.
CLUSTER = ("--kube-version", "1.33.0")
Documents = dict[str, dict[str, Any]]


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> str:
    return program(str(request.param))


def rendered(shell: Shell, helm: str, *options: str) -> Documents:
    """What the chart makes, by kind."""
    done = shell.run(helm, "template", "registry", CHART, *CLUSTER, *options)
    return {document["kind"]: document for document in yaml.safe_load_all(done.output) if document}


def container(document: dict[str, Any]) -> dict[str, Any]:
    (only,) = document["spec"]["template"]["spec"]["containers"]
    return dict(only)


def environment(document: dict[str, Any]) -> dict[str, str | None]:
    """The variables of a pod; None for those from a secret."""
    return {each["name"]: each.get("value") for each in container(document)["env"]}


def test_helm_finds_nothing_to_say_about_it(shell: Shell, helm: str) -> None:
    done = shell.run(helm, "lint", "--strict", CHART, *CLUSTER)

    assert "0 chart(s) failed" in done.output


def test_everything_that_is_needed_is_made(shell: Shell, helm: str) -> None:
    kinds = set(rendered(shell, helm))

    assert kinds == {
        *("Deployment", "Service", "Ingress", "PodDisruptionBudget", "ServiceAccount", "NetworkPolicy", "Job"),
    }


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_can_write_nowhere_and_become_nobody_else(shell: Shell, helm: str, kind: str) -> None:
    document = rendered(shell, helm)[kind]
    pod, inside = document["spec"]["template"]["spec"], container(document)["securityContext"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert inside == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    written = {volume["name"] for volume in pod["volumes"] if "emptyDir" in volume}
    assert {mount["name"] for mount in container(document)["volumeMounts"] if not mount.get("readOnly")} == written


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_a_pods_environment_is_valid_settings_and_holds_no_secret(shell: Shell, helm: str, kind: str) -> None:
    given = environment(
        rendered(shell, helm, "--set", "settings.scrub_rate=1048576", "--set", "trustedProxies={10.0.0.1,10.0.0.2}")[
            kind
        ]
    )

    settings = load(environ={name: value for name, value in given.items() if value is not None})

    assert settings.scrub_rate == 1048576
    assert settings.trusted_proxies == ("10.0.0.1", "10.0.0.2")
    assert settings.database == "postgresql://entrepot@postgresql/entrepot"
    assert settings.log_keys == "/keys/log-keys.pem"
    unknown = [
        name
        for name in given
        if name.startswith("ENTREPOT_") and name.removeprefix("ENTREPOT_").lower() not in settings.__struct_fields__
    ]
    assert unknown == []
    assert given["PGPASSWORD"] is None


def test_a_pod_has_time_to_leave_after_it_was_told_to_stop(shell: Shell, helm: str) -> None:
    """Users' thread 82: an upgrade without a pause."""
    document = rendered(shell, helm)["Deployment"]
    settings = load(environ={name: value for name, value in environment(document).items() if value is not None})
    probe = container(document)["readinessProbe"]

    assert settings.drain_seconds > probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
    allowed = document["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert allowed > settings.drain_seconds + settings.graceful_seconds
    assert document["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_migrations_come_before_the_pods_of_a_new_version(shell: Shell, helm: str) -> None:
    job = rendered(shell, helm)["Job"]

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert container(job)["args"] == ["migrate", "apply"]


def test_the_service_and_the_budget_find_the_nodes_and_not_the_migrations(shell: Shell, helm: str) -> None:
    documents = rendered(shell, helm)
    nodes = documents["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    migrations = documents["Job"]["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        documents["Service"]["spec"]["selector"],
        documents["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        documents["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        documents["Deployment"]["spec"]["selector"]["matchLabels"],
    ]

    assert all(selector.items() <= nodes for selector in selectors)
    assert not any(selector.items() <= migrations for selector in selectors)


def test_a_pod_of_the_clouds_own_identity_needs_no_secret_for_the_bucket(shell: Shell, helm: str) -> None:
    document = rendered(
        shell, helm, "--set", "blobs.credentialsSecret.name=", "--set", "blobs.credentialsSecret.key=k"
    )["Deployment"]
    pod = document["spec"]["template"]["spec"]

    assert "AWS_SHARED_CREDENTIALS_FILE" not in environment(document)
    assert pod["automountServiceAccountToken"] is True
    assert "objects" not in {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize(
    "wrong",
    [
        "database.url=postgresql://entrepot:secret@postgresql/entrepot",
        "database.url=mysql://db/entrepot",
        "blobs.url=/srv/blobs",
        "replicas=0",
        "image.digest=latest",
        "settings.Scrub-Rate=1",
        "replcas=3",
    ],
)
def test_values_that_cannot_be_meant_are_refused(shell: Shell, helm: str, wrong: str) -> None:
    done = shell.refuse(helm, "template", "registry", CHART, *CLUSTER, "--set", wrong)

    assert "schema" in done.errors
