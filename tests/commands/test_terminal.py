"""What a person at a terminal sees: colours and progress, and nothing of a message that moves the cursor."""

import os
import pty
import subprocess
from collections.abc import Mapping
from pathlib import Path

from schemas.settings import Settings
from tests.commands.stored import make_finding, make_message, store_messages
from tests.support.crossline import COMMAND, process_environ
from tests.support.environment import make_environ


def on_a_terminal(*arguments: str, environ: Mapping[str, str], cwd: Path) -> str:
    """Run one command with a terminal as standard output and error; what it wrote."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(COMMAND), *arguments],
        env=process_environ({"TERM": "xterm-256color", "COLUMNS": "40", **environ}),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written = b""
    try:
        while piece := os.read(ours, 4096):
            written += piece
    except OSError:
        pass  # how Linux says that the other side is closed
    finally:
        os.close(ours)
        process.wait(30)
    return written.decode()


def test_a_transcript_is_coloured_and_a_hostile_text_is_not_obeyed(valkey_url: str, sqlite_url: str, tmp_path: Path) -> None:
    environ = make_environ(redis_url=valkey_url, database_url=sqlite_url)
    hostile = make_message(session_reference_id="S-1", mo_message="[bold]\x1b[2J:smile: " + "long " * 30 + "end")
    store_messages(Settings.load(environ), [hostile], {hostile.mo_reference_id: [make_finding()]})

    shown = on_a_terminal("transcript", "S-1", environ=environ, cwd=tmp_path)

    assert "\x1b[" in shown
    assert "\x1b[2J" not in shown
    assert "[bold]\\x1b[2J:smile: " + "long " * 30 + "end" in shown
    assert "contact.phone" in shown


def test_csv_for_a_terminal_has_its_controls_escaped(valkey_url: str, sqlite_url: str, tmp_path: Path) -> None:
    environ = make_environ(redis_url=valkey_url, database_url=sqlite_url)
    store_messages(Settings.load(environ), [make_message(session_reference_id="S-1", mo_message="a\x1b[2Jb")])

    shown = on_a_terminal("transcript", "S-1", "--format", "csv", environ=environ, cwd=tmp_path)

    assert "a\\x1b[2Jb" in shown
    assert "\x1b" not in shown


def test_a_rotation_shows_its_progress(valkey_url: str, sqlite_url: str, tmp_path: Path) -> None:
    environ = make_environ(redis_url=valkey_url, database_url=sqlite_url)
    store_messages(Settings.load(environ), [make_message(session_reference_id=f"S-{at}") for at in range(3)])

    shown = on_a_terminal(
        "keys",
        "rotate",
        environ={**environ, "CROSSLINE_ENCRYPTION_KEYS": f"{'ab' * 32},{environ['CROSSLINE_ENCRYPTION_KEYS']}"},
        cwd=tmp_path,
    )

    assert "100%" in shown
    assert "3 conversations sealed anew" in shown
