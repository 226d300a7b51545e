"""Keyed digests: what stands in for an id or a number where the plain value must not. All use the index key, which never rotates."""

import hashlib
from collections.abc import Iterable

from schemas.messages import MoMessage
from store.inbox.batches import DuplicateMark


class Digests:
    """Keyed BLAKE2b, one personalisation a purpose, so that equal values of different kinds do not look equal."""

    def __init__(self, index_key: bytes) -> None:
        self._states = _States(index_key)

    def duplicate_mark(self, message: MoMessage) -> DuplicateMark:
        """The mark that recognises this message when it comes again."""
        others = (
            message.session_reference_id,
            message.submit_timestamp,
            message.from_phone_number,
            message.to_phone_number,
            message.text,
        )
        return DuplicateMark(self._of("mark-id", [message.mo_reference_id], 16), self._of("mark-content", others, 8))

    def quarantine_mark(self, reason: str, body: bytes) -> DuplicateMark:
        """The mark that recognises the same bad body when it comes again."""
        return DuplicateMark(self.of_quarantined(reason, body), b"\0" * 8)

    def of_message(self, message: MoMessage) -> bytes:
        """32 bytes over the six documented values: equal for a duplicate, different for a conflict."""
        values = (
            message.mo_reference_id,
            message.session_reference_id,
            message.submit_timestamp,
            message.from_phone_number,
            message.to_phone_number,
            message.text,
        )
        return self._of("message", values, 32)

    def of_quarantined(self, reason: str, body: bytes) -> bytes:
        """16 bytes by which one copy of a quarantined body is kept."""
        return self._of("quarantine", [reason, body], 16)

    def of_phone_number(self, phone_number: str) -> bytes:
        """16 bytes: the blind index of a phone number, over its digits alone, so that every spelling of it is found."""
        digits = "".join(character for character in phone_number if character.isdigit())
        return self._of("phone", [digits or phone_number], 16)

    def of_body(self, body: bytes) -> str:
        """32 hex digits that name a refused body in a log line without showing it."""
        return self._of("body", [body], 16).hex()

    def _of(self, purpose: str, values: Iterable[str | bytes], size_bytes: int) -> bytes:
        state = self._states[purpose, size_bytes].copy()
        parts: list[bytes] = []
        for value in values:
            data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
            parts += (len(data).to_bytes(8, "big"), data)
        state.update(b"".join(parts))
        return state.digest()


class _States(dict[tuple[str, int], "hashlib.blake2b"]):
    """Hashes keyed once and copied for each value, which takes half the time of keying them anew."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def __missing__(self, which: tuple[str, int]) -> "hashlib.blake2b":
        purpose, size_bytes = which
        self[which] = state = hashlib.blake2b(key=self._key, digest_size=size_bytes, person=purpose.encode())
        return state
