"""What `up` prints: a curl line for sh, and how the program is called again."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from crossline.welcome import EXAMPLE, curl_line, this_command

URI = "http://127.0.0.1:8000/callbacks/telesign/token"
PROXIES = ("http_proxy", "all_proxy", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


def test_the_curl_line_carries_the_documented_example_to_the_private_uri() -> None:
    words = shlex.split(curl_line(URI))

    assert "\n" not in curl_line(URI)
    assert words[0] == "curl"
    assert words[-1] == URI
    assert json.loads(words[words.index("-d") + 1]) == EXAMPLE


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_does_not_stand_between_curl_and_this_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = curl_line(URI)
    monkeypatch.setenv(name, "http://192.0.2.1:3128")

    assert "--noproxy" not in before
    assert "--noproxy '*'" in curl_line(URI)


def test_the_program_is_named_as_it_can_be_called_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "crossline"
    program.parent.mkdir()
    program.touch(mode=0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    called = {}
    for how in ("bin/crossline", str(program), "/elsewhere/my tools/crossline", "/x/crossline/__main__.py"):
        monkeypatch.setattr(sys, "argv", [how, "up"])
        called[how] = this_command()
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr(sys, "argv", [str(program)])

    assert called["bin/crossline"] == "bin/crossline"
    assert called[str(program)] == "bin/crossline"
    assert called["/elsewhere/my tools/crossline"] == "'/elsewhere/my tools/crossline'"
    assert called["/x/crossline/__main__.py"].endswith(" -m crossline")
    assert this_command() == "crossline"
