"""The data dir: what `crossline up` keeps in it, and how every other command finds its stores and keys there.

secrets.json    the token, the keys and the demo's API key: made on the first run, kept for ever, readable by its owner alone
runtime.json    where the latest `up` runs or ran: written when it is ready, kept when it stops
up.lock         held while an `up` runs
crossline.db    the embedded database
valkey/         the embedded Valkey's append-only file, log, lock and socket
"""

import base64
import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from schemas.errors import UserError

DEFAULT: Final = ".crossline"
_SECRETS: Final = "secrets.json"
_RUNTIME: Final = "runtime.json"
_LOCK: Final = "up.lock"
_API_KEY_BYTES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Where the latest `up` runs or ran. `private_uri` is the whole address that the sender is given, token and all."""

    pid: int
    port: int
    redis_url: str
    database_url: str
    private_uri: str


def chosen(option: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """The data dir to use, absolute: the option, else CROSSLINE_DATA_DIR, else `.crossline` in the current directory."""
    environ = os.environ if environ is None else environ
    return (option or Path(environ.get("CROSSLINE_DATA_DIR") or DEFAULT)).absolute()


def prepare(data_dir: Path) -> None:
    """Make the directory, readable by its owner alone. Raises UserError where that cannot be."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        data_dir.chmod(0o700)
    except OSError as error:
        raise UserError(f"{data_dir} cannot be used as data dir ({error.strerror}); name another with --data-dir.") from None


@contextlib.contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the data dir for one `up`. Raises UserError naming the process that has it."""
    with open(data_dir / _LOCK, "a+", opener=_private) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise UserError(
                f"Another `crossline up` (process {lock.read().strip() or 'unknown'}) uses {data_dir}.\n"
                "Stop it first, or run a second one beside it with another --data-dir and --port."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def make_secrets(data_dir: Path) -> None:
    """Make the token and the keys where there are none yet. Raises UserError where data lies here whose keys are gone."""
    if (data_dir / _SECRETS).exists():
        return
    if (data_dir / "crossline.db").exists() or (data_dir / "valkey").exists():
        raise UserError(
            f"{data_dir} holds data, but its {_SECRETS} is gone, and without the keys nobody can read that data.\n"
            "Put the file back from a backup, or start with another --data-dir."
        )
    _write(
        data_dir / _SECRETS,
        {
            "CROSSLINE_CALLBACK_TOKENS": secrets.token_urlsafe(24),
            "CROSSLINE_ENCRYPTION_KEYS": secrets.token_hex(32),
            "CROSSLINE_INDEX_KEY": secrets.token_hex(32),
            "CROSSLINE_TELESIGN_CUSTOMER_ID": secrets.token_hex(16).upper(),
            "CROSSLINE_TELESIGN_API_KEYS": base64.b64encode(secrets.token_bytes(_API_KEY_BYTES)).decode(),
        },
    )


def write_runtime(data_dir: Path, runtime: Runtime) -> None:
    """Note where `up` runs."""
    _write(data_dir / _RUNTIME, asdict(runtime))


def read_runtime(data_dir: Path) -> Runtime:
    """Where the latest `up` in this data dir runs or ran. Raises UserError where none ever was ready."""
    found = _read(data_dir / _RUNTIME)
    if found is None:
        raise UserError(
            f"No `crossline up` has run in {data_dir}.\nStart one there, or name the right data dir with --data-dir or CROSSLINE_DATA_DIR."
        )
    try:
        return Runtime(**found)
    except TypeError:
        raise _unreadable(data_dir / _RUNTIME) from None


def environment(data_dir: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment, completed with the data dir's secrets and the stores of its latest `up`. What the environment sets always wins."""
    merged = with_secrets(data_dir, environ)
    if runtime := _read(data_dir / _RUNTIME):
        _complete(merged, {"REDIS_URL": runtime.get("redis_url", ""), "DATABASE_URL": runtime.get("database_url", "")})
    return merged


def with_secrets(data_dir: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment, completed with the data dir's secrets alone."""
    merged = dict(os.environ if environ is None else environ)
    _complete(merged, _read(data_dir / _SECRETS) or {})
    return merged


def is_set(name: str, environ: Mapping[str, str]) -> bool:
    """Whether a variable is set, directly or as `NAME_FILE`."""
    return bool(environ.get(name, "").strip() or environ.get(f"{name}_FILE"))


def _complete(environ: dict[str, str], kept: Mapping[str, str]) -> None:
    environ |= {name: value for name, value in kept.items() if not is_set(name, environ)}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise _unreadable(path) from None
    if not isinstance(value, dict):
        raise _unreadable(path)
    return value


def _unreadable(path: Path) -> UserError:
    return UserError(f"{path} cannot be read. Put it back from a backup, or use another --data-dir.")


def _write(path: Path, value: Mapping[str, Any]) -> None:
    """Whole or not at all, and on the disk before it has its name."""
    draft = path.with_suffix(".draft")
    with open(draft, "w", opener=_private) as file:
        json.dump(value, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
