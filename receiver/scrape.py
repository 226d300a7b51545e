"""`/metrics`: what the door counted, what waits in the stores, and what the workers published; for Prometheus."""

import hmac
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from receiver.metrics import DoorMetrics
from receiver.networks import LOOPBACK, read_address
from schemas.errors import NotAuthenticated, NotFound
from schemas.metrics import OLDEST_SECONDS, STORE_PROVEN, WAITING, Metric
from schemas.workstats import parse
from store.inbox.batches import StoreName

log = structlog.get_logger(__name__)

_FORWARDING: Final = ("x-forwarded-for", "forwarded", "x-real-ip")
_BEARER: Final = "bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreScrape:
    """One store at the moment of a scrape. `messages`, `oldest_age_s`: what waits in its inbox; None where it could not be asked."""

    proven: bool
    messages: int | None = None
    oldest_age_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """What the stores say at a scrape. `work`: the fields of the hash at `schemas.keys.WORK_STATS`, as `schemas.workstats` reads them."""

    stores: Mapping[StoreName, StoreScrape] = field(default_factory=dict)
    work: Mapping[str, float] = field(default_factory=dict)


ScrapeStores = Callable[[], Awaitable[Scrape]]


class MetricsPage:
    """The `/metrics` endpoint, for who has the token, and for loopback."""

    def __init__(self, metrics: DoorMetrics, scrape: ScrapeStores, *, token: str | None) -> None:
        self._metrics = metrics
        self._scrape = scrape
        self._token = None if token is None else token.encode()

    async def page(self, request: Request) -> Response:
        """All metrics in Prometheus' text format. Raises NotAuthenticated, or NotFound where no token is set; never for loopback."""
        self._check(request)
        try:
            scrape = await self._scrape()
        except Exception as error:  # noqa: BLE001  what this process counted is worth showing above all when the stores are away
            log.error("scrape_failed", error=type(error).__name__)
            scrape = Scrape()
        body = self._metrics.render([_Scraped(scrape)])
        return Response(body, headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"})

    def _check(self, request: Request) -> None:
        if _is_loopback(request):
            return
        if self._token is None:
            raise NotFound
        given = request.headers.get("authorization", "")
        is_bearer = given[: len(_BEARER)].lower() == _BEARER
        if not is_bearer or not hmac.compare_digest(given[len(_BEARER) :].strip().encode("latin-1"), self._token):
            raise NotAuthenticated


class _Scraped(Collector):
    """The metrics that are read at a scrape and counted nowhere in this process."""

    def __init__(self, scrape: Scrape) -> None:
        self._stores = scrape.stores
        self._work = parse(scrape.work)

    def collect(self) -> Iterator[Family]:
        """Gauges of the stores, then the workers' counters and histograms."""
        yield self._gauge(STORE_PROVEN, {name: float(store.proven) for name, store in self._stores.items()})
        yield self._gauge(WAITING, {name: store.messages for name, store in self._stores.items()})
        yield self._gauge(OLDEST_SECONDS, {name: store.oldest_age_s for name, store in self._stores.items()})
        for metric, values in self._work.counters.items():
            counter = CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in values.items():
                counter.add_metric(labels, value)
            yield counter
        for metric, totals in self._work.histograms.items():
            yield HistogramMetricFamily(metric.name, metric.meaning, buckets=list(totals.buckets), sum_value=totals.sum)

    def _gauge(self, metric: Metric, values: Mapping[StoreName, float | None]) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        for name, value in values.items():
            if value is not None:
                gauge.add_metric([name.value], value)
        return gauge


def _is_loopback(request: Request) -> bool:
    """Whether the peer itself is this machine: a proxy's request names somebody else, and a proxy is what stands on loopback."""
    if any(name in request.headers for name in _FORWARDING):
        return False
    address = LOOPBACK if request.client is None else read_address(request.client.host)
    return address is not None and address.is_loopback
