"""How log lines look: an event name and fields, one line each, on standard error. Ids always; text, numbers and secrets never."""

import logging
from typing import Any

import structlog

from schemas.settings import LogFormat


class TypeInsteadOfTraceback(logging.Filter):
    """A library's traceback may quote what somebody wrote, and fills a screen at 3 a.m.: the exception's type says enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes, without its traceback."""
        kind = record.exc_info[0] if record.exc_info else None
        if kind is not None:
            record.msg, record.args = f"{record.getMessage()} ({kind.__name__})", ()
            record.exc_info = None
        return True


def log_config(log_format: LogFormat, level: str) -> dict[str, Any]:
    """A `logging.config.dictConfig` dictionary. Only the roots of processes apply it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = structlog.processors.JSONRenderer() if log_format is LogFormat.JSON else structlog.dev.ConsoleRenderer(colors=False)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    renderer,
                ],
                "foreign_pre_chain": shared,
            },
        },
        "filters": {"type": {"()": TypeInsteadOfTraceback}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            "uvicorn": {"level": "WARNING", "propagate": True, "handlers": []},
            "uvicorn.error": {"level": "WARNING", "propagate": True, "handlers": []},
            "uvicorn.access": {"level": "CRITICAL", "propagate": False, "handlers": []},
            "rq": {"level": "WARNING", "propagate": True},
            "rq.worker": {"level": "WARNING", "propagate": True, "filters": ["type"]},
            "alembic": {"level": "WARNING", "propagate": True},
            # At INFO and DEBUG these two write the URLs that they call, and a private URI holds its token.
            "httpx": {"level": "WARNING", "propagate": True},
            "httpcore": {"level": "WARNING", "propagate": True},
        },
    }
