"""What Prometheus is told. No label takes a value that a client chooses."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from entrepot.model.usage import Account

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300)

Label = tuple[str, str, str]
"""Format, operation, outcome."""


def outcome(status: int) -> str:
    """The word for a status: ``ok``, ``client_error`` or ``server_error``."""
    return "ok" if status < 400 else "client_error" if status < 500 else "server_error"  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class _Labelled:
    """The counters of one label."""

    requests: Counter
    seconds: Histogram
    received: Counter
    sent: Counter


class Metrics:
    """The counters of one worker; a scrape adds up those of all."""

    def __init__(self) -> None:
        """Make them. With several workers ``PROMETHEUS_MULTIPROC_DIR`` is set before this module is imported."""
        self._registry = CollectorRegistry()
        self._known: dict[Label, _Labelled] = {}
        self.requests: Final = Counter(
            "entrepot_requests", "Requests", ("format", "operation", "outcome"), registry=self._registry
        )
        self.seconds: Final = Histogram(
            "entrepot_request_seconds",
            "Time to answer, transfer included",
            ("format", "operation"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.received: Final = Counter(
            "entrepot_received_bytes", "Bytes of request bodies", ("format",), registry=self._registry
        )
        self.sent: Final = Counter(
            "entrepot_sent_bytes", "Bytes of response bodies", ("format",), registry=self._registry
        )
        self.errors: Final = Counter(
            "entrepot_errors", "Refused and failed requests by error code", ("format", "code"), registry=self._registry
        )
        self.running: Final = Gauge(
            "entrepot_running_requests",
            "Requests being answered",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self.cache_hits: Final = Counter(
            "entrepot_front_cache_hits", "Requests answered from the front cache", ("format",), registry=self._registry
        )

    def count(self, label: Label, *, seconds: float, received: int, sent: int) -> None:
        """Count one request."""
        known = self._labelled(label)
        known.requests.inc()
        known.seconds.observe(seconds)
        if received:
            known.received.inc(received)
        if sent:
            known.sent.inc(sent)

    def count_hits(self, label: Label, *, hits: int, sent: int, seconds: float) -> None:
        """Count requests that the front cache answered: *seconds* is their sum."""
        known = self._labelled(label)
        known.requests.inc(hits)
        self.cache_hits.labels(label[0]).inc(hits)
        if sent:
            known.sent.inc(sent)
        _observe_many(known.seconds, seconds / hits, hits)

    def _labelled(self, label: Label) -> _Labelled:
        """The counters of a label; looking them up in the library takes longer than counting."""
        known = self._known.get(label)
        if known is None:
            format_, operation, _ = label
            known = self._known[label] = _Labelled(
                requests=self.requests.labels(*label),
                seconds=self.seconds.labels(format_, operation),
                received=self.received.labels(format_),
                sent=self.sent.labels(format_),
            )
        return known

    def render(
        self,
        storage: Mapping[str, int],
        behind: Mapping[str, int],
        scrubbed_at: datetime | None,
        accounts: Sequence[Account] = (),
    ) -> bytes:
        """The text that a scrape gets, with the totals of *storage*, and how far *behind* each follower is.

        *scrubbed_at* is when every blob had been read again last; None where that was never so. *accounts* are those of
        the namespaces that have metrics of their own.
        """
        whole = CollectorRegistry()
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            multiprocess.MultiProcessCollector(whole)  # type: ignore[no-untyped-call]
        else:
            whole = self._registry
        return generate_latest(whole) + generate_latest(_of(_Asked(storage, behind, scrubbed_at, accounts)))


def _observe_many(histogram: Histogram, value: float, times: int) -> None:
    """Observe *value* so many times. The library has no word for it, so this is the one place that opens it up."""
    bounds, buckets, total = histogram._upper_bounds, histogram._buckets, histogram._sum  # noqa: SLF001
    buckets[next(index for index, bound in enumerate(bounds) if value <= bound)].inc(times)
    total.inc(value * times)


_OF_NAMESPACES: Final[tuple[tuple[str, str, Callable[[Account], int | None]], ...]] = (
    ("bytes", "Bytes that a namespace is charged with, each blob once", lambda it: it.size),
    ("unique_bytes", "Bytes of them that no other namespace is charged for", lambda it: it.unique_size),
    ("trash_bytes", "Bytes of them that were deleted and can be had back", lambda it: it.trash_size),
    ("versions", "Versions in a namespace", lambda it: it.versions),
    ("quota_bytes", "Bytes that a namespace may take up", lambda it: None if it.quota is None else it.quota.size),
    (
        "quota_versions",
        "Versions that a namespace may have",
        lambda it: None if it.quota is None else it.quota.versions,
    ),
)


_MEANINGS: Final = {
    "damaged": "Blobs whose bytes are not what they were, and that are not served",
    "unrepaired": "Blobs of them that nobody had sound bytes of",
}


class _Asked:
    """What the catalog is asked at the scrape."""

    def __init__(
        self,
        totals: Mapping[str, int],
        behind: Mapping[str, int],
        scrubbed_at: datetime | None,
        accounts: Sequence[Account],
    ) -> None:
        self._totals = totals
        self._behind = behind
        self._scrubbed_at = scrubbed_at
        self._accounts = accounts

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One gauge for each total, one for the scrub, one for the followers, and those of namespaces."""
        for name, value in self._totals.items():
            yield GaugeMetricFamily(f"entrepot_storage_{name}", _MEANINGS.get(name, f"Stored {name}"), value=value)
        if self._scrubbed_at is not None:
            yield GaugeMetricFamily(
                "entrepot_scrub_ended_timestamp_seconds",
                "When every blob had been read again and compared",
                value=self._scrubbed_at.timestamp(),
            )
        followers = GaugeMetricFamily(
            "entrepot_follower_behind", "Entries of the journal that a follower has not dealt with", labels=["follower"]
        )
        for name, value in self._behind.items():
            followers.add_metric([name], value)
        yield followers
        for name, meaning, read in _OF_NAMESPACES:
            gauge = GaugeMetricFamily(f"entrepot_namespace_{name}", meaning, labels=["namespace"])
            for account in self._accounts:
                if (found := read(account)) is not None:
                    gauge.add_metric([account.namespace], found)
            yield gauge


def _of(collector: _Asked) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry
