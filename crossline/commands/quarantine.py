"""`crossline quarantine`: what was received and could not be read or trusted; shows it, and runs it again after a fix."""

import base64
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
import orjson

from crossline.context import data_dir_option, load_settings
from crossline.progress import progress
from crossline.replay import REPLAYED, UNSIGNED_REASONS, Outcome, Replayed, Replayer, waiting_entries
from crossline.stores import digests_of, keyring_of, migrated_database
from crossline.transcript_forms.text_form import instant
from crossline.visible import visible, visible_json
from schemas.callbacks import decode_callback
from schemas.errors import MalformedCallback, UserError
from schemas.settings import SignatureMode
from store import quarantine as kept
from store.engine import Database
from store.quarantine import Entry, EntryState

NOTHING_FOUND: Final = 1
LEFT_BEHIND: Final = 1
_LISTED: Final = 50


@click.group()
def quarantine() -> None:
    """See what could not be read or trusted, and run it again after a fix.

    Nothing that came to the right address is thrown away: it lies here, sealed, with the reason.
    """


@quarantine.command(name="list", short_help="Count what waits, by reason, and list it.")
@click.option("--reason", help="Only entries of this reason.")
@click.option("--all", "everything", is_flag=True, help="Entries that were replayed, too.")
@click.option("--after", metavar="ID", help="Go on behind this entry.")
@click.option("--limit", type=click.IntRange(1, 1000), default=_LISTED, show_default=True, help="Most entries to print.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_dir_option
def list_entries(*, reason: str | None, everything: bool, after: str | None, limit: int, as_json: bool, data_dir: Path | None) -> None:
    """Print how many entries wait, by reason, and the entries; never their bodies."""
    settings = load_settings(data_dir)
    with migrated_database(settings) as database, database.read() as tx:
        counts = kept.counts(tx)
        state = None if everything else EntryState.WAITING
        entries = kept.entries(tx, reason=reason, state=state, after=after, limit=limit + 1)
    more, entries = len(entries) > limit, entries[:limit]
    if as_json:
        document = {"waiting": counts, "entries": [_document(entry) for entry in entries], "next_after": entries[-1].id if more else None}
        click.echo(orjson.dumps(document, option=orjson.OPT_UTC_Z).decode())
        return
    if not counts:
        click.echo("Nothing waits in quarantine.")
    for name, count in counts.items():
        click.echo(f"{count:>7,} {name}")
    for entry in entries:
        click.echo(_line(entry))
    if more:
        click.echo(f"There are more: --after {entries[-1].id}")


@quarantine.command(short_help="Print one entry.")
@click.argument("entry_id", metavar="ID")
@click.option("--body", is_flag=True, help="Also the body as it came. It is private: it may hold numbers and what people wrote.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_dir_option
def show(*, entry_id: str, body: bool, as_json: bool, data_dir: Path | None) -> None:
    """Print one entry: its reason, when it came, and what is wrong with it today."""
    settings = load_settings(data_dir)
    with migrated_database(settings) as database, database.read() as tx:
        entry = _required(kept.entry(tx, entry_id.lower()))
        raw = kept.body_of(tx, entry.id, keyring_of(settings))
    today = _today(entry, raw)
    if as_json:
        document = _document(entry) | {"today": today} | (_body_document(raw) if body else {})
        click.echo(visible_json(orjson.dumps(document, option=orjson.OPT_UTC_Z)))
        return
    click.echo(_line(entry))
    click.echo(f"first received {instant(entry.first_received_at, local=False)}, last {instant(entry.last_received_at, local=False)}")
    click.echo(today)
    if body and raw is not None:
        click.echo(visible(raw.decode(errors="backslashreplace")))


@quarantine.command(short_help="Run entries through the inbox again.")
@click.argument("entry_ids", metavar="[ID]...", nargs=-1)
@click.option("--reason", help="Every entry of this reason.")
@click.option("--all", "everything", is_flag=True, help="Every entry that waits.")
@click.option("--dry-run", is_flag=True, help="Only say what would come of it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_dir_option
def replay(
    *, entry_ids: tuple[str, ...], reason: str | None, everything: bool, dry_run: bool, as_json: bool, data_dir: Path | None
) -> None:
    """Run entries through the inbox again: those named, those of a reason, or all.

    What can be read by now becomes a message, with the time at which it was first received. What cannot stays, and its fault is
    named. A conflict is never replayed: its id belongs to another message, which stands. While CROSSLINE_SIGNATURE is `require`,
    entries without a right signature are replayed only when named by ID or by --reason, because their signatures are not kept.
    """
    if (bool(entry_ids), reason is not None, everything).count(True) != 1:
        raise UserError("Say which entries: their IDs, or --reason, or --all. `crossline quarantine list` shows them.")
    settings = load_settings(data_dir)
    named = bool(entry_ids) or reason in UNSIGNED_REASONS
    with ExitStack() as stack:
        database = stack.enter_context(migrated_database(settings))
        entries = _chosen(database, entry_ids) if entry_ids else waiting_entries(database, reason)
        total = len(entry_ids) or _waiting(database, reason)
        advance = stack.enter_context(progress("replaying", total))
        replayer = Replayer(
            database=database,
            keyring=keyring_of(settings),
            digests=digests_of(settings),
            trust_unsigned=named or settings.signature is not SignatureMode.REQUIRE,
            dry_run=dry_run,
        )
        results = list(replayer.replay(entries, advance))
    _report(results, as_json=as_json)
    if any(result.outcome not in REPLAYED for result in results):
        sys.exit(LEFT_BEHIND)


def _report(results: Sequence[Replayed], *, as_json: bool) -> None:
    counts = Counter(result.outcome for result in results)
    if as_json:
        rows = [
            {"id": result.entry.id, "reason": result.entry.reason, "outcome": result.outcome, "because": result.because}
            for result in results
        ]
        click.echo(orjson.dumps({"counts": {outcome.value: count for outcome, count in counts.items()}, "entries": rows}).decode())
        return
    for result in results:
        if result.outcome not in REPLAYED:
            click.echo(f"{result.entry.id}  {result.entry.reason}: stays. {result.because}")
    for outcome, count in sorted(counts.items()):
        click.echo(f"{count:,} {outcome.value}")
    if counts[Outcome.UNTRUSTED]:
        click.echo(f"To trust them all the same: `crossline quarantine replay --reason {UNSIGNED_REASONS[0]}` (or {UNSIGNED_REASONS[1]}).")
    if not results:
        click.echo("Nothing waits in quarantine.")


def _chosen(database: Database, entry_ids: Sequence[str]) -> list[Entry]:
    with database.read() as tx:
        return [_required(kept.entry(tx, entry_id.lower())) for entry_id in entry_ids]


def _waiting(database: Database, reason: str | None) -> int:
    with database.read() as tx:
        counts = kept.counts(tx)
    return sum(counts.values()) if reason is None else counts.get(reason, 0)


def _required(entry: Entry | None) -> Entry:
    if entry is None:
        raise UserError("There is no such entry in quarantine; `crossline quarantine list --all` shows those that there are.")
    return entry


def _today(entry: Entry, raw: bytes | None) -> str:
    if raw is None:
        return "Its body was not kept: quarantine was full when it came."
    try:
        decode_callback(raw, received_at=entry.first_received_at)
    except MalformedCallback as error:
        return f"Today: {error.message}"
    if entry.reason == kept.CONFLICT:
        return "Today: it can be read, but its id belongs to a message with other values, and the first stands."
    return "Today: it can be read; `crossline quarantine replay` would make it a message."


def _line(entry: Entry) -> str:
    copies = "" if entry.copies == 1 else f", {entry.copies:,} copies"
    state = "" if entry.state is EntryState.WAITING else f", {entry.state.value}"
    return f"{entry.id}  {instant(entry.last_received_at, local=False)}  {entry.reason}, {entry.size_bytes:,} bytes{copies}{state}"


def _document(entry: Entry) -> dict[str, Any]:
    return asdict(entry)


def _body_document(raw: bytes | None) -> dict[str, Any]:
    if raw is None:
        return {"body": None}
    try:
        return {"body": raw.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(raw).decode()}
