"""`crossline send`: one callback from a file, byte for byte, as the provider would deliver it."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, TextIO

import click

from crossline import datadir
from crossline.context import data_dir_option
from providers.sandbox.deliveries import Attempt, Delivery
from providers.sandbox.sender import Credentials, Schedule, Sender
from schemas.errors import UserError

_FAST: Final = 0.02
_ADVICE: Final = {
    401: "The signature is missing or wrong: sign with --customer-id and --api-key-file, or see CROSSLINE_TELESIGN_API_KEYS there.",
    403: "This machine's address is outside CROSSLINE_ALLOWED_NETWORKS, or the proxy before the receiver is not a trusted one.",
    404: "The URL is not the private URI: its last segment must be one of CROSSLINE_CALLBACK_TOKENS.",
    405: "Something there answers, but takes no POST: check the path of the URL.",
    408: "The body did not arrive in time: look for what is slow between here and the receiver.",
    413: "The file is larger than a callback may be (256 KiB).",
    422: "It is no callback that can be read. It lies in quarantine: `crossline quarantine list`, then `show`, names the field.",
    503: "No durable store accepts messages there: run `crossline doctor` beside it.",
}


@click.command(short_help="Send one callback from a file.")
@click.argument("file", type=click.File("rb"))
@click.option("--url", help="The private URI. Without it, that of the `up` that runs on the data dir.")
@data_dir_option
@click.option("--customer-id", help="Sign as this TeleSign customer; needs --api-key-file.")
@click.option("--api-key-file", type=click.File("r"), help="A file that holds the API key to sign with, in base64.")
@click.option("--copies", type=click.IntRange(1, 1000), default=1, show_default=True, help="Deliver it so many times at once.")
@click.option("--fast", is_flag=True, help="Try again after 0.2 s and 0.6 s instead of 10 s and 30 s.")
@click.option("--json", "as_json", is_flag=True, help="Print the deliveries as JSON.")
def send(
    file: BinaryIO,
    url: str | None,
    data_dir: Path | None,
    customer_id: str | None,
    api_key_file: TextIO | None,
    copies: int,
    fast: bool,
    as_json: bool,
) -> None:
    """Send the callback in FILE (- for standard input) as TeleSign would.

    The bytes go out unchanged, in up to three attempts, and only an answer of exactly 200 counts. Exits with 1 when no attempt got one.
    """
    credentials = _credentials(customer_id, api_key_file)
    schedule = Schedule().scaled(_FAST) if fast else Schedule()
    target = url or datadir.read_runtime(datadir.chosen(data_dir)).private_uri
    on_attempt = None if as_json else _show
    deliveries = asyncio.run(_deliver(file.read(), target, credentials, schedule, copies, on_attempt))
    lost = [delivery for delivery in deliveries if not delivery.acknowledged]
    if as_json:
        click.echo(json.dumps({"acknowledged": not lost, "deliveries": [delivery.to_dict() for delivery in deliveries]}))
    elif not lost:
        click.echo(_success(deliveries[0].mo_reference_id, copies))
    if lost:
        click.echo(f"Not acknowledged. {advice(lost[0].attempts[-1])}", err=True)
        click.get_current_context().exit(1)


def advice(attempt: Attempt) -> str:
    """What to do about an attempt that was not acknowledged."""
    match attempt:
        case Attempt(status=None, error="TimeoutError"):
            return f"No whole answer came within {Schedule().timeout_s:g} s: see whether the receiver is overloaded or its stores hang."
        case Attempt(status=None, error="ConnectError"):
            return "Nothing can be reached at that address: start `crossline up` or `crossline web`, or check host, port and certificate."
        case Attempt(status=None, error=error):
            return f"The connection failed ({error}): see the receiver's log."
        case Attempt(status=int(status)) if status in _ADVICE:
            return _ADVICE[status]
        case Attempt(status=int(status)) if 200 <= status < 300:
            return f"It answered {status}, and the provider takes nothing but 200 for a yes: see what stands before the receiver."
        case Attempt(status=int(status)) if 300 <= status < 400:
            return f"It answered {status}, and redirects are not followed: give the final address, with https:// where it is asked for."
        case _:
            return f"It answered {attempt.status}: see the log of the receiver and of what stands before it."


async def _deliver(
    body: bytes,
    url: str,
    credentials: Credentials | None,
    schedule: Schedule,
    copies: int,
    on_attempt: Callable[[Attempt], None] | None,
) -> tuple[Delivery, ...]:
    async with Sender(url, credentials=credentials, schedule=schedule) as sender:
        return await sender.send_copies(body, copies=copies, on_attempt=on_attempt)


def _show(attempt: Attempt) -> None:
    click.echo(f"{attempt.at:%H:%M:%S} UTC  {attempt.status or attempt.error}  {attempt.took_ms:.1f} ms", err=True)


def _success(mo_reference_id: str | None, copies: int) -> str:
    name = f": {mo_reference_id}" if mo_reference_id else "."
    return f"Acknowledged{name}" + (f" ({copies} copies)" if copies > 1 else "")


def _credentials(customer_id: str | None, api_key_file: TextIO | None) -> Credentials | None:
    if customer_id is None and api_key_file is None:
        return None
    if customer_id is None or api_key_file is None:
        raise UserError("To sign, give both --customer-id and --api-key-file.")
    try:
        return Credentials(customer_id=customer_id, api_key=base64.b64decode(api_key_file.read().strip(), validate=True))
    except ValueError:
        raise UserError("The API key is not base64: copy it whole from TeleSign's portal.") from None
