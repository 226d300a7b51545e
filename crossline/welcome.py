"""What `crossline up` prints when it is ready. The only place where the token and a message's text are shown unasked.

The message is the documented example of TeleSign, "Number Masking API - Obtain Transaction Status Results".
"""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

import click

from crossline import datadir

EXAMPLE: Final = {
    "submit_timestamp": "2018-02-12T14:57:11.765723",
    "from_phone_number": "15551234",
    "mo_message": "I am standing at the corner wearing a blue shirt",
    "mo_reference_id": "SA9WUKGP3TGRCQSRMS78QV5M5REKQ98N",
    "session_reference_id": "B5862A14363C016C8832D53625270015",
    "to_phone_number": "15554567",
}


def say_ready(runtime: datadir.Runtime, directory: Path, *, took_s: float) -> None:
    """Say that everything runs, where the sender reaches it, and what to try first. Each command stands whole on one line."""
    _title(f"Crossline is ready ({took_s:.1f} s).")
    _section("The private URI, which the provider is given", runtime.private_uri)
    _section("Send a first message", curl_line(runtime.private_uri))
    _section("Read its conversation", transcript_line(EXAMPLE["session_reference_id"], directory))
    click.echo(f"\nStores and keys are in {directory}. Ctrl-C stops everything; nothing that was acknowledged is lost.")


def transcript_line(session_reference_id: str, directory: Path) -> str:
    """The command that reads a conversation of this data dir, as it can be typed here."""
    beside = "" if directory == datadir.chosen(None, {}) else f" --data-dir {shlex.quote(str(directory))}"
    return f"{this_command()} transcript {session_reference_id}{beside}"


def curl_line(private_uri: str) -> str:
    """A line for sh that sends the documented example and prints the status of the answer."""
    words = ["curl", "-sS", "-o", "/dev/null", "-w", r"%{http_code}\n", "-H", "Content-Type: application/json", "-d", json.dumps(EXAMPLE)]
    if any(os.environ.get(name) for name in ("http_proxy", "all_proxy", "ALL_PROXY")):
        words += ["--noproxy", "*"]
    return shlex.join([*words, private_uri])


def this_command() -> str:
    """How this program was called, as it can be called again from the same directory."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m crossline"
    if (found := shutil.which(called.name)) and Path(found).resolve() == called.resolve():
        return called.name
    path = called.absolute()
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def _title(line: str) -> None:
    click.secho(f"\n{line}", fg="green", bold=True)


def _section(title: str, line: str) -> None:
    click.echo(f"\n{click.style(title, bold=True)}\n  {line}")
