from __future__ import annotations

from datetime import UTC, datetime

import pytest

from entrepot.drivers.fetch.pace import Pace, retry_after

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


def test_it_waits_longer_each_time_up_to_a_limit_and_half_of_it_by_chance() -> None:
    least, most = (Pace(attempts=9, first_delay=1, longest_delay=5, chance=lambda c=c: c) for c in (0.0, 1.0))

    assert [least.delay(n, None) for n in range(1, 6)] == [0.5, 1, 2, 2.5, 2.5]
    assert [most.delay(n, None) for n in range(1, 6)] == [1, 2, 4, 5, 5]


def test_it_gives_up_after_its_attempts() -> None:
    assert [Pace(attempts=3).delay(n, None) is None for n in (1, 2, 3)] == [False, False, True]


def test_it_waits_as_long_as_it_is_asked_to_unless_that_is_too_long() -> None:
    pace = Pace(first_delay=1, longest_delay=10, chance=lambda: 1.0)

    assert pace.delay(1, 10) == 11
    assert pace.delay(1, 11) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "9" * 5000}, 86400),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Fri, 20 Nov 2026 12:01:00 GMT"}, 60),
        ({"retry-after": "Fri, 20 Nov 2026 12:01:00"}, 60),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "Fri, 20 Nov 9999 11:00:00 GMT"}, 86400),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:30 GMT", "date": "Fri, 20 Nov 2026 11:00:00 GMT"}, 30),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:30 GMT", "date": "today"}, None),
    ],
)
def test_how_long_to_wait_is_read_from_a_number_or_a_date(headers: dict[str, str], seconds: int | None) -> None:
    assert retry_after(headers, NOW) == seconds
