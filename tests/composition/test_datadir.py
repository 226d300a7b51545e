"""The data dir: secrets made once and whole, where `up` runs, and who wins, the environment or the directory."""

import json
import multiprocessing
import stat
from pathlib import Path

import pytest

from crossline import datadir
from crossline.context import load_settings
from schemas.errors import SettingsError, UserError
from schemas.settings import Settings
from tests.support.environment import make_environ

RUNTIME = datadir.Runtime(
    pid=1, port=2, redis_url="unix:///r.sock", database_url="sqlite:///d.db", private_uri="http://127.0.0.1:2/callbacks/telesign/t"
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A prepared data dir with secrets."""
    directory = tmp_path / "data"
    datadir.prepare(directory)
    datadir.make_secrets(directory)
    return directory


@pytest.mark.parametrize(
    "option, environ, chosen",
    [
        pytest.param("given", {"CROSSLINE_DATA_DIR": "set"}, "given", id="the-option-first"),
        pytest.param(None, {"CROSSLINE_DATA_DIR": "set"}, "set", id="then-the-environment"),
        pytest.param(None, {"CROSSLINE_DATA_DIR": ""}, ".crossline", id="an-empty-variable-is-none"),
        pytest.param(None, {}, ".crossline", id="then-the-current-directory"),
    ],
)
def test_the_data_dir_is_chosen(option: str | None, environ: dict[str, str], chosen: str) -> None:
    assert datadir.chosen(Path(option) if option else None, environ) == Path.cwd() / chosen


def test_secrets_are_made_once_for_their_owner_alone(directory: Path) -> None:
    made = (directory / "secrets.json").read_bytes()
    datadir.make_secrets(directory)

    assert (directory / "secrets.json").read_bytes() == made
    assert stat.S_IMODE((directory / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert not list(directory.glob("*.draft"))


def test_with_secrets_and_stores_the_settings_are_whole(directory: Path) -> None:
    datadir.write_runtime(directory, RUNTIME)

    settings = Settings.load(datadir.environment(directory, {}))

    assert settings.redis_url.get_secret_value() == RUNTIME.redis_url
    assert settings.database_url.get_secret_value() == RUNTIME.database_url
    assert len(settings.telesign_api_keys) == 1


@pytest.mark.parametrize(
    "environ, name, expected",
    [
        pytest.param({"REDIS_URL": "redis://mine"}, "REDIS_URL", "redis://mine", id="set"),
        pytest.param({"REDIS_URL": " "}, "REDIS_URL", RUNTIME.redis_url, id="blank-is-not-set"),
        pytest.param({"DATABASE_URL": "sqlite:///mine"}, "REDIS_URL", RUNTIME.redis_url, id="another-one-set"),
        pytest.param({"REDIS_URL_FILE": "/somewhere"}, "REDIS_URL", None, id="set-by-file"),
    ],
)
def test_what_the_environment_sets_wins(directory: Path, environ: dict[str, str], name: str, expected: str | None) -> None:
    datadir.write_runtime(directory, RUNTIME)

    assert datadir.environment(directory, environ).get(name) == expected


def test_where_up_runs_is_read_back(directory: Path) -> None:
    datadir.write_runtime(directory, RUNTIME)

    assert datadir.read_runtime(directory) == RUNTIME


def test_without_an_up_one_is_told_what_to_do(directory: Path) -> None:
    with pytest.raises(UserError, match="--data-dir"):
        datadir.read_runtime(directory)


@pytest.mark.parametrize(
    "content", [pytest.param("{", id="cut-short"), pytest.param("[]", id="no-object"), pytest.param('{"pid": 1}', id="incomplete")]
)
def test_a_file_that_cannot_be_used_is_named(directory: Path, content: str) -> None:
    (directory / "runtime.json").write_text(content)

    with pytest.raises(UserError, match=r"runtime\.json"):
        datadir.read_runtime(directory)


@pytest.mark.parametrize("data", ["crossline.db", "valkey"])
def test_new_keys_are_not_made_beside_data_of_lost_ones(tmp_path: Path, data: str) -> None:
    (tmp_path / data).touch()

    with pytest.raises(UserError, match="backup"):
        datadir.make_secrets(tmp_path)


def test_a_data_dir_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UserError, match="--data-dir"):
        datadir.prepare(tmp_path / "file" / "below")


def test_only_one_process_holds_the_lock(directory: Path) -> None:
    with datadir.locked(directory), pytest.raises(UserError, match="process "), datadir.locked(directory):
        pass
    with datadir.locked(directory):
        pass


def test_two_that_start_at_once_have_the_same_secrets(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        read = pool.map(_secrets_under_lock, [tmp_path, tmp_path])

    assert read[0] == read[1]


def _secrets_under_lock(directory: Path) -> dict[str, str]:
    while True:
        try:
            with datadir.locked(directory):
                datadir.make_secrets(directory)
                return dict(json.loads((directory / "secrets.json").read_text()))
        except UserError:
            continue


def test_a_missing_data_dir_is_part_of_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(SettingsError, match="crossline up"):
        load_settings(tmp_path / "nowhere")


def test_where_settings_are_wrong_but_none_is_missing_no_data_dir_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in make_environ(database_url="mysql://x").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as wrong:
        load_settings(tmp_path / "nowhere")

    assert [problem.partition(":")[0] for problem in wrong.value.problems] == ["DATABASE_URL"]
    assert "nowhere" not in wrong.value.message
