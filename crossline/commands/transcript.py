"""`crossline transcript`: reads a conversation, and finds the conversations of a phone number."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import click
import orjson

from crossline.context import data_dir_option, load_settings
from crossline.stores import digests_of, keyring_of, migrated_database
from crossline.transcript_forms.csv_form import CsvForm
from crossline.transcript_forms.entries import Entry, entries_of
from crossline.transcript_forms.json_form import JsonForm
from crossline.transcript_forms.text_form import TextForm
from crossline.visible import visible, visible_json
from schemas.errors import UserError
from store.cases import Case, cases_of
from store.transcripts import sessions_of

if TYPE_CHECKING:
    from rich.console import Console

NOTHING_FOUND: Final = 1
FORMATS: Final = ("text", "json", "jsonl", "csv")
_SESSION: Final = re.compile(r"[\x21-\x7e]{1,64}")


class Form(Protocol):
    """How a transcript is written."""

    def begin(self) -> None:
        """Before the first entry."""

    def add(self, entry: Entry) -> None:
        """One entry."""

    def end(self, cases: Sequence[Case]) -> None:
        """After the last entry. `cases`: the conversation's, the newest first."""


class SessionOrCommand(click.Group):
    """Lets `transcript SESSION` stand for `transcript show SESSION`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `show` before whatever is neither a command nor a plea for help."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=SessionOrCommand, subcommand_metavar="SESSION | find --phone -")
def transcript() -> None:
    """Read a conversation, or find conversations by phone number.

    \b
    crossline transcript B5862A14363C016C8832D53625270015
    crossline transcript B5862A14363C016C8832D53625270015 --format csv > conversation.csv
    crossline transcript find --phone - < number.txt
    """


@transcript.command(short_help="Print a conversation (`show` may be left out).")
@click.argument("session")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to write it.")
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option("--jsonl", "form", flag_value="jsonl", help="One JSON object a message and line.")
@click.option("--local", is_flag=True, help="Times in this machine's zone instead of UTC.")
@click.option("--show-numbers", is_flag=True, help="Whole phone numbers instead of their last two digits.")
@data_dir_option
def show(*, session: str, form: str, local: bool, show_numbers: bool, data_dir: Path | None) -> None:
    """Print the messages of SESSION in the order in which they were written, and what was found in them.

    Party A is who wrote first. Control characters are shown as escapes; --format json has the text exactly as it came.
    """
    if not _SESSION.fullmatch(session):
        raise UserError("A session's id is 1 to 64 visible ASCII characters: copy it whole, without quotes or spaces.")
    settings = load_settings(data_dir)
    writer = _form(form, session, local=local)
    written = 0
    with migrated_database(settings) as database:
        writer.begin()
        for entry in entries_of(database, keyring_of(settings), session, show_numbers=show_numbers):
            writer.add(entry)
            written += 1
        with database.read() as tx:
            writer.end(cases_of(tx, session))
    if not written:
        click.echo(
            f"There are no messages of session {visible(session)} yet.\n"
            "If one was sent just now: `crossline inbox` shows what still waits, `crossline quarantine list` what could not be read.",
            err=True,
        )
        sys.exit(NOTHING_FOUND)


@transcript.command(short_help="Find the sessions of a phone number.")
@click.option("--phone", required=True, metavar="-", help="Always `-`: the number is read from standard input.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_dir_option
def find(*, phone: str, as_json: bool, data_dir: Path | None) -> None:
    """Print the sessions in which a phone number took part, the latest first, one a line.

    The number is read from standard input, in any spelling, with its country code; on a command line it would stay in the shell's
    history and in the list of processes.
    """
    if phone != "-":
        raise UserError(
            "Give the number on standard input: `crossline transcript find --phone -`, then type it.\n"
            "On the command line it would stay in your shell's history, where the one you just typed now is: consider removing it."
        )
    settings = load_settings(data_dir)
    number = _number_from_stdin()
    with migrated_database(settings) as database, database.read() as tx:
        sessions = sessions_of(tx, digests_of(settings).of_phone_number(number))
    if as_json:
        click.echo(visible_json(orjson.dumps({"sessions": sessions})))
    else:
        for session in sessions:
            click.echo(session)
    if not sessions:
        click.echo("No session of that number is known. Is the country code there?", err=True)
        sys.exit(NOTHING_FOUND)


def _number_from_stdin() -> str:
    if sys.stdin.isatty():
        click.echo("Phone number, with its country code: ", nl=False, err=True)
    number = sys.stdin.readline()
    if not any(character.isdigit() for character in number):
        raise UserError("There is no phone number on standard input.")
    return number


def _form(form: str, session: str, *, local: bool) -> Form:
    if form == "text":
        return TextForm(_console(), local=local)
    if form == "csv":
        return CsvForm(sys.stdout, local=local, escape_controls=sys.stdout.isatty())
    return JsonForm(sys.stdout, session, local=local, on_lines=form == "jsonl")


def _console() -> "Console | None":
    """A terminal's colours; None where standard output is no terminal."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console()
