from __future__ import annotations

import pytest

from entrepot.model.errors import Invalid
from entrepot.model.federation import ClaimRule, Provider
from entrepot.testing.identity import github_claims, gitlab_claims
from entrepot.trust.oidc.claims import LISTINGS, judge, pins_for, require_rules

GITHUB = {"repository": "acme/app", "workflow_file": "release.yml"}
GITLAB = {"project_path": "acme/app", "workflow_file": ".gitlab-ci.yml"}


def rules(texts: dict[str, str]) -> list[ClaimRule]:
    return [ClaimRule.parse(claim, pattern) for claim, pattern in texts.items()]


def broken(provider: Provider, texts: dict[str, str], claims: dict[str, object]) -> set[str]:
    return {check.claim for check in judge(provider, rules(texts), claims) if not check.holds}


@pytest.mark.parametrize(
    ("texts", "claims", "expected"),
    [
        (GITHUB, github_claims(), set()),
        (GITHUB, github_claims(repository="Acme/App"), set()),
        (GITHUB | {"environment": "Release"}, github_claims(environment="release"), set()),
        (GITHUB | {"environment": "release"}, github_claims(), {"environment"}),
        (GITHUB | {"ref": "refs/tags/v*"}, github_claims(ref="refs/tags/v1"), set()),
        (GITHUB | {"ref": "refs/tags/v*"}, github_claims(ref="refs/tags/v1/x"), {"ref"}),
        (GITHUB, github_claims(repository="acme/app-evil"), {"repository"}),
        (GITHUB, github_claims(repository="evil/acme"), {"repository"}),
        (GITHUB, github_claims(workflow="other.yml"), {"workflow_file"}),
        (
            GITHUB,
            github_claims(job_workflow_ref="evil/app/.github/workflows/release.yml@refs/heads/main"),
            {"workflow_file"},
        ),
        (GITHUB, github_claims(job_workflow_ref="acme/app/.github/workflows/release.yml"), {"workflow_file"}),
        (
            GITHUB,
            github_claims(job_workflow_ref="acme/app/.github/workflows/x/release.yml@refs/heads/main"),
            {"workflow_file"},
        ),
        (GITHUB, github_claims(event_name="pull_request_target"), {"event_name"}),
        (GITHUB | {"event_name": "*"}, github_claims(event_name="pull_request_target"), {"event_name"}),
        (GITHUB, {**github_claims(), "repository_id": None}, {"repository_id"}),
        (GITHUB, {**github_claims(), "repository": ["acme/app"]}, {"repository", "workflow_file"}),
        (GITHUB | {"repository_id": "4711"}, github_claims(), set()),
        (GITHUB | {"repository_id": "4711"}, github_claims(repository_id="4712"), {"repository_id"}),
        (
            {"repository": "acme/app", "job_workflow_ref": "acme/shared/.github/workflows/publish.yml@refs/tags/v1"},
            github_claims(job_workflow_ref="acme/shared/.github/workflows/publish.yml@refs/tags/v1"),
            set(),
        ),
    ],
)
def test_a_github_job_matches_when_all_that_is_asked_of_it_holds(
    texts: dict[str, str], claims: dict[str, object], expected: set[str]
) -> None:
    assert broken(Provider.GITHUB, texts, claims) - {"workflow_ref"} == expected


@pytest.mark.parametrize(
    ("texts", "claims", "expected"),
    [
        (GITLAB, gitlab_claims(), set()),
        (GITLAB, gitlab_claims(project="acme/app2"), {"project_path"}),
        (GITLAB, gitlab_claims(file="ci/other.yml"), {"workflow_file"}),
        (GITLAB | {"ref_protected": "true"}, gitlab_claims(ref_protected=True), set()),
        (GITLAB | {"ref_protected": "true"}, gitlab_claims(ref_protected="false"), {"ref_protected"}),
        (GITLAB, gitlab_claims(ci_config_ref_uri="gitlab.example.com/evil/x//.gitlab-ci.yml@r"), {"workflow_file"}),
        (GITLAB, gitlab_claims(ci_config_ref_uri="https://evil/.gitlab-ci.yml"), {"workflow_file"}),
        (GITLAB, gitlab_claims(project_id=17), set()),
    ],
)
def test_a_gitlab_job_matches_when_all_that_is_asked_of_it_holds(
    texts: dict[str, str], claims: dict[str, object], expected: set[str]
) -> None:
    assert broken(Provider.GITLAB, texts, claims) == expected


def test_any_other_issuer_is_judged_by_the_rules_alone() -> None:
    claims = {"sub": "system:serviceaccount:ci:builder", "n": 7, "tags": ["a"], "x": 1.5}

    assert broken(Provider.GENERIC, {"sub": "system:serviceaccount:ci:*", "n": "7"}, claims) == set()
    assert broken(Provider.GENERIC, {"tags": "a", "x": "*", "gone": "*"}, claims) == {"tags", "x", "gone"}


@pytest.mark.parametrize(
    ("provider", "texts"),
    [
        (Provider.GITHUB, {}),
        (Provider.GITHUB, {"repository": "acme/app"}),
        (Provider.GITHUB, {"repository": "*/app", "workflow_file": "x.yml"}),
        (Provider.GITHUB, {"repository": "*", "workflow_file": "x.yml"}),
        (Provider.GITHUB, {"repository": "app", "workflow_file": "x.yml"}),
        (Provider.GITHUB, {"repository": "acme/*", "workflow_file": "x.yml"}),
        (Provider.GITHUB, GITHUB | {"repository_id": "*"}),
        (Provider.GITHUB, GITHUB | {"sha": "4b"}),
        (Provider.GITHUB, GITHUB | {"aud": "x"}),
        (Provider.GITHUB, GITHUB | {"made_up": "x"}),
        (Provider.GITLAB, {"project_path": "acme/app"}),
        (Provider.GITLAB, GITHUB),
        (Provider.GENERIC, {}),
        (Provider.GENERIC, {"sub": "*"}),
        (Provider.GENERIC, {"sub": "*:*:**"}),
        (Provider.GENERIC, {"iss": "x"}),
    ],
)
def test_rules_that_believe_more_than_anybody_means_are_refused(provider: Provider, texts: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        require_rules(provider, rules(texts))


def test_rules_may_be_about_every_repository_of_an_owner_whose_number_is_given() -> None:
    texts = {"repository": "acme/*", "workflow_file": "x.yml", "repository_owner_id": "42"}

    require_rules(Provider.GITHUB, rules(texts))
    assert pins_for(Provider.GITHUB, rules(texts), github_claims()) == []


def test_a_claim_has_one_rule() -> None:
    with pytest.raises(Invalid):
        require_rules(Provider.GENERIC, [*rules({"sub": "a"}), *rules({"sub": "b"})])


def test_the_first_use_pins_the_numbers_behind_the_names() -> None:
    assert pins_for(Provider.GITHUB, rules(GITHUB), github_claims()) == rules(
        {"repository_id": "4711", "repository_owner_id": "42"}
    )
    assert pins_for(Provider.GITLAB, rules(GITLAB | {"project_id": "17"}), gitlab_claims()) == rules(
        {"namespace_id": "8"}
    )
    assert pins_for(Provider.GENERIC, rules({"sub": "x"}), {"sub": "x"}) == []


def test_no_claim_is_on_two_lists_and_those_on_none_are_reported() -> None:
    for listing in LISTINGS.values():
        assert not listing.required & listing.optional
        assert not (listing.required | listing.optional) & listing.ignored

    assert LISTINGS[Provider.GITHUB].unknown({**github_claims(), "new_claim": 1, "another": 2}) == [
        "another",
        "new_claim",
    ]


def test_what_strangers_wrote_is_shown_without_control_characters() -> None:
    checks = judge(Provider.GENERIC, rules({"sub": "x"}), {"sub": "\x1b[31m" + "y" * 500})

    assert checks[0].actual is not None
    assert checks[0].actual.isprintable()
    assert len(checks[0].actual) == 200
