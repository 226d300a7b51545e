"""Log lines: one line each, and of a library's exception its type alone."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator

import pytest

from schemas.logs import log_config
from schemas.settings import LogFormat


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What our configuration writes; the tests' own logging is put back afterwards."""
    root, rq = logging.getLogger(), logging.getLogger("rq.worker")
    before = (root.handlers[:], root.level, rq.filters[:], rq.level)
    logging.config.dictConfig(log_config(LogFormat.JSON, "info"))
    stream = io.StringIO()
    for handler in root.handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stream)
    yield stream
    root.handlers, root.level, rq.filters, rq.level = before


@pytest.mark.parametrize(
    "text", [pytest.param("", id="without a text"), pytest.param("meet me at the gate", id="with what somebody wrote")]
)
def test_of_an_exception_in_rq_its_type_is_logged_and_nothing_else(written: io.StringIO, text: str) -> None:
    try:
        raise ConnectionError(text)
    except ConnectionError:
        logging.getLogger("rq.worker").exception("Worker %s: quitting", "A1")

    (line,) = (json.loads(line) for line in written.getvalue().splitlines())

    assert (line["event"], line["level"]) == ("Worker A1: quitting (ConnectionError)", "error")
    assert "exception" not in line


def test_a_line_without_an_exception_is_as_it_was_written(written: io.StringIO) -> None:
    logging.getLogger("rq.worker").warning("Worker %s: waits", "A1")

    assert json.loads(written.getvalue())["event"] == "Worker A1: waits"
