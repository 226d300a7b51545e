"""`crossline web`: the web process. The one place for uvicorn's flags."""

import contextlib
import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import click

import crossline
from crossline import datadir
from crossline.context import data_dir_option, load_settings
from schemas.settings import Settings

GRACE_S: Final = 3
"""How long a request that is half sent may delay the end; the whole process has 5 s."""
_METRICS_DIR: Final = "crossline-metrics-"


@click.command()
@data_dir_option
def web(data_dir: Path | None) -> None:
    """Serve callbacks, as a PaaS's web process.

    HOST, PORT and WEB_CONCURRENCY say where, and with how many processes. Waits for the schema, and says so.
    """
    settings = load_settings(data_dir)
    _say_settings(settings)
    command, additions = server(settings)
    _allow_many_connections()
    os.execve(sys.executable, command, datadir.environment(datadir.chosen(data_dir)) | additions)


def server(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """The command line that serves the app under these settings, and what its environment needs besides them."""
    flags: dict[str, Any] = {
        "app-dir": Path(crossline.__file__).parent.parent,
        "host": settings.host,
        "port": settings.port,
        "workers": settings.web_concurrency,
        "loop": "uvloop",
        "http": "receiver.protocol:TimedProtocol",
        "ws": "none",
        "lifespan": "on",
        "backlog": 2048,
        "timeout-keep-alive": 75,
        "timeout-graceful-shutdown": GRACE_S,
        "log-level": "warning",
    }
    switches = ["--factory", "--no-access-log", "--no-server-header", "--no-proxy-headers"]
    pairs = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    # -P: a folder called `store` in the current directory must not be taken for ours.
    return [sys.executable, "-P", "-m", "uvicorn", *switches, *pairs, "crossline.web:create_app"], _metrics_directory(settings)


def effective(settings: Settings) -> dict[str, str]:
    """Every setting by its field's name, as it may stand in a log: of secrets only whether, or how many."""
    return {name: _shown(getattr(settings, name)) for name in Settings.model_fields}


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, tuple) and any(hasattr(part, "get_secret_value") for part in value):
        return f"{len(value)} set"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "set" if hasattr(value, "get_secret_value") else str(value)


def _say_settings(settings: Settings) -> None:
    import structlog

    from crossline.logs import configure_logs

    configure_logs(settings.log_format, settings.log_level)
    structlog.get_logger("crossline.web").info("settings", **effective(settings))


def _allow_many_connections() -> None:
    """A connection is an open file, and the usual soft limit of 1,024 is less than idle senders may hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # macOS names a hard limit that it does not grant
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _metrics_directory(settings: Settings) -> dict[str, str]:
    """Where several processes put their counters together; what earlier runs left is removed. The process id survives the exec."""
    if settings.web_concurrency == 1:
        return {}
    for left in Path(tempfile.gettempdir()).glob(f"{_METRICS_DIR}*"):
        pid = left.name.removeprefix(_METRICS_DIR).partition("-")[0]
        if pid.isdigit() and not _is_running(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    return {"PROMETHEUS_MULTIPROC_DIR": tempfile.mkdtemp(prefix=f"{_METRICS_DIR}{os.getpid()}-")}


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return pid == os.getpid()
    except PermissionError:
        return True
    return True
