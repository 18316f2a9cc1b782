"""What rights never do: grow when they are narrowed, and cover what they do not allow."""

from __future__ import annotations

from hypothesis import given

from entrepot.model.access import ANONYMOUS, Action, Allowance, Rights, Role
from entrepot.model.names import PackageName, View
from tests.laws.strategies import (
    ACTIONS,
    ALLOWANCES,
    ASKED_PACKAGES,
    ASKED_VIEWS,
    FEW_NAMES,
    FEW_VIEWS,
    LAYERS,
    RIGHTS,
)


@given(RIGHTS, LAYERS, ACTIONS, ASKED_VIEWS, ASKED_PACKAGES)
def test_narrowing_never_widens(
    rights: Rights, scope: tuple[Allowance, ...], action: Action, view: View | None, package: PackageName | None
) -> None:
    if rights.narrowed(scope).allows(action, view, package):
        assert rights.allows(action, view, package)
        assert Rights((scope,)).allows(action, view, package)


@given(RIGHTS, LAYERS, ALLOWANCES)
def test_narrowed_rights_hand_on_no_more(rights: Rights, scope: tuple[Allowance, ...], allowance: Allowance) -> None:
    if rights.narrowed(scope).covers(allowance):
        assert rights.covers(allowance)


@given(RIGHTS, ALLOWANCES, ACTIONS, ASKED_VIEWS, ASKED_PACKAGES)
def test_whoever_hands_an_allowance_on_may_do_all_of_it(
    rights: Rights, allowance: Allowance, action: Action, view: View | None, package: PackageName | None
) -> None:
    if rights.covers(allowance) and allowance.allows(action, view, package):
        assert rights.allows(action, view, package)


@given(ALLOWANCES, ALLOWANCES, ACTIONS, ASKED_VIEWS, ASKED_PACKAGES)
def test_what_covers_an_allowance_allows_all_that_it_allows(
    wide: Allowance, narrow: Allowance, action: Action, view: View | None, package: PackageName | None
) -> None:
    if wide.covers(narrow) and narrow.allows(action, view, package):
        assert wide.allows(action, view, package)


@given(ALLOWANCES, ACTIONS, FEW_NAMES)
def test_what_is_allowed_everywhere_is_allowed_in_every_view(
    allowance: Allowance, action: Action, package: PackageName
) -> None:
    if allowance.allows(action, None, package):
        for view in ("acme", "acme.prod", "zeta"):
            assert allowance.allows(action, View.parse(view), package)


@given(RIGHTS, ACTIONS, FEW_VIEWS, FEW_NAMES)
def test_what_is_allowed_in_a_whole_namespace_is_allowed_in_each_package_and_channel(
    rights: Rights, action: Action, view: View, package: PackageName
) -> None:
    if rights.allows(action, view):
        assert rights.allows(action, view, package)
    if rights.allows(action, View(view.namespace), package):
        assert rights.allows(action, view, package)


@given(RIGHTS, ACTIONS, FEW_VIEWS, ASKED_PACKAGES)
def test_what_one_may_do_somewhere_is_something_that_one_may_know_of(
    rights: Rights, action: Action, view: View, package: PackageName | None
) -> None:
    if rights.allows(action, view, package):
        assert rights.touches(view)
        assert rights.touches(View(view.namespace))


@given(ACTIONS, ASKED_VIEWS, ASKED_PACKAGES)
def test_an_anonymous_caller_may_nothing(action: Action, view: View | None, package: PackageName | None) -> None:
    assert not ANONYMOUS.rights.allows(action, view, package)


@given(ALLOWANCES, ACTIONS, FEW_VIEWS, FEW_NAMES)
def test_a_role_allows_its_own_actions_and_no_others(
    allowance: Allowance, action: Action, view: View, package: PackageName
) -> None:
    if allowance.allows(action, view, package):
        assert action in allowance.role.actions
        assert allowance.only is None or action in allowance.only


def test_only_an_administrator_has_every_action() -> None:
    assert [role for role in Role if role.actions == frozenset(Action)] == [Role.ADMINISTRATOR]
    assert Action.ADMINISTER not in frozenset().union(
        *(role.actions for role in Role if role is not Role.ADMINISTRATOR)
    )
