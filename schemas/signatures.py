"""TeleSign's callback signature: base64(HMAC-SHA256(API key, raw body bytes)).

Source: TeleSign, "Authenticate callbacks". The header is `Authorization` or `X-TS-Authorization`; its value is the bare signature or
`TSA <customer id>:<signature>`. The key is the account's API key, base64-decoded. Neither time nor path is signed: only
deduplication stands between a caught callback and its replay.
"""

import base64
import hmac
from collections.abc import Iterable


def callback_signature(api_key: bytes, body: bytes) -> str:
    """The signature of a callback's raw body under one decoded API key."""
    return base64.b64encode(hmac.digest(api_key, body, "sha256")).decode()


def authorization(customer_id: str, api_key: bytes, body: bytes) -> str:
    """The `Authorization` header value of a signed callback."""
    return f"TSA {customer_id}:{callback_signature(api_key, body)}"


def signature_in(header: str) -> str | None:
    """The signature that a header value carries; None where the value belongs to another scheme (`Basic …`, `Bearer …`)."""
    scheme, space, rest = header.strip().partition(" ")
    if not space:
        return scheme or None
    if scheme.upper() != "TSA":
        return None
    return rest.rpartition(":")[2].strip()


def is_signed_by_any(signature: str, body: bytes, api_keys: Iterable[bytes]) -> bool:
    """Whether the signature is right under one of the keys. Takes as long for a near miss as for nonsense."""
    given = signature.encode("utf-8", "surrogatepass")
    return any([hmac.compare_digest(given, callback_signature(key, body).encode()) for key in api_keys])
