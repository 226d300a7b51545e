"""How what workers count travels to `/metrics`: fields of one Redis hash, each holding a sum that workers add to. Pure.

A counter's field is `<metric>|<label values, joined by ,>|`; a histogram's parts are `<metric>|<bucket bound>`, `<metric>|sum` and
`<metric>|count`, a bucket holding only what fell into it. Label values are percent-encoded. A field that this release does not know
is left out: another release may have written it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final
from urllib.parse import quote, unquote

from schemas.metrics import ALL, Metric, MetricType

_BY_NAME: Final = {metric.name: metric for metric in ALL}
_ABOVE_ALL: Final = "+Inf"
_SUM: Final = "sum"
_COUNT: Final = "count"


@dataclass(frozen=True, slots=True)
class HistogramTotals:
    """What a histogram has seen. `buckets`: cumulative, by upper bound as Prometheus writes it, the last `+Inf`."""

    buckets: tuple[tuple[str, float], ...]
    sum: float


@dataclass(frozen=True, slots=True)
class WorkStats:
    """All that workers have counted. `counters`: by metric, then by label values in the order of the metric's labels."""

    counters: Mapping[Metric, Mapping[tuple[str, ...], float]]
    histograms: Mapping[Metric, HistogramTotals]


def counter_field(metric: Metric, labels: Sequence[str] = ()) -> str:
    """The field of a counter with these label values, in the order of `metric.labels`. Raises ValueError where their number differs."""
    if metric.type is not MetricType.COUNTER or len(labels) != len(metric.labels):
        raise ValueError(f"{metric.name} is not a counter with {len(labels)} labels.")
    return f"{metric.name}|{','.join(quote(value, safe='') for value in labels)}|"


def histogram_fields(metric: Metric, *values: float) -> dict[str, float]:
    """What observing these values adds to the fields of a histogram without labels."""
    if metric.type is not MetricType.HISTOGRAM or metric.labels:
        raise ValueError(f"{metric.name} is not a histogram without labels.")
    fields: dict[str, float] = {}
    for value in values:
        field = f"{metric.name}|{_bound(metric, value)}"
        fields[field] = fields.get(field, 0.0) + 1.0
    if values:
        fields[f"{metric.name}|{_SUM}"] = float(sum(values))
        fields[f"{metric.name}|{_COUNT}"] = float(len(values))
    return fields


def parse(fields: Mapping[str, float]) -> WorkStats:
    """What the hash says."""
    counters: dict[Metric, dict[tuple[str, ...], float]] = {}
    parts: dict[Metric, dict[str, float]] = {}
    for field, value in fields.items():
        name, *rest = field.split("|")
        metric = _BY_NAME.get(name)
        if metric is None:
            continue
        if metric.type is MetricType.COUNTER and len(rest) == 2 and not rest[1]:
            labels = tuple(unquote(label) for label in rest[0].split(",")) if rest[0] else ()
            if len(labels) == len(metric.labels):
                counters.setdefault(metric, {})[labels] = value
        elif metric.type is MetricType.HISTOGRAM and len(rest) == 1:
            parts.setdefault(metric, {})[rest[0]] = value
    return WorkStats(counters, {metric: _totals(metric, of_metric) for metric, of_metric in parts.items()})


def _bounds(metric: Metric) -> Iterable[str]:
    yield from (str(bound) for bound in metric.buckets)
    yield _ABOVE_ALL


def _bound(metric: Metric, value: float) -> str:
    return next((str(bound) for bound in metric.buckets if value <= bound), _ABOVE_ALL)


def _totals(metric: Metric, parts: Mapping[str, float]) -> HistogramTotals:
    """`count` is redundant, and the buckets are what is believed: the three are not added to at one instant."""
    bounds = tuple(_bounds(metric))
    cumulative = accumulate(parts.get(bound, 0.0) for bound in bounds)
    return HistogramTotals(tuple(zip(bounds, cumulative, strict=True)), parts.get(_SUM, 0.0))
