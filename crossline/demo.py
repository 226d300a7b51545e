"""`crossline up --demo`: the sandbox's conversations, played over HTTP by a sender that signs and tries again as the provider does."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from time import sleep
from typing import Final

import click

from crossline.stores import migrated_database, redis_of
from crossline.welcome import transcript_line
from providers.sandbox.conversations import load_conversations
from providers.sandbox.deliveries import Delivery
from providers.sandbox.play import play
from providers.sandbox.sender import Credentials, Sender
from schemas.clock import monotonic_s
from schemas.settings import Settings
from store.cases import Case, open_cases
from store.inbox.batches import Inbox
from store.inbox.database import DatabaseInbox
from store.inbox.redis import RedisInbox

_SAY_EVERY: Final = 25
"""Messages between two lines, where a line cannot be written over."""
_UNNAMED: Final = "demo"
_SHOWN_CASES: Final = 5
_SCREENED_WITHIN_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.2


def play_demo(private_uri: str, settings: Settings, directory: Path) -> None:
    """Play every conversation once. Says how far it is, and in the end what became of the messages, and which to look at."""
    asyncio.run(_play(private_uri, credentials_of(settings)))
    with migrated_database(settings) as database, redis_of(settings) as client:
        _wait_until_screened(RedisInbox(client), DatabaseInbox(database))
        with database.read() as tx:
            found = open_cases(tx, limit=_SHOWN_CASES)
    say_cases(found, directory)


async def _play(private_uri: str, credentials: Credentials | None) -> None:
    conversations = load_conversations()
    progress = Progress(sum(len(conversation.messages) for conversation in conversations))
    click.echo(f"\nThe demo plays {len(conversations)} conversations, {progress.total} messages.")
    async with Sender(private_uri, credentials=credentials) as sender:
        await play(conversations, sender=sender, on_delivery=progress.note)
    progress.end()


def say_cases(found: Sequence[Case], directory: Path) -> None:
    """Say how to read the conversations that a moderator would be asked about."""
    if not found:
        click.echo("No case was opened.")
        return
    click.echo("\nCases were opened. The most severe, and how to read their conversations:")
    for case in found:
        click.echo(f"  severity {case.severity}  {transcript_line(case.session_reference_id, directory)}")


def _wait_until_screened(*inboxes: Inbox) -> None:
    deadline_s = monotonic_s() + _SCREENED_WITHIN_S
    while any(inbox.backlog().messages for inbox in inboxes) and monotonic_s() < deadline_s:
        sleep(_LOOK_EVERY_S)


def credentials_of(settings: Settings) -> Credentials | None:
    """What the provider would sign with, towards these settings; None where they know no API key."""
    if not settings.telesign_api_keys:
        return None
    return Credentials(customer_id=settings.telesign_customer_id or _UNNAMED, api_key=settings.telesign_api_keys[0].get_secret_value())


class Progress:
    """How many messages were sent, on one line of a terminal, or a line now and then elsewhere."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._sent = 0
        self._lost = 0
        self._is_terminal = sys.stdout.isatty()

    def note(self, delivery: Delivery) -> None:
        """One more message was delivered or given up."""
        self._sent += 1
        self._lost += not delivery.acknowledged
        if self._is_terminal:
            click.echo(f"\r{self._line()} ", nl=False)
        elif self._sent % _SAY_EVERY == 0:
            click.echo(self._line())

    def end(self) -> None:
        """Nothing more is sent."""
        if self._is_terminal:
            click.echo()
        click.echo(f"The demo is over. {self._line()}")

    def _line(self) -> str:
        lost = f", {self._lost} never acknowledged" if self._lost else ", all acknowledged"
        return f"{self._sent} of {self.total} messages sent{lost}."
