"""What many interleaved rounds say together. Pure.

A ratio is the median of the rounds' own ratios: what disturbs one round disturbs both of its sides.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.ack.load import Measured
from bench.ack.servers import BARE, CROSSLINE, PIPELINED, USUAL

Round = Mapping[str, Measured]


def summary(rounds: Sequence[Round]) -> dict[str, Any]:
    """The ratios, and each server's medians."""
    return {
        "vs_bare_starlette": _ratio(rounds, BARE),
        "vs_usual_way": _ratio(rounds, USUAL),
        "vs_asyncio_pipeline": _ratio(rounds, PIPELINED),
        "servers": {name: _server([one[name] for one in rounds]) for name in rounds[0]},
    }


def table(result: dict[str, Any]) -> str:
    """The same for a person."""
    lines = [f"{'':18}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}"]
    for name, of in result["servers"].items():
        lines.append(f"{name:18}{of['requests_per_s']:12,.0f}{of['p50_ms']:10.1f}{of['p99_ms']:10.1f}")
    lines.append("")
    lines += [f"{name:24}{result[name]:8.2f} ×" for name in ("vs_bare_starlette", "vs_usual_way", "vs_asyncio_pipeline")]
    return "\n".join(lines)


def _ratio(rounds: Sequence[Round], other: str) -> float:
    return round(median(one[CROSSLINE].per_s / one[other].per_s for one in rounds), 3)


def _server(all_measured: Sequence[Measured]) -> dict[str, Any]:
    rates = [measured.per_s for measured in all_measured]
    return {
        "requests_per_s": round(median(rates), 1),
        "p50_ms": round(median(measured.p50_ms for measured in all_measured), 3),
        "p99_ms": round(median(measured.p99_ms for measured in all_measured), 3),
        "answers": sum(measured.answers for measured in all_measured),
        "requests_per_s_by_round": [round(rate, 1) for rate in rates],
    }
