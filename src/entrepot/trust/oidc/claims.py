"""What a job says of itself, and whether that is what a trusted publisher asks for.

For each kind of issuer every claim is listed: those that a token must have, those that a rule may be about, and those
that nobody looks at. What is on no list is reported, so that a claim that a provider adds does not go unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from entrepot.model.errors import Invalid
from entrepot.model.federation import ClaimRule, Provider

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Claims = Mapping[str, Any]
"""The claims of a token as its JSON has them."""

WORKFLOW: Final = "workflow_file"
"""What we call the file that defines the job, where it is in the job's own repository; made from other claims."""

_REGISTERED: Final = frozenset({"iss", "sub", "aud", "exp", "iat"})
_WHEN: Final = frozenset({"nbf", "jti"})
_RESERVED: Final = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti"})
"""What is judged with the token itself, and no rule can be about."""
_LARGEST_NUMBER: Final = 2**63
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Listing:
    """What is known of a provider's claims."""

    required: frozenset[str]
    optional: frozenset[str]
    ignored: frozenset[str]
    caseless: frozenset[str] = frozenset()
    """Of which upper and lower case are the same to the provider."""
    pinned: Mapping[str, str] | None = None
    """Numbers that outlive a name, and the claim whose name they stand for: a name can be taken over, a number not."""

    def unknown(self, claims: Claims) -> Sequence[str]:
        """The claims that are on no list."""
        return sorted(set(claims) - self.required - self.optional - self.ignored)


LISTINGS: Final[Mapping[Provider, Listing]] = {
    # https://docs.github.com/en/actions/reference/security/oidc
    Provider.GITHUB: Listing(
        required=_REGISTERED
        | {"repository", "repository_id", "repository_owner", "repository_owner_id", "job_workflow_ref", "event_name"},
        optional=_WHEN
        | {
            "ref",
            "ref_type",
            "ref_protected",
            "environment",
            "runner_environment",
            "repository_visibility",
            "workflow_ref",
            "base_ref",
            "head_ref",
            "actor",
            "actor_id",
            "enterprise",
            "enterprise_id",
        },
        ignored=frozenset(
            {
                "sha",
                "workflow",
                "workflow_sha",
                "job_workflow_sha",
                "run_id",
                "run_number",
                "run_attempt",
                "check_run_id",
                "environment_node_id",
                "issuer_scope",
            }
        ),
        caseless=frozenset({"repository", "repository_owner", "environment"}),
        pinned={"repository_id": "repository", "repository_owner_id": "repository"},
    ),
    # https://docs.gitlab.com/ci/secrets/id_token_authentication/#token-payload
    Provider.GITLAB: Listing(
        required=_REGISTERED | {"project_path", "project_id", "namespace_path", "namespace_id", "ref", "ref_type"},
        optional=_WHEN
        | {
            "ci_config_ref_uri",
            "ref_path",
            "ref_protected",
            "environment",
            "environment_protected",
            "deployment_tier",
            "deployment_action",
            "pipeline_source",
            "runner_environment",
            "project_visibility",
            "user_login",
            "user_id",
            "user_access_level",
        },
        ignored=frozenset(
            {
                "sha",
                "pipeline_id",
                "job_id",
                "job_project_id",
                "job_project_path",
                "job_namespace_id",
                "job_namespace_path",
                "job_source",
                "runner_id",
                "user_email",
                "user_identities",
                "groups_direct",
                "ci_config_sha",
                "job_config",
                "target_audience",
            }
        ),
        caseless=frozenset({"project_path", "namespace_path"}),
        pinned={"project_id": "project_path", "namespace_id": "project_path"},
    ),
    Provider.GENERIC: Listing(required=_REGISTERED, optional=_WHEN, ignored=frozenset()),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was asked of a token's claims, and what there was."""

    claim: str
    expected: str
    actual: str | None
    holds: bool


def judge(provider: Provider, rules: Iterable[ClaimRule], claims: Claims) -> Sequence[Check]:
    """All that a publisher of *provider* with these rules asks of a token; it matches when every check holds."""
    listing = LISTINGS[provider]
    checks = [
        Check(claim, "to be there", None, holds=False)
        for claim in sorted(listing.required - _RESERVED)
        if _text(claims.get(claim)) is None
    ]
    if provider is Provider.GITHUB:
        # Such a job runs what a stranger proposes, with the rights of the repository that it was proposed to.
        event = _text(claims.get("event_name"))
        checks.append(
            Check("event_name", "not pull_request_target", _shown(event), holds=event != "pull_request_target")
        )
    for rule in rules:
        value = _workflow(provider, claims) if rule.claim == WORKFLOW else _text(claims.get(rule.claim))
        holds = value is not None and rule.matches(value, caseless=rule.claim in listing.caseless)
        checks.append(Check(rule.claim, rule.pattern, _shown(value), holds=holds))
    return checks


def pins_for(provider: Provider, rules: Iterable[ClaimRule], claims: Claims) -> Sequence[ClaimRule]:
    """The rules that a publisher gets with its first use: the numbers of what its own rules name exactly.

    For rules that match a whole organisation's repositories the number of the owner alone.
    """
    by_claim = {rule.claim: rule for rule in rules}
    found = []
    for number, name in (LISTINGS[provider].pinned or {}).items():
        value = _text(claims.get(number))
        named = by_claim[name].exact or number in ("repository_owner_id", "namespace_id")
        if number not in by_claim and named and value is not None:
            found.append(ClaimRule.parse(number, value))
    return found


def require_rules(provider: Provider, rules: Sequence[ClaimRule]) -> None:
    """Refuse rules that would believe more than anybody means. Raises `Invalid`."""
    claims = [rule.claim for rule in rules]
    if len(set(claims)) < len(claims):
        raise Invalid("rules", expected="one for each claim")
    listing = LISTINGS[provider]
    for rule in rules:
        known = provider is Provider.GENERIC or rule.claim in listing.required | listing.optional | {WORKFLOW}
        if rule.claim in _RESERVED or not known or (provider is Provider.GENERIC and rule.claim == WORKFLOW):
            raise Invalid(rule.claim, expected="a claim that a rule can be about")
        if rule.claim in (listing.pinned or {}) and not (rule.exact and rule.pattern.isdecimal()):
            raise Invalid(str(rule), expected="a number")
    by_claim = {rule.claim: rule for rule in rules}
    match provider:
        case Provider.GITHUB:
            _require_repository(by_claim, "repository", "job_workflow_ref", "repository_owner_id")
        case Provider.GITLAB:
            _require_repository(by_claim, "project_path", "ci_config_ref_uri", "namespace_id")
        case Provider.GENERIC:
            if all(rule.pattern.strip("*/:@") == "" for rule in rules):
                raise Invalid("rules", expected="at least one that not every token of the issuer fulfils")


def _require_repository(by_claim: Mapping[str, ClaimRule], repository: str, workflow: str, owner_id: str) -> None:
    named = by_claim.get(repository)
    owner, slash, _ = ("", "", "") if named is None else named.pattern.partition("/")
    if named is None or not slash or not owner or "*" in owner:
        raise Invalid(repository, expected="a rule with the owner by name, such as acme/app")
    if not named.exact and owner_id not in by_claim:
        raise Invalid(owner_id, expected="the owner's number, where the rule is for more than one repository")
    if WORKFLOW not in by_claim and workflow not in by_claim:
        raise Invalid(WORKFLOW, expected="a rule that names the file with the job")


def _workflow(provider: Provider, claims: Claims) -> str | None:
    """The file that defines the job, if it is the repository's own: ``release.yml``, ``.gitlab-ci.yml``.

    A job of a reusable workflow that is elsewhere has none: a rule for it is about the whole reference.
    """
    if provider is Provider.GITHUB:
        # <owner>/<repository>/.github/workflows/<file>@<ref or commit>
        repository, reference = _text(claims.get("repository")), _text(claims.get("job_workflow_ref"))
        if repository is None or reference is None:
            return None
        start = f"{repository}/.github/workflows/"
    else:
        # <host>/<project path>//<file>@<ref>
        repository, reference = _text(claims.get("project_path")), _text(claims.get("ci_config_ref_uri"))
        if repository is None or reference is None:
            return None
        host, _, reference = reference.partition("/")
        if not host:
            return None
        start = f"{repository}//"
    if reference[: len(start)].casefold() != start.casefold():
        return None
    file, at, revision = reference[len(start) :].partition("@")
    return file if file and at and revision else None


def _text(value: object) -> str | None:
    """A claim as text; None for what is not one plain value, which no rule matches."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() if abs(value) < _LARGEST_NUMBER:
            return str(value)
    return None


def _shown(value: str | None) -> str | None:
    """A value that strangers wrote, as it may be shown on a terminal."""
    if value is None:
        return None
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value[:_SHOWN]
    )
