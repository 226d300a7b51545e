"""The command line's frame: the help page, lazy commands, and what an error looks like."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import crossline.commands
from crossline.cli import SECTIONS, Commands, Entry, main
from schemas.errors import CrosslineError, SchemaMismatch, SealError, SettingsError, StoreUnreachable, UserError

ENTRIES = [entry for _title, entries in SECTIONS for entry in entries]


def run_raising(error: BaseException) -> "tuple[int, str, str]":
    """Exit code, standard output and standard error of a command that raises."""

    class One(Commands):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            def fail() -> None:
                raise error

            return click.Command("fail", callback=fail)

    result = CliRunner().invoke(One("crossline"), ["fail"])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_command_of_the_help_page_is_there_and_explains_itself(entry: Entry) -> None:
    page = CliRunner().invoke(main, [entry.name, "--help"])

    assert page.exit_code == 0
    assert len(page.stdout.splitlines()) > 4


def test_every_command_that_there_is_stands_on_the_help_page() -> None:
    modules = {path.stem for path in Path(crossline.commands.__path__[0]).glob("*.py")} - {"__init__"}

    assert modules - {entry.name for entry in ENTRIES} == set()


def test_the_help_page_names_every_command_under_its_purpose() -> None:
    page = CliRunner().invoke(main, ["--help"]).stdout

    assert [title for title, _ in SECTIONS if f"{title}:" not in page] == []
    assert [entry.name for entry in ENTRIES if f"  {entry.name} " not in page] == []


def test_the_help_page_loads_no_command_and_no_library_but_click() -> None:
    script = "import sys; from crossline.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split())

    assert loaded & {"sqlalchemy", "redis", "rq", "pydantic", "structlog", "uvicorn", "httpx", "rich"} == set()
    assert not [name for name in loaded if name.startswith("crossline.commands.")]


@pytest.mark.parametrize(
    "error, exit_code, says",
    [
        pytest.param(UserError("Take another port."), 2, "Take another port.\n", id="what-the-person-can-mend"),
        pytest.param(SettingsError(["A is not set"]), 2, "The settings cannot be used:\n  - A is not set\n", id="settings"),
        pytest.param(StoreUnreachable("Redis failed (X)."), 1, "crossline doctor", id="store"),
        pytest.param(SealError(), 1, "CROSSLINE_ENCRYPTION_KEYS", id="sealed-bytes"),
        pytest.param(SchemaMismatch(), 1, "crossline migrate", id="schema"),
        pytest.param(CrosslineError("It failed."), 1, "It failed.", id="any-other-of-ours"),
        pytest.param(ValueError("+15550100 said hello"), 1, "ValueError", id="a-bug"),
        pytest.param(KeyboardInterrupt(), 130, "", id="ctrl-c"),
        pytest.param(click.UsageError("No such thing."), 2, "No such thing.", id="usage"),
    ],
)
def test_an_error_is_words_and_an_exit_code(error: BaseException, exit_code: int, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    code, out, err = run_raising(error)

    assert (code, out) == (exit_code, "")
    assert says in err
    assert "Traceback" not in err
    assert "hello" not in err


def test_a_traceback_is_there_for_who_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")

    assert isinstance(CliRunner().invoke(main, ["up", "--port", "0", "--data-dir", "/dev/null/x"]).exception, UserError)


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["launch"])

    assert result.exit_code == 2
    assert "launch" in result.stderr
