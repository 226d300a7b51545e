"""The operator's command line: which commands there are, where each lives, and what an error looks like to a person.

A command's module is imported only when that command is run, so that `crossline --help` and `crossline web` start at once.
"""

import errno
import importlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import click

from schemas.errors import CrosslineError, SchemaMismatch, SealError, StoreError, UserError

INTERRUPTED: Final = 130
_HINTS: Final[tuple[tuple[type[CrosslineError], str], ...]] = (
    (StoreError, "Is the store running, and do REDIS_URL and DATABASE_URL name it? `crossline doctor` looks closer."),
    (SealError, "CROSSLINE_ENCRYPTION_KEYS must hold every key that data was sealed with. `crossline doctor` looks closer."),
    (SchemaMismatch, ""),
    (CrosslineError, "`crossline doctor` looks for the cause."),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: its name, which is also its module's and its object's, and its line on the help page."""

    name: str
    line: str


SECTIONS: Final[tuple[tuple[str, tuple[Entry, ...]], ...]] = (
    (
        "Run it",
        (
            Entry("up", "Start the whole product here, stores included."),
            Entry("web", "Serve callbacks (a PaaS's web process)."),
            Entry("worker", "Screen what was accepted (a PaaS's worker process)."),
            Entry("migrate", "Bring the database's schema up to date (a PaaS's release step)."),
            Entry("send", "Send one callback from a file, as the provider would."),
        ),
    ),
    (
        "Look into it",
        (
            Entry("doctor", "Check stores, keys and settings; say what is wrong and how to mend it."),
            Entry("transcript", "Read a conversation, or find conversations by phone number."),
            Entry("screen", "Screen a text, or lines of JSON, against the policy. Needs no store."),
            Entry("inbox", "See what waits, and for how long."),
        ),
    ),
    (
        "Mend it",
        (
            Entry("quarantine", "See what could not be read, and run it again after a fix."),
            Entry("keys", "Rotate the encryption keys."),
        ),
    ),
)


class Commands(click.Group):
    """Finds a command in the table above, and turns what goes wrong in it into words and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the help page."""
        return [entry.name for entry in _entries()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one command that was asked for."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = getattr(importlib.import_module(f"crossline.commands.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help page, without importing a single command."""
        width = max(len(entry.name) for entry in _entries())
        for title, entries in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(entry.name.ljust(width), entry.line) for entry in entries])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. 2: the person can mend it; 1: it failed; 130: Ctrl-C. A traceback only with LOG_LEVEL=debug."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            if os.environ.get("LOG_LEVEL", "").lower() == "debug" or _is_closed_pipe(error):
                raise
            raise (Mendable if isinstance(error, UserError) else Failure)(error) from None


class Failure(click.ClickException):
    """An error as a person at a terminal sees it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(_words(error))

    def show(self, file: Any = None) -> None:
        """On standard error, as it is."""
        click.echo(self.message, file=file, err=True)


class Mendable(Failure):
    """An error that the person who reads it can mend."""

    exit_code = 2


def _entries() -> Iterator[Entry]:
    for _title, entries in SECTIONS:
        yield from entries


def _is_closed_pipe(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _words(error: Exception) -> str:
    if isinstance(error, UserError):
        return error.message
    if isinstance(error, CrosslineError):
        hint = next(hint for kind, hint in _HINTS if isinstance(error, kind))
        return f"{error.message}\n{hint}".rstrip()
    return f"Something went wrong inside Crossline ({type(error).__name__}). LOG_LEVEL=debug shows where."


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`crossline COMMAND --help` says more. Beside a running `crossline up`, every command finds its stores and keys by itself.",
)
@click.version_option(package_name="crossline", message="crossline %(version)s")
def main() -> None:
    """Crossline: the back office of masked phone numbers.

    It acknowledges every callback, loses none, screens what two people wrote to each other through a masked number, and keeps the
    transcript. New here? `crossline up` starts everything and says what to do next.
    """
