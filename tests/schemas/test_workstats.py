"""What workers count arrives at `/metrics` as it was counted."""

import pytest

from schemas.metrics import ACCEPTED, ACK_SECONDS, CONFLICTS, FINDINGS, TRANSCRIPT_SECONDS, WAITING, Metric
from schemas.workstats import counter_field, histogram_fields, parse

RULE = ("contact.phone", "enforce", "match")


@pytest.mark.parametrize(
    "metric, labels, field",
    [
        pytest.param(CONFLICTS, (), "crossline_conflicts||", id="no labels"),
        pytest.param(FINDINGS, RULE, "crossline_findings|contact.phone,enforce,match|", id="three labels"),
        pytest.param(FINDINGS, ("a,b|c", "", "ü"), "crossline_findings|a%2Cb%7Cc,,%C3%BC|", id="labels with the separators in them"),
    ],
)
def test_a_counters_field_is_read_back(metric: Metric, labels: tuple[str, ...], field: str) -> None:
    written = counter_field(metric, labels)

    assert written == field
    assert parse({written: 7.0}).counters == {metric: {labels: 7.0}}


@pytest.mark.parametrize(
    "metric, labels",
    [
        pytest.param(CONFLICTS, ("x",), id="a label too many"),
        pytest.param(FINDINGS, RULE[:2], id="a label too few"),
        pytest.param(WAITING, ("redis",), id="a gauge"),
        pytest.param(ACK_SECONDS, (), id="a histogram"),
    ],
)
def test_only_a_counter_with_its_labels_has_a_field(metric: Metric, labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="is not a counter with"):
        counter_field(metric, labels)


@pytest.mark.parametrize(
    "value, bucket",
    [
        pytest.param(0.0, "0.001", id="nothing"),
        pytest.param(0.001, "0.001", id="on a bound"),
        pytest.param(0.0011, "0.0025", id="just above a bound"),
        pytest.param(300.0, "300.0", id="on the last bound"),
        pytest.param(300.1, "+Inf", id="above all bounds"),
    ],
)
def test_a_value_falls_into_the_first_bucket_that_holds_it(value: float, bucket: str) -> None:
    assert histogram_fields(TRANSCRIPT_SECONDS, value) == {
        f"crossline_callback_to_transcript_seconds|{bucket}": 1.0,
        "crossline_callback_to_transcript_seconds|sum": value,
        "crossline_callback_to_transcript_seconds|count": 1.0,
    }


def test_several_values_are_added_up_field_by_field() -> None:
    fields = histogram_fields(TRANSCRIPT_SECONDS, 0.002, 0.002, 4.0)

    totals = parse(fields).histograms[TRANSCRIPT_SECONDS]
    counts = dict(totals.buckets)
    assert totals.sum == pytest.approx(4.004)
    assert [counts[bound] for bound in ("0.001", "0.0025", "2.5", "5.0", "+Inf")] == [0.0, 2.0, 2.0, 3.0, 3.0]


def test_no_value_adds_nothing() -> None:
    assert histogram_fields(TRANSCRIPT_SECONDS) == {}


@pytest.mark.parametrize("metric", [CONFLICTS, WAITING], ids=["counter", "gauge"])
def test_only_a_histogram_has_a_histograms_fields(metric: Metric) -> None:
    with pytest.raises(ValueError, match="is not a histogram"):
        histogram_fields(metric, 1.0)


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("crossline_of_tomorrow||", id="a metric of another release"),
        pytest.param("crossline_conflicts", id="no separator"),
        pytest.param("crossline_conflicts|", id="one separator"),
        pytest.param("crossline_conflicts||x", id="something behind the last separator"),
        pytest.param("crossline_conflicts|x|", id="a label that the metric has not"),
        pytest.param("crossline_findings|a,b|", id="a label that is missing"),
        pytest.param("crossline_callback_to_transcript_seconds|sum|", id="a histogram in a counter's form"),
        pytest.param("crossline_waiting_messages|redis|", id="a gauge"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_field_that_this_release_does_not_know_is_left_out(field: str) -> None:
    stats = parse({field: 3.0, counter_field(ACCEPTED, ["redis"]): 1.0})

    assert stats.counters == {ACCEPTED: {("redis",): 1.0}}
    assert stats.histograms == {}
