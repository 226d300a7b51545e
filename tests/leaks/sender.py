"""The sender's side: callbacks of every kind, each with marks of its own, and every answer that came back."""

import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from schemas.callbacks import FIELDS
from schemas.signatures import authorization, callback_signature
from tests.leaks.marks import Marks
from tests.support.callbacks import make_callback
from tests.support.faulty_worker import EXITS, PANICS, RAISES
from tests.support.plaintext import Place, in_answer

Body = dict[str, Any]


@dataclass(slots=True)
class Sender:
    """Sends to one receiver. `answers`: all that came back, as places to search. `statuses`: of each, by its name."""

    url: str
    token: str
    api_key: bytes
    marks: Marks
    client: httpx.Client
    answers: list[Place] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    _slow: threading.Thread | None = None

    def callback(self, name: str, words: str = "", **overrides: Any) -> Body:
        """A callback whose text, numbers and timestamp carry marks."""
        marked = {
            "mo_message": f"{self.marks.text(name)} {words}",
            "from_phone_number": self.marks.number(f"from, {name}"),
            "to_phone_number": self.marks.number(f"to, {name}"),
        }
        return make_callback(**(marked | overrides))

    def send(self, name: str, body: Body | bytes, *, token: str | None = None, signed: bool = True, query: str = "", **headers: str) -> int:
        """Send one body; the status of its answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if signed:
            headers = {"Authorization": authorization("CUSTOMER", self.api_key, data)} | headers
            self.marks.key(f"signature of {name}", callback_signature(self.api_key, data))
        path = f"/callbacks/telesign/{self.token if token is None else token}{query}"
        return self._note(name, self.client.post(self.url + path, content=data, headers=headers))

    def get(self, path: str, *, name: str | None = None, method: str = "GET", **headers: str) -> httpx.Response:
        """Ask for a page."""
        response = self.client.request(method, self.url + path, headers=headers)
        self._note(name or path, response)
        return response

    def send_what_is_accepted(self) -> dict[str, Body]:
        """Everything that gets 200, by name."""
        marks = self.marks
        plain = self.callback("plain")
        number, mail = marks.number("evidence"), f"{marks.word('evidence')}@example.org"
        evidence = self.callback("evidence", f"ring me: ({number[1:4]}) {number[4:7]}-{number[7:]} or write to {mail}")
        split = marks.number("evidence over messages")
        session = self.callback("split")["session_reference_id"]
        party = marks.number("from, split over messages")
        split_on = {"session_reference_id": session, "from_phone_number": party}
        numbers = self.callback("numbers of JSON")
        numbers |= {name: int(numbers[name]) for name in ("from_phone_number", "to_phone_number")}
        accepted: Mapping[str, Body | bytes] = {
            "plain": plain,
            "evidence": evidence,
            "digits 1": self.callback("digits 1", mo_message=split[1:7], **split_on, submit_timestamp="2026-05-04T09:29:00"),
            "digits 2": self.callback("digits 2", mo_message=split[7:], **split_on),
            "extra fields": self.callback("extra fields")
            | {"memo": [{"deep": marks.text("in an extra field")}], marks.word("name of a field"): 1},
            "odd timestamp": self.callback("odd timestamp", submit_timestamp=f"at {marks.text('timestamp')}"),
            "half a pair": json.dumps(self.callback("half a pair", "\ud83d")).encode(),
            "not escaped": json.dumps(self.callback("not escaped"), ensure_ascii=False).encode(),
            "numbers of JSON": numbers,
            "duplicate": plain,
            "conflict": plain | {"mo_message": marks.text("conflict"), "to_phone_number": marks.number("to, conflict")},
            "raises": self.callback("raises", RAISES),
            "panics": self.callback("panics", PANICS),
            "exits": self.callback("exits", EXITS),
        }
        for name, body in accepted.items():
            assert self.send(name, body) == 200, name
        assert self.send("query", self.callback("query"), query=f"?q={marks.word('query')}") == 200
        return {name: body for name, body in accepted.items() if not isinstance(body, bytes)}

    def send_what_is_refused(self) -> None:
        """Everything that gets another answer, but for what needs a store to fail."""
        marks = self.marks
        for name in FIELDS:
            self._unreadable(
                f"without {name}", {field: value for field, value in self.callback(f"without {name}").items() if field != name}
            )
            self._unreadable(f"another type of {name}", self.callback(f"another type of {name}") | {name: [marks.text(f"type of {name}")]})
        self._unreadable("long timestamp", self.callback("long timestamp", submit_timestamp=marks.text("long timestamp's") * 20))
        self._unreadable("long number", self.callback("long number", to_phone_number=marks.number("too long") * 6))
        self._unreadable("odd id", self.callback("odd id", mo_reference_id=f"{marks.text('id')} with spaces"))
        self._unreadable("not UTF-8", marks.text("not UTF-8").encode("utf-16"))
        self._unreadable("not JSON", json.dumps(self.callback("not JSON")).encode()[:-1])
        self._unreadable("no object", json.dumps([self.callback("no object")]).encode())
        self._unreadable("a string", json.dumps(marks.text("a string")).encode())
        assert self.send("unsigned", self.callback("unsigned"), signed=False) == 401
        wrong = callback_signature(b"another key", marks.text("signed").encode())
        marks.key("wrong signature", wrong)
        assert self.send("wrong signature", self.callback("wrong signature"), **{"X-TS-Authorization": wrong}, signed=False) == 401
        assert self.send("too large", self.callback("too large", "x" * 262_144)) == 413
        assert self.send("unknown token", self.callback("unknown token"), token=marks.word("token")) == 404
        assert self.send("path", self.callback("path"), token=f"{self.token}/{marks.word('path')}") == 404
        assert self.get(f"/{marks.word('page')}", name="page").status_code == 404
        assert self.get(f"/callbacks/telesign/{self.token}", name="method").status_code == 405
        assert self.get("/healthz", name="unknown method", method=marks.word("method").upper()).status_code == 400
        self._raw("no HTTP", f"{marks.word('no HTTP')} / HTTP/9\r\n\r\n".encode())
        self._raw("endless head", f"GET / HTTP/1.1\r\nX: {marks.word('head') * 5_000}".encode())
        self._raw("cut half way", self._half(self.callback("cut half way")), waits=False)

    def begin_slowly(self) -> None:
        """Send half a body and no more; what comes back is waited for by `end_slowly`."""
        half = self._half(self.callback("slow"))
        self._slow = threading.Thread(target=self._raw, args=("slow", half))
        self._slow.start()

    def end_slowly(self) -> None:
        """Return when the slow one has been answered."""
        assert self._slow is not None
        self._slow.join()

    def _unreadable(self, name: str, body: Body | bytes) -> None:
        assert self.send(name, body) == 422, name

    def _half(self, body: Body) -> bytes:
        data = json.dumps(body).encode()
        return f"POST /callbacks/telesign/{self.token} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data) + 9}\r\n\r\n".encode() + data

    def _raw(self, name: str, data: bytes, *, waits: bool = True) -> None:
        with socket.create_connection(("127.0.0.1", httpx.URL(self.url).port or 0), timeout=20) as line:
            line.sendall(data)
            received = b""
            with suppress(ConnectionResetError):
                while waits and (part := line.recv(65_536)):
                    received += part
        self.answers.append(Place(f"answer: {name}", received))
        self.statuses[name] = int(received.split(b" ")[1]) if received else 0

    def _note(self, name: str, response: httpx.Response) -> int:
        self.answers.append(in_answer(name, response))
        self.statuses[name] = response.status_code
        return response.status_code
