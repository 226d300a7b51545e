"""A setting that cannot be used is named; what it holds is not, on the terminal no more than in a traceback."""

import traceback
from pathlib import Path

import pytest
from click.testing import CliRunner

from crossline.cli import main
from tests.support.environment import make_environ

SECRET = "S3cretValue"
BAD = [
    pytest.param("DATABASE_URL", f"postgresql://user:{SECRET}@127.0.0.1:port/db", id="a database's port is no number"),
    pytest.param("DATABASE_URL", f"mysql://user:{SECRET}@127.0.0.1/db", id="a database of another kind"),
    pytest.param("DATABASE_URL", SECRET, id="no database's address"),
    pytest.param("REDIS_URL", f"redis://user:{SECRET}@127.0.0.1:port/0", id="a Redis' port is no number"),
    pytest.param("REDIS_URL", f"https://user:{SECRET}@127.0.0.1/0", id="no Redis' address"),
    pytest.param("CROSSLINE_CALLBACK_TOKENS", f"{SECRET}!", id="a token with other characters"),
    pytest.param("CROSSLINE_ENCRYPTION_KEYS", SECRET, id="a short key"),
    pytest.param("CROSSLINE_INDEX_KEY", SECRET, id="a short index key"),
    pytest.param("CROSSLINE_TELESIGN_API_KEYS", f"{SECRET}*", id="an API key that is not base64"),
]


@pytest.mark.parametrize("level", ["info", "debug"])
@pytest.mark.parametrize("name, value", BAD)
def test_a_setting_that_cannot_be_used_is_named_and_not_quoted(name: str, value: str, level: str, tmp_path: Path) -> None:
    environ = make_environ(CROSSLINE_DATA_DIR=str(tmp_path), LOG_LEVEL=level) | {name: value}
    done = CliRunner().invoke(main, ["migrate"], env=environ)
    wrote = done.output + "".join(traceback.format_exception(done.exception))

    assert done.exit_code != 0
    assert name in wrote
    assert SECRET not in wrote
