"""Callbacks as the provider sends them: the documented example, 284 bytes, each with an id of its own, signed in both headers.

They are made before a measurement begins, so that making them costs it nothing.
"""

import itertools
import secrets
from collections.abc import Iterator

from crossline.welcome import EXAMPLE
from providers.sandbox.sender import callback_body
from schemas.settings import Settings
from schemas.signatures import callback_signature


def bodies() -> Iterator[bytes]:
    """Bodies without end, all equally long; no two are the same message, in this process or another."""
    placeholder = EXAMPLE["mo_reference_id"]
    before, _, after = callback_body(EXAMPLE).partition(placeholder.encode())
    origin = secrets.token_hex(8).upper()
    for number in itertools.count():
        yield b"%s%s%016d%s" % (before, origin.encode(), number, after)


def signed_requests(path: str, settings: Settings, count: int) -> list[bytes]:
    """So many whole HTTP requests, all equally long. `settings`: whose customer and key sign them."""
    key = settings.telesign_api_keys[0].get_secret_value()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
    customer = str(settings.telesign_customer_id).encode()
    return [_request(head, customer, callback_signature(key, body).encode(), body) for body in itertools.islice(bodies(), count)]


def _request(head: bytes, customer: bytes, signature: bytes, body: bytes) -> bytes:
    return b"%sAuthorization: TSA %s:%s\r\nX-TS-Authorization: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        head,
        customer,
        signature,
        signature,
        len(body),
        body,
    )
