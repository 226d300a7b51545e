"""Applies the log configuration: once, at the root of each process."""

import logging.config

import structlog

from schemas.logs import log_config
from schemas.settings import LogFormat


def configure_logs(log_format: LogFormat, level: str) -> None:
    """From here on every log line, ours or a library's, is one line of the given format on standard error."""
    logging.config.dictConfig(log_config(log_format, level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
