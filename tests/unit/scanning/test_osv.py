"""What a record of the OSV schema says of a version."""

from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.model.advisory import Level, Severity, State, Subject, Verdict
from entrepot.model.errors import InvalidMetadata, TooLarge
from entrepot.scanning.osv import LONGEST, Advisory, parse_advisory

PACKAGE = {"ecosystem": "PyPI", "name": "acme"}
SUBJECT = Subject("pypi", "acme")


def advisory(*affected: dict[str, Any], **fields: Any) -> Advisory:
    record = {"id": "TEST-1", "modified": "2026-01-31T12:00:00Z", "affected": list(affected), **fields}
    return parse_advisory(json.dumps(record).encode())


def events(*pairs: tuple[str, str], kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"type": kind, "events": [{event: version} for event, version in pairs]}


def affecting(*ranges: dict[str, Any], package: dict[str, str] = PACKAGE, **more: Any) -> dict[str, Any]:
    return {"package": package, "ranges": list(ranges), **more}


def judge(read: Advisory, version: str | None, subject: Subject = SUBJECT) -> Verdict:
    return read.rules[subject].judge(version)


def states(read: Advisory, *versions: str, subject: Subject = SUBJECT) -> str:
    """One letter for each version: a(ffected), u(naffected), ? (unknown)."""
    letters = {State.AFFECTED: "a", State.UNAFFECTED: "u", State.UNKNOWN: "?"}
    return "".join(letters[judge(read, version, subject).state] for version in versions)


def test_what_is_introduced_and_fixed_is_affected_between_the_two() -> None:
    read = advisory(affecting(events(("introduced", "1.0"), ("fixed", "1.5"))))

    assert states(read, "0.9", "1.0", "1.4.99", "1.5rc1", "1.5", "2") == "uaaauu"
    assert judge(read, "1.2") == Verdict(State.AFFECTED, "1.5")


def test_zero_is_before_everything() -> None:
    read = advisory(affecting(events(("introduced", "0"), ("fixed", "1.0"))))

    assert states(read, "0.dev0", "0", "0.9", "1.0") == "aaau"


def test_the_last_affected_version_is_affected_and_repaired_nowhere() -> None:
    read = advisory(affecting(events(("introduced", "0"), ("last_affected", "1.4"))))

    assert states(read, "1.4", "1.4.1") == "au"
    assert judge(read, "1.0").fixed is None


def test_a_range_may_have_several_intervals_in_any_order() -> None:
    read = advisory(affecting(events(("fixed", "2.3"), ("introduced", "2.0"), ("fixed", "1.5"), ("introduced", "0"))))

    assert states(read, "1.4", "1.5", "1.9", "2.0", "2.2", "2.3") == "auuaau"
    assert judge(read, "1.4").fixed == "1.5"
    assert judge(read, "2.1").fixed == "2.3"


def test_a_later_introduction_does_not_take_back_an_earlier_match() -> None:
    """A bug that was published elsewhere: the last event before the version was asked for alone."""
    read = advisory(
        affecting(
            events(("introduced", "1.0"), ("introduced", "3.0"), ("fixed", "3.5")),
            events(("introduced", "5.0")),
        )
    )

    assert states(read, "0.9", "1.0", "2.0", "3.1", "3.5", "4.9", "5.1") == "uaaauua"


def test_what_is_introduced_and_fixed_at_one_version_is_nowhere_or_begins_again() -> None:
    nowhere = advisory(
        affecting(events(("introduced", "1.0"), ("fixed", "1.1"), ("introduced", "2.0"), ("fixed", "2.0")))
    )
    again = advisory(
        affecting(events(("introduced", "1.0"), ("fixed", "2.0"), ("introduced", "2.0"), ("fixed", "2.1")))
    )

    assert states(nowhere, "1.0", "1.5", "2.0", "3.0") == "auuu"
    assert states(again, "1.0", "1.5", "2.0", "2.1") == "aaau"


def test_several_entries_of_one_package_count_together() -> None:
    read = advisory(
        affecting(events(("introduced", "1.0"), ("fixed", "1.5"))),
        affecting(events(("introduced", "2.0"), ("fixed", "2.5"))),
        affecting(events(("introduced", "0"), ("fixed", "9")), package={"ecosystem": "npm", "name": "acme"}),
    )

    assert states(read, "1.1", "1.7", "2.1", "3") == "auau"
    assert judge(read, "1.1").fixed == "1.5"
    assert states(read, "8.0.0", "9.0.0", subject=Subject("npm", "acme")) == "au"


def test_the_repair_is_one_that_no_other_range_affects() -> None:
    read = advisory(
        affecting(
            events(("introduced", "1.0"), ("fixed", "1.5")),
            events(("introduced", "1.4"), ("fixed", "1.8")),
        )
    )

    assert judge(read, "1.2").fixed == "1.8"


def test_listed_versions_are_affected_also_beside_ranges() -> None:
    read = advisory(
        affecting(events(("introduced", "1.0"), ("fixed", "1.5")), versions=["1.2", "0.3", "not-a-version"])
    )

    assert states(read, "0.3", "0.3.0", "0.4", "1.2", "not-a-version") == "aauaa"
    assert read.rules[SUBJECT].versions == ("0.3", "not-a-version")


def test_versions_from_the_limit_on_are_not_meant() -> None:
    read = advisory(affecting(events(("introduced", "1.0"), ("limit", "2.0"))))

    assert states(read, "1.5", "2.0", "3") == "auu"
    assert judge(read, "1.5").fixed is None
    assert states(advisory(affecting(events(("introduced", "1.0"), ("limit", "*")))), "3") == "a"


def test_commits_say_nothing_of_a_package_s_versions() -> None:
    git = events(("introduced", "0"), ("fixed", "c0ffee"), kind="GIT")

    assert states(advisory(affecting(git, events(("introduced", "0"), ("fixed", "1.0")))), "0.5", "1.0") == "au"
    assert states(advisory(affecting(git)), "1.0") == "?"
    assert advisory({"ranges": [git]}).rules == {}


def test_a_version_that_cannot_be_read_is_unknown_and_never_clean() -> None:
    """A bug that was published elsewhere: what could not be parsed was told to be not affected."""
    read = advisory(
        affecting(
            events(("introduced", "0"), ("fixed", "1.0.0"), kind="SEMVER"), package={"ecosystem": "npm", "name": "acme"}
        )
    )

    assert states(read, "latest", "1.x", "", "git+ssh://acme", subject=Subject("npm", "acme")) == "????"
    assert judge(read, None, Subject("npm", "acme")).state is State.UNKNOWN


def test_a_bound_that_cannot_be_read_makes_everything_else_unknown() -> None:
    read = advisory(
        affecting(events(("introduced", "0"), ("fixed", "unreleased")), events(("introduced", "1.0"), ("fixed", "2.0")))
    )

    assert states(read, "0.5", "1.5", "2.5") == "?a?"


def test_a_bound_that_is_older_than_pep_440_is_compared_with() -> None:
    read = advisory(affecting(events(("introduced", "0"), ("fixed", "0.2.0-n653"))))

    assert states(read, "0.1", "0.2.0", "0.2.1") == "aau"


def test_an_advisory_that_names_no_versions_is_unknown() -> None:
    assert states(advisory({"package": PACKAGE}), "1.0") == "?"


def test_an_ecosystem_without_an_order_has_lists_alone() -> None:
    package = {"ecosystem": "OSS-Fuzz", "name": "acme"}
    subject = Subject("oss-fuzz", "acme")

    assert states(advisory(affecting(package=package, versions=["1.0"])), "1.0", "2.0", subject=subject) == "au"
    ranged = affecting(events(("introduced", "0")), package=package, versions=["1.0"])
    assert states(advisory(ranged), "1.0", "2.0", subject=subject) == "a?"


def test_a_withdrawn_advisory_affects_nothing() -> None:
    read = advisory(affecting(events(("introduced", "0"))), withdrawn="2026-02-01T00:00:00Z")

    assert read.rules == {}
    assert read.notice.withdrawn is not None


def test_aliases_are_names_and_so_is_the_only_flaw_of_a_notice() -> None:
    one = advisory(aliases=["CVE-2026-1", "TEST-1"], upstream=["CVE-2026-2"])
    several = advisory(upstream=["CVE-2026-1", "CVE-2026-2"])

    assert one.notice.names == {"TEST-1", "CVE-2026-1", "CVE-2026-2"}
    assert several.notice.names == {"TEST-1"}


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ({}, Severity(Level.UNKNOWN)),
        (
            {"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]},
            Severity(Level.CRITICAL, 9.8, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
        ),
        (
            {"severity": [{"type": "CVSS_V2", "score": "AV:L/AC:H/Au:M/C:N/I:N/A:P"}]},
            Severity(Level.LOW, 0.8, "AV:L/AC:H/Au:M/C:N/I:N/A:P"),
        ),
        (
            {
                "severity": [
                    {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
                    {
                        "type": "CVSS_V4",
                        "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N",
                    },
                ]
            },
            Severity(Level.MEDIUM, 6.9, "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N"),
        ),
        ({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}]}, Severity(Level.UNKNOWN)),
        ({"database_specific": {"severity": "MODERATE"}}, Severity(Level.MEDIUM)),
        ({"severity": [{"type": "Ubuntu", "score": "low"}]}, Severity(Level.LOW)),
    ],
)
def test_the_severity_is_that_of_the_newest_vector_or_what_the_database_says(
    fields: dict[str, Any], severity: Severity
) -> None:
    assert advisory(**fields).notice.severity == severity


def test_the_summary_is_one_line() -> None:
    assert advisory(summary="", details="\nFirst.\nSecond.").notice.summary == "First."


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"id": "../x", "modified": "2026-01-31T12:00:00Z"}',
        b'{"id": "A-1", "modified": "yesterday"}',
        b'{"id": "A-1", "modified": "2026-01-31T12:00:00Z", "affected": 1}',
        b'{"id": "A-1", "modified": "2026-01-31T12:00:00Z", "affected": [{"package": {"name": "a"}}]}',
        b'{"id": "A-1", "modified": "2026-01-31T12:00:00Z", "database_specific": ' + b"[" * 100_000,
        b'{"id": "A-1", "modified": "2026-01-31T12:00:00Z", "summary": "\xff"}',
    ],
)
def test_what_is_no_record_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidMetadata):
        parse_advisory(content)


def test_a_record_without_end_is_refused() -> None:
    with pytest.raises(TooLarge):
        parse_advisory(b" " * (LONGEST + 1))
