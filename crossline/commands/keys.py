"""`crossline keys`: a fresh encryption key, the keys in use, and their rotation."""

import secrets
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from time import sleep
from typing import Any, Final

import click
import orjson

from crossline.context import data_dir_option, load_settings
from crossline.progress import progress
from crossline.stores import keyring_of, migrated_database, redis_of
from schemas.errors import StoreError
from schemas.settings import Settings
from store.engine import Database
from store.keys import ROTATE_ROWS, KeyUse, Rotation, Sealed, check_keys, key_uses, left_to_rotate, rotate_some, waiting_in_redis
from store.sealing.keyring import Keyring, index_key_id

INCOMPLETE: Final = 1
_BUSY_PAUSE_S: Final = 0.2
_BUSY_TRIES: Final = 25
_NAMES: Final = {Sealed.CONVERSATIONS: "conversations", Sealed.QUARANTINE: "quarantined bodies"}


@click.group()
def keys() -> None:
    """Rotate the encryption keys.

    \b
    1. crossline keys new         prints a key
    2. put it LAST, restart all   now every process can open what it seals
    3. put it FIRST, restart all  now it seals what is new
    4. crossline keys rotate      seals the old data keys anew; the messages themselves are not touched
    5. crossline keys list        says when the old key may go

    Where all processes stop before new ones start, step 2 may be left out.
    """


@keys.command(short_help="Print a fresh key.")
def new() -> None:
    """Print a fresh key, and how to put it first."""
    click.echo(secrets.token_hex(32))
    click.echo(
        "Put it last in CROSSLINE_ENCRYPTION_KEYS, behind the keys that are there, with a comma between them, and restart web and worker;\n"
        "then put it first in CROSSLINE_ENCRYPTION_KEYS, restart them again, and run `crossline keys rotate`.\n"
        "Keep it where a backup of the database is not: whoever has both can read everything.",
        err=True,
    )


@keys.command(name="list", short_help="Print the keys, and how much each still holds.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_dir_option
def list_keys(*, as_json: bool, data_dir: Path | None) -> None:
    """Print the encryption keys by their public names, and how much each still holds."""
    settings = load_settings(data_dir)
    keyring = keyring_of(settings)
    with migrated_database(settings) as database:
        uses, trouble = _uses(database, settings)
    _show_uses(keyring, uses, trouble, as_json=as_json)


@keys.command(short_help="Seal everything anew with the first key.")
@click.option("--batch", type=click.IntRange(1, 10_000), default=ROTATE_ROWS, show_default=True, help="Rows in one transaction.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_dir_option
def rotate(*, batch: int, as_json: bool, data_dir: Path | None) -> None:
    """Seal everything that an old key seals anew with the first key of CROSSLINE_ENCRYPTION_KEYS.

    May be interrupted at any point and run again, while everything goes on. At the end it says which old keys are still needed.
    """
    settings = load_settings(data_dir)
    keyring = keyring_of(settings)
    with migrated_database(settings) as database:
        check_keys(database, keyring, index_key_id(settings.index_key.get_secret_value()))
        rotations = [_rotate(database, keyring, what, batch) for what in Sealed]
        uses, trouble = _uses(database, settings)
    _show_rotations(keyring, rotations, as_json=as_json)
    if not as_json:
        for sentence in _advice(keyring, uses, trouble):
            click.echo(sentence)
    if any(rotation.unreadable for rotation in rotations) or _needed(keyring, uses):
        raise click.exceptions.Exit(INCOMPLETE)


def _rotate(database: Database, keyring: Keyring, what: Sealed, batch: int) -> Rotation:
    rotation, tries = Rotation(what), 0
    with database.read() as tx:
        left = left_to_rotate(tx, keyring, what)
    with progress(_NAMES[what], left) as advance:
        while left and tries < _BUSY_TRIES:
            with database.begin() as tx:
                found = rotate_some(tx, keyring, rotation, rows=batch)
            advance(found)
            if found:
                tries = 0
                continue
            # Nothing found can mean that workers hold what is left: they let go within one transaction.
            with database.read() as tx:
                left = left_to_rotate(tx, keyring, what) - len(rotation.unreadable)
            if left:
                tries += 1
                sleep(_BUSY_PAUSE_S)
    return rotation


def _show_rotations(keyring: Keyring, rotations: list[Rotation], *, as_json: bool) -> None:
    if as_json:
        done = {rotation.what.value: {"sealed_anew": rotation.done, "unreadable": len(rotation.unreadable)} for rotation in rotations}
        click.echo(orjson.dumps({"key_id": keyring.sealing_id.hex(), **done}).decode())
        return
    for rotation in rotations:
        click.echo(f"{rotation.done:,} {_NAMES[rotation.what]} sealed anew with key {keyring.sealing_id.hex()}.")
        if rotation.unreadable:
            click.echo(f"{len(rotation.unreadable):,} could not be opened by any key and were left as they are.", err=True)


def _uses(database: Database, settings: Settings) -> tuple[dict[bytes, KeyUse], str | None]:
    """How much every key holds in both stores, and why Redis could not be asked."""
    with database.read() as tx:
        uses = key_uses(tx)
    trouble, waiting = None, Counter[bytes]()
    try:
        with redis_of(settings) as client:
            waiting = waiting_in_redis(client)
    except StoreError as error:
        trouble = error.message
    for key_id, count in waiting.items():
        known = uses.get(key_id, KeyUse(key_id))
        uses[key_id] = KeyUse(key_id, known.conversations, known.quarantined, known.waiting + count)
    return uses, trouble


def _show_uses(keyring: Keyring, uses: dict[bytes, KeyUse], trouble: str | None, *, as_json: bool) -> None:
    rows = [uses.get(key_id, KeyUse(key_id)) for key_id in [keyring.sealing_id, *sorted({*keyring.ids, *uses} - {keyring.sealing_id})]]
    if as_json:
        document: list[dict[str, Any]] = [
            asdict(use) | {"key_id": use.key_id.hex(), "state": _state(keyring, use), "removable": _is_removable(keyring, use, trouble)}
            for use in rows
        ]
        click.echo(orjson.dumps({"keys": document, "redis": trouble or "asked"}).decode())
        return
    click.echo(f"{'key':<10}{'conversations':>14}{'quarantined':>13}{'waiting':>9}  state")
    for use in rows:
        click.echo(f"{use.key_id.hex():<10}{use.conversations:>14,}{use.quarantined:>13,}{use.waiting:>9,}  {_state(keyring, use)}")
    for sentence in _advice(keyring, uses, trouble):
        click.echo(sentence)


def _state(keyring: Keyring, use: KeyUse) -> str:
    if use.key_id == keyring.sealing_id:
        return "first: seals what is new"
    if use.key_id not in keyring.ids:
        return "MISSING from CROSSLINE_ENCRYPTION_KEYS"
    return "still needed" if use.is_used else "not needed any more"


def _needed(keyring: Keyring, uses: dict[bytes, KeyUse]) -> list[KeyUse]:
    return [use for use in uses.values() if use.is_used and use.key_id != keyring.sealing_id]


def _is_removable(keyring: Keyring, use: KeyUse, trouble: str | None) -> bool:
    return trouble is None and use.key_id in keyring.ids and use.key_id != keyring.sealing_id and not use.is_used


def _advice(keyring: Keyring, uses: dict[bytes, KeyUse], trouble: str | None) -> list[str]:
    sentences = []
    for use in _needed(keyring, uses):
        name = use.key_id.hex()
        if use.key_id not in keyring.ids:
            sentences.append(
                f"Key {name} is needed and is not in CROSSLINE_ENCRYPTION_KEYS: what it sealed cannot be read. Add it at the end."
            )
        elif use.conversations or use.quarantined:
            sentences.append(
                f"Key {name} is still needed: run `crossline keys rotate` (again, once web and worker run with the new key first)."
            )
        else:
            sentences.append(f"Key {name} is still needed by {use.waiting:,} waiting batches: it may go once `crossline inbox` is empty.")
    if trouble is not None:
        sentences.append(f"Whether batches in Redis need an old key is not known: {trouble} Keep all keys until it is.")
        return sentences
    free = [key_id.hex() for key_id in sorted(keyring.ids) if _is_removable(keyring, uses.get(key_id, KeyUse(key_id)), trouble)]
    if free:
        sentences.append(
            f"Not needed any more: {', '.join(free)}. Once every web and worker runs with the first key, take it out of "
            "CROSSLINE_ENCRYPTION_KEYS, and keep it as long as you keep backups that were made with it."
        )
    return sentences
