"""Runs `crossline doctor --json` on a set-up and gives its verdicts; for tests of broken set-ups."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from crossline.cli import main
from crossline.doctor.verdicts import Level, Verdict


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What doctor said, and how it ended."""

    exit_code: int
    verdicts: tuple[Verdict, ...]
    output: str

    def of(self, name: str) -> list[Verdict]:
        """The verdicts of one name."""
        return [verdict for verdict in self.verdicts if verdict.name == name]

    def failed(self) -> list[str]:
        """The names of what failed."""
        return [verdict.name for verdict in self.verdicts if verdict.level is Level.FAIL]


def diagnose(environ: Mapping[str, str], tmp_path: Path, *arguments: str) -> Diagnosis:
    """Run doctor with these variables and no data dir."""
    variables = {**environ, "CROSSLINE_DATA_DIR": str(tmp_path / "none")}
    result = CliRunner().invoke(main, ["doctor", "--json", *arguments], env=variables)
    document = json.loads(result.stdout)
    verdicts = tuple(Verdict(one["name"], Level(one["level"]), one["finding"], one["remedy"]) for one in document["verdicts"])
    assert document["ok"] is (result.exit_code == 0)
    return Diagnosis(result.exit_code, verdicts, result.output)
