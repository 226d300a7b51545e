"""Fixtures of the command tests."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crossline.cli import main

Run = Callable[..., Result]


@pytest.fixture
def run(environ: Mapping[str, str], tmp_path: Path) -> Run:
    """Runs one command on this test's stores: `run("inbox", "--json")`. `changes` override single variables; None leaves one out."""

    def run(*arguments: str, stdin: str = "", changes: Mapping[str, str | None] | None = None) -> Result:
        variables = {**environ, "CROSSLINE_DATA_DIR": str(tmp_path / "none"), **(changes or {})}
        return CliRunner().invoke(main, list(arguments), env=variables, input=stdin)

    return run
