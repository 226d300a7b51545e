"""`crossline send` delivers one callback from a file, byte for byte, and says what to do when nobody said yes."""

import base64
import json
import os
import signal
from pathlib import Path
from typing import Final

import click.testing
import pytest

from crossline.cli import main
from crossline.commands.send import advice
from crossline.datadir import Runtime, write_runtime
from providers.sandbox.deliveries import Attempt
from schemas.clock import utcnow
from schemas.signatures import authorization, callback_signature
from tests.providers.scripted_server import answering
from tests.support.crossline import StartProcess
from tests.support.polling import wait_until
from tests.support.ports import free_port

BODY: Final = b'{ "mo_reference_id" : "A1",\n  "mo_message": "caf\\u00e9 at 8?" }\n'
API_KEY: Final = b"a made-up key"


def run_send(*arguments: str, stdin: bytes | None = None) -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["send", *arguments], input=stdin, prog_name="crossline")


@pytest.fixture
def callback_file(tmp_path: Path) -> str:
    path = tmp_path / "callback.json"
    path.write_bytes(BODY)
    return str(path)


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "api-key"
    path.write_text(base64.b64encode(API_KEY).decode() + "\n")
    return str(path)


def test_the_bytes_of_the_file_are_sent_unchanged(callback_file: str) -> None:
    with answering(200) as server:
        result = run_send(callback_file, "--url", server.url)

    assert result.exit_code == 0, result.output
    assert [request.body for request in server.received] == [BODY]
    assert result.stdout == "Acknowledged: A1\n"
    assert " 200 " in result.stderr


def test_standard_input_is_sent_unchanged() -> None:
    with answering(200) as server:
        result = run_send("-", "--url", server.url, stdin=BODY)

    assert result.exit_code == 0, result.output
    assert [request.body for request in server.received] == [BODY]


def test_bytes_that_name_no_message_are_sent_all_the_same() -> None:
    with answering(200) as server:
        result = run_send("-", "--url", server.url, stdin=b"\xff\x00")

    assert result.exit_code == 0, result.output
    assert [request.body for request in server.received] == [b"\xff\x00"]
    assert result.stdout == "Acknowledged.\n"


def test_it_tries_three_times_and_then_says_what_to_do(callback_file: str) -> None:
    with answering(404) as server:
        result = run_send(callback_file, "--url", server.url, "--fast")

    assert result.exit_code == 1
    assert len(server.received) == 3
    assert "Acknowledged" not in result.stdout
    assert "CROSSLINE_CALLBACK_TOKENS" in result.stderr
    assert "made-up-token" not in result.output


def test_a_later_yes_is_a_yes(callback_file: str) -> None:
    with answering(503, 200) as server:
        result = run_send(callback_file, "--url", server.url, "--fast")

    assert result.exit_code == 0, result.output
    assert [line.split()[2] for line in result.stderr.splitlines()] == ["503", "200"]


def test_it_signs_with_the_key_of_a_file(callback_file: str, key_file: str) -> None:
    with answering(200) as server:
        result = run_send(callback_file, "--url", server.url, "--customer-id", "CUSTOMER", "--api-key-file", key_file)
    (request,) = server.received

    assert result.exit_code == 0, result.output
    assert request.headers["authorization"] == authorization("CUSTOMER", API_KEY, BODY)
    assert request.headers["x-ts-authorization"] == callback_signature(API_KEY, BODY)


def test_unless_asked_it_does_not_sign(callback_file: str) -> None:
    with answering(200) as server:
        run_send(callback_file, "--url", server.url)

    assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize("missing", ["--customer-id", "--api-key-file"])
def test_half_of_what_signs_is_refused(callback_file: str, key_file: str, missing: str) -> None:
    given = {"--customer-id": "CUSTOMER", "--api-key-file": key_file}
    del given[missing]
    with answering(200) as server:
        result = run_send(callback_file, "--url", server.url, *(word for option in given.items() for word in option))

    assert result.exit_code == 2
    assert "give both" in result.stderr
    assert server.received == []


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("EXAMPLE----TE8s", id="other characters"),
        pytest.param("YSBtYWRlLXVwIGtleQ=", id="cut off"),
        pytest.param("clé", id="not ASCII"),
    ],
)
def test_a_key_that_is_not_base64_is_refused_and_not_quoted(callback_file: str, tmp_path: Path, written: str) -> None:
    (tmp_path / "key").write_text(written, encoding="utf-8")
    result = run_send(callback_file, "--url", "http://127.0.0.1:9", "--customer-id", "CUSTOMER", "--api-key-file", str(tmp_path / "key"))

    assert result.exit_code == 2
    assert "not base64" in result.stderr
    assert written not in result.output


def test_copies_are_sent_at_once(callback_file: str) -> None:
    with answering(200, takes_s=0.1) as server:
        result = run_send(callback_file, "--url", server.url, "--copies", "5")

    assert result.exit_code == 0, result.output
    assert [request.body for request in server.received] == [BODY] * 5
    assert server.most_at_once == 5
    assert result.stdout == "Acknowledged: A1 (5 copies)\n"


def test_one_copy_without_a_yes_is_no_success(callback_file: str) -> None:
    with answering(200, 500) as server:
        result = run_send(callback_file, "--url", server.url, "--copies", "2", "--fast")

    assert result.exit_code == 1
    assert len(server.received) == 4


@pytest.mark.parametrize(
    "answers, acknowledged, statuses",
    [
        pytest.param((200,), True, [200], id="a yes"),
        pytest.param((500, 200), True, [500, 200], id="a later yes"),
        pytest.param((202,), False, [202, 202, 202], id="another success"),
    ],
)
def test_json_is_all_that_standard_output_carries(
    callback_file: str, answers: tuple[int, ...], acknowledged: bool, statuses: list[int]
) -> None:
    with answering(*answers) as server:
        result = run_send(callback_file, "--url", server.url, "--fast", "--json")
    report = json.loads(result.stdout)
    (delivery,) = report["deliveries"]

    assert result.exit_code == (0 if acknowledged else 1)
    assert len(result.stdout.splitlines()) == 1
    assert (report["acknowledged"], delivery["acknowledged"], delivery["mo_reference_id"]) == (acknowledged, acknowledged, "A1")
    assert [attempt["status"] for attempt in delivery["attempts"]] == statuses


def test_without_an_address_it_goes_to_the_up_of_the_data_dir(callback_file: str, tmp_path: Path) -> None:
    with answering(200) as server:
        write_runtime(tmp_path, Runtime(pid=1, port=1, redis_url="", database_url="", private_uri=server.url))
        result = run_send(callback_file, "--data-dir", str(tmp_path))

    assert result.exit_code == 0, result.output
    assert len(server.received) == 1


def test_without_an_address_and_without_an_up_it_says_so(callback_file: str, tmp_path: Path) -> None:
    result = run_send(callback_file, "--data-dir", str(tmp_path / "nothing"))

    assert result.exit_code == 2
    assert "crossline up" in result.stderr


def test_an_address_that_is_none_is_refused(callback_file: str) -> None:
    result = run_send(callback_file, "--url", "localhost:8000")

    assert result.exit_code == 2
    assert "http://" in result.stderr


def test_nobody_there_is_said(callback_file: str) -> None:
    result = run_send(callback_file, "--url", f"http://127.0.0.1:{free_port()}/", "--fast")

    assert result.exit_code == 1
    assert "Nothing can be reached" in result.stderr


def test_ctrl_c_ends_the_waiting_at_once(callback_file: str, crossline_process: StartProcess) -> None:
    with answering(500) as server:
        process = crossline_process("send", callback_file, "--url", server.url, environ={}, until_log=" 500 ")
        wait_until(lambda: server.received, what="the first attempt")
        os.kill(process.pid, signal.SIGINT)
        exit_code = process.wait(within_s=5)

    assert exit_code == 130
    assert "Traceback" not in process.log()
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "status, error, said",
    [
        pytest.param(None, "TimeoutError", "within 5 s", id="silence"),
        pytest.param(None, "ConnectError", "crossline up", id="nobody there"),
        pytest.param(None, "ReadError", "(ReadError)", id="cut"),
        pytest.param(201, None, "nothing but 200", id="201"),
        pytest.param(204, None, "nothing but 200", id="204"),
        pytest.param(301, None, "final address", id="301"),
        pytest.param(308, None, "final address", id="308"),
        pytest.param(401, None, "--api-key-file", id="401"),
        pytest.param(403, None, "CROSSLINE_ALLOWED_NETWORKS", id="403"),
        pytest.param(404, None, "CROSSLINE_CALLBACK_TOKENS", id="404"),
        pytest.param(405, None, "path of the URL", id="405"),
        pytest.param(413, None, "256 KiB", id="413"),
        pytest.param(422, None, "quarantine list", id="422"),
        pytest.param(500, None, "answered 500", id="500"),
        pytest.param(503, None, "crossline doctor", id="503"),
    ],
)
def test_the_advice_fits_what_happened(status: int | None, error: str | None, said: str) -> None:
    assert said in advice(Attempt(at=utcnow(), took_ms=1.0, status=status, error=error))
