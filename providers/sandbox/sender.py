"""A sender of masking callbacks that behaves as TeleSign's does: what it writes, how it signs, when it tries again, what it takes as a yes.

Sources: TeleSign, "Number Masking API - Obtain Transaction Status Results" (payload; three attempts; 200 confirms) and the older edition
of the same page (10 s after the first failure, 30 s after the second); "Authenticate callbacks" (the two signature headers). The time
that it waits for an answer is not published: 5 s is what it documents for its other callbacks.
"""

import asyncio
import re
import secrets
import string
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import httpx
import orjson

from providers.sandbox.deliveries import Attempt, Delivery, DeliveryLog
from schemas.clock import monotonic_s, utcnow
from schemas.errors import UserError
from schemas.signatures import authorization, callback_signature

_REFERENCE_ID_LENGTH: Final = 32
_REFERENCE_ID_CHARACTERS: Final = string.ascii_uppercase + string.digits
_LOGGABLE_ID: Final = re.compile(r"[\x21-\x7e]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When the sender tries again: `gaps_s[n]` seconds after failure n, so one attempt more than there are gaps.

    `timeout_s` bounds each attempt from connecting to the last byte of the answer.
    """

    gaps_s: tuple[float, ...] = (10.0, 30.0)
    timeout_s: float = 5.0

    def scaled(self, factor: float) -> "Schedule":
        """The same attempts with gaps `factor` times as long. The timeout stays: how long an answer takes does not scale."""
        return Schedule(gaps_s=tuple(gap_s * factor for gap_s in self.gaps_s), timeout_s=self.timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What signs a callback: the customer's id and the decoded API key. The key is never printed."""

    customer_id: str
    api_key: bytes = field(repr=False)


class Sender:
    """Delivers callbacks to one private URI over kept-alive connections. An asynchronous context manager.

    `credentials`: None sends unsigned. `concurrency`: how many attempts are under way at once; a delivery that waits for its next
    attempt does not count. `log`: gets each delivery when it has ended. Raises UserError where `url` is no http(s) address.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        schedule: Schedule | None = None,
        concurrency: int = 64,
        log: DeliveryLog | None = None,
    ) -> None:
        self._url = _address(url)
        self._credentials = credentials
        self._schedule = schedule or Schedule()
        self._log = log
        self._free = asyncio.Semaphore(concurrency)
        # The bare transport: no redirects, no cookies, no proxy from the environment, and no log line with the URL, which holds the token.
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        self._transport = httpx.AsyncHTTPTransport(limits=limits, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._transport.aclose()

    async def send(self, body: bytes, *, on_attempt: Callable[[Attempt], None] | None = None) -> Delivery:
        """Deliver one callback, `body` unchanged, attempt after attempt until one is answered with 200 or none is left.

        A failing receiver raises nothing. When cancelled, the delivery is neither returned nor logged.
        """
        headers = self._headers(body)
        attempts = [await self._attempt(body, headers, on_attempt)]
        for gap_s in self._schedule.gaps_s:
            if attempts[-1].acknowledged:
                break
            await asyncio.sleep(gap_s)
            attempts.append(await self._attempt(body, headers, on_attempt))
        delivery = Delivery(mo_reference_id=_loggable_id(body), attempts=tuple(attempts))
        if self._log is not None:
            self._log.write(delivery)
        return delivery

    async def send_copies(self, body: bytes, *, copies: int, on_attempt: Callable[[Attempt], None] | None = None) -> tuple[Delivery, ...]:
        """Deliver the same callback `copies` times at once, each with attempts of its own."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.send(body, on_attempt=on_attempt)) for _ in range(copies)]
        return tuple(task.result() for task in tasks)

    async def send_all(self, bodies: Iterable[bytes]) -> AsyncIterator[Delivery]:
        """Deliver many callbacks side by side; yields each delivery as it ends. Closing the iterator cancels what is left."""
        tasks = {asyncio.ensure_future(self.send(body)) for body in bodies}
        try:
            for next_done in asyncio.as_completed(tasks):
                yield await next_done
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, body: bytes, headers: Mapping[str, str], on_attempt: Callable[[Attempt], None] | None) -> Attempt:
        async with self._free:
            attempt = await self._post(body, headers)
        if on_attempt is not None:
            on_attempt(attempt)
        return attempt

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Attempt:
        status, error = None, None
        at, began_s = utcnow(), monotonic_s()
        try:
            async with asyncio.timeout(self._schedule.timeout_s):
                status = await self._status(httpx.Request("POST", self._url, content=body, headers=headers))
        except (TimeoutError, httpx.HTTPError) as failure:
            error = type(failure).__name__
        return Attempt(at=at, took_ms=round((monotonic_s() - began_s) * 1000, 3), status=status, error=error)

    async def _status(self, request: httpx.Request) -> int:
        """Of an answer that came whole."""
        response = await self._transport.handle_async_request(request)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return response.status_code

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._credentials is not None:
            headers["Authorization"] = authorization(self._credentials.customer_id, self._credentials.api_key, body)
            headers["X-TS-Authorization"] = callback_signature(self._credentials.api_key, body)
        return headers


def new_mo_reference_id() -> str:
    """A message's id as TeleSign's look: 32 random upper-case letters and digits, though the documentation calls it hexadecimal."""
    return "".join(secrets.choice(_REFERENCE_ID_CHARACTERS) for _ in range(_REFERENCE_ID_LENGTH))


def new_session_reference_id() -> str:
    """A session's id as TeleSign's look: 32 random upper-case hexadecimal digits."""
    return secrets.token_hex(_REFERENCE_ID_LENGTH // 2).upper()


def callback_payload(
    *,
    session_reference_id: str,
    from_phone_number: str,
    to_phone_number: str,
    text: str,
    submitted_at: datetime,
    mo_reference_id: str | None = None,
) -> dict[str, str]:
    """The six values of a callback in the documented order. `submitted_at`: aware; a new `mo_reference_id` is made when none is given."""
    if submitted_at.tzinfo is None:
        raise ValueError("submitted_at has no zone.")
    return {
        "submit_timestamp": submitted_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds"),
        "from_phone_number": from_phone_number,
        "mo_message": text,
        "mo_reference_id": mo_reference_id or new_mo_reference_id(),
        "session_reference_id": session_reference_id,
        "to_phone_number": to_phone_number,
    }


def callback_body(payload: Mapping[str, str]) -> bytes:
    """A callback's payload as it is sent: compact JSON in UTF-8."""
    return orjson.dumps(dict(payload))


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in {"http", "https"} or not address.host:
        raise UserError("The URL to send to is not an http:// or https:// address.")
    return address


def _loggable_id(body: bytes) -> str | None:
    """The `mo_reference_id` of a body, where it is one; anything else could be what somebody wrote."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    value = document.get("mo_reference_id") if isinstance(document, dict) else None
    return value if isinstance(value, str) and _LOGGABLE_ID.fullmatch(value) else None
