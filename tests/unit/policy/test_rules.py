from __future__ import annotations

from dataclasses import replace

import pytest

from entrepot.model.errors import InvalidName, InvalidPolicy
from entrepot.model.names import FormatName, PackagePattern, parse_channel
from entrepot.model.policy import Door, Mode, Policy
from entrepot.policy.defaults import DEFAULTS
from entrepot.policy.facts import Facts
from entrepot.policy.rules import Obstacle, check_policy, decide, policy_set
from entrepot.testing.builders import package

API = package("acme/api")
PROD, DEV = parse_channel("prod"), parse_channel("dev")
SMALL = Policy("small", Door.PROMOTION, "size < 100", message="'it has ' + string(size) + ' bytes'")
FACTS = Facts.of({"size": 200, "name": "api"})


def test_one_policy_that_does_not_hold_refuses_and_says_why() -> None:
    decision = decide([SMALL, Policy("named", Door.PROMOTION, "name == 'api'")], FACTS)

    assert not decision.allowed
    assert decision.refusals == ("small: it has 200 bytes",)
    assert [reason.allowed for reason in decision.reasons] == [False, True]


@pytest.mark.parametrize(("mode", "warnings"), [(Mode.WARN, ("small: it has 200 bytes",)), (Mode.DRY_RUN, ())])
def test_a_policy_that_only_warns_lets_through(mode: Mode, warnings: tuple[str, ...]) -> None:
    decision = decide([replace(SMALL, mode=mode)], FACTS)

    assert decision.allowed
    assert decision.warnings == warnings
    assert not decision.reasons[0].allowed


def test_without_a_message_the_description_or_the_condition_is_said() -> None:
    plain = replace(SMALL, message=None)

    assert decide([plain], FACTS).refusals == ("small: size < 100 does not hold",)
    assert decide([replace(plain, description="Too large.")], FACTS).refusals == ("small: Too large.",)
    assert decide([replace(SMALL, message="string(findings.high)")], FACTS).refusals == (
        "small: size < 100 does not hold",
    )


def test_what_is_not_known_yet_refuses_and_may_wait() -> None:
    decision = decide([Policy("clean", Door.PROMOTION, "findings.total == 0")], FACTS)

    assert decision.refusals == ("clean: findings.total is not known yet",)
    assert decision.waits
    assert decision.undecided


def test_a_refusal_for_good_does_not_wait_for_approvals() -> None:
    approved = Policy("approved", Door.PROMOTION, "approvals.count >= 2")
    facts = Facts.of({"size": 200, "approvals.count": 0})

    assert decide([approved], facts).waits
    assert not decide([approved, SMALL], facts).waits
    assert not decide([approved], facts, obstacles=[Obstacle("it is blocked", passes=False)]).waits
    assert decide([], facts, obstacles=[Obstacle("two approvals to come", passes=True)]).waits


@pytest.mark.parametrize(
    ("policy", "channel", "first", "guards"),
    [
        (SMALL, PROD, False, True),
        (SMALL, DEV, True, False),
        (replace(SMALL, channels=(DEV,)), DEV, True, True),
        (replace(SMALL, channels=(DEV,)), PROD, False, False),
        (replace(SMALL, formats=(FormatName("pypi"),)), PROD, False, False),
        (replace(SMALL, packages=PackagePattern("web-*")), PROD, False, False),
        (replace(SMALL, mode=Mode.OFF), PROD, False, False),
        (replace(SMALL, door=Door.ADMISSION), PROD, False, False),
        (replace(SMALL, door=Door.ADMISSION), None, False, False),
    ],
)
def test_a_policy_guards_its_door_its_channels_and_its_packages(
    policy: Policy, channel: object, first: bool, guards: bool
) -> None:
    assert policy.guards(API, Door.PROMOTION, channel, first=first) is guards  # type: ignore[arg-type]  # parametrised


def test_a_namespaces_own_policy_replaces_the_default_of_its_name() -> None:
    own = Policy("not-yanked", Door.PROMOTION, "true", mode=Mode.OFF, version=1)

    found = policy_set([own, SMALL], DEFAULTS)

    assert {policy.name for policy in found.policies} == {policy.name for policy in DEFAULTS} | {"small"}
    assert own in found.policies
    assert own not in found.at(API, Door.PROMOTION, PROD)
    assert found.digest != policy_set([SMALL], DEFAULTS).digest


def test_the_digest_is_of_the_words_and_not_of_the_version() -> None:
    assert replace(SMALL, version=2).digest == SMALL.digest
    assert replace(SMALL, condition="size < 101").digest != SMALL.digest


@pytest.mark.parametrize("default", DEFAULTS, ids=lambda policy: policy.name)
def test_a_default_can_be_asked_and_never_lets_through_what_is_not_known(default: Policy) -> None:
    check_policy(default)

    assert not any(reason.allowed for reason in decide([default], Facts.of({})).reasons)


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (replace(SMALL, name="Not so"), InvalidName),
        (replace(SMALL, name=""), InvalidName),
        (replace(SMALL, condition="size"), InvalidPolicy),
        (replace(SMALL, message="size"), InvalidPolicy),
        (replace(SMALL, description="x" * 501), InvalidPolicy),
    ],
)
def test_what_is_no_policy_is_refused(policy: Policy, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_policy(policy)
