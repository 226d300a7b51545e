"""The keyring: AES-256-GCM under keys that can be rotated.

Every sealed value names the key that sealed it by a 4-byte key id, derived from the key. The first key of the ring seals; all open.
From each key of the ring come, by HKDF-SHA256 (RFC 5869): its id, the key that wraps data keys, and keys for batches and quarantine.

Sealed bytes, by purpose (AAD is always `table|row|format`):
  data key    key id (4) · nonce (12) · ciphertext and tag           in its own column, wrapped under the ring
  row         nonce (12) · ciphertext and tag                        under the conversation's data key
  batch etc.  key id (4) · salt (16) · nonce (12) · ciphertext, tag  under HKDF(key, salt); the salt is fresh for every process, so that
                                                                     no key ever meets the 2^32 nonces at which random ones may collide
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.errors import KeyMissing, SealError

KEY_ID_BYTES: Final = 4
SEAL_FORMAT: Final = 1
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12


def aad(table: str, row: str) -> bytes:
    """What a sealed value is bound to: its table, its row and the format version. Moved elsewhere, it does not open."""
    return f"{table}|{row}|{SEAL_FORMAT}".encode()


class DataKey:
    """The key of one conversation. Destroy its wrapped form and every row sealed under it is unreadable, in backups too."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, table: str, row: str, plain: bytes) -> bytes:
        """Sealed bytes for one row of one table."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, aad(table, row))

    def open(self, table: str, row: str, sealed: bytes) -> bytes:
        """The plain bytes of one row. Raises SealError."""
        return _open(self._cipher, sealed, aad(table, row))


class Keyring:
    """The encryption keys, newest first."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {key_id(key): key for key in keys}
        self.sealing_id = key_id(keys[0])
        self._salt = os.urandom(_SALT_BYTES)
        self._subkey = lru_cache(maxsize=256)(self._derive)

    @property
    def ids(self) -> frozenset[bytes]:
        """The ids of all keys that this ring can open."""
        return frozenset(self._keys)

    def new_data_key(self, session_reference_id: str) -> tuple[bytes, bytes]:
        """A fresh data key, wrapped: (key id, wrapped key)."""
        return self._wrap(session_reference_id, os.urandom(32))

    def unwrap(self, session_reference_id: str, wrapped: bytes) -> DataKey:
        """The data key of a conversation. Raises SealError."""
        return DataKey(self._unwrap(session_reference_id, wrapped))

    def rewrap(self, session_reference_id: str, wrapped: bytes) -> tuple[bytes, bytes]:
        """The same data key under the newest key of the ring."""
        return self._wrap(session_reference_id, self._unwrap(session_reference_id, wrapped))

    def seal(self, table: str, row: str, plain: bytes) -> bytes:
        """Sealed bytes for what belongs to no conversation yet: a batch, a quarantined body."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._subkey(self.sealing_id, self._salt, table)
        return self.sealing_id + self._salt + nonce + cipher.encrypt(nonce, plain, aad(table, row))

    def open(self, table: str, row: str, sealed: bytes) -> bytes:
        """The plain bytes of what `seal` made. Raises SealError."""
        head = KEY_ID_BYTES + _SALT_BYTES
        cipher = self._subkey(sealed[:KEY_ID_BYTES], sealed[KEY_ID_BYTES:head], table)
        return _open(cipher, sealed[head:], aad(table, row))

    def _wrap(self, session_reference_id: str, data_key: bytes) -> tuple[bytes, bytes]:
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._subkey(self.sealing_id, b"", "conversations")
        sealed = cipher.encrypt(nonce, data_key, aad("conversations", session_reference_id))
        return self.sealing_id, self.sealing_id + nonce + sealed

    def _unwrap(self, session_reference_id: str, wrapped: bytes) -> bytes:
        cipher = self._subkey(wrapped[:KEY_ID_BYTES], b"", "conversations")
        return _open(cipher, wrapped[KEY_ID_BYTES:], aad("conversations", session_reference_id))

    def _derive(self, wanted: bytes, salt: bytes, purpose: str) -> AESGCM:
        try:
            key = self._keys[wanted]
        except KeyError:
            raise KeyMissing(f"The key {wanted.hex()} is not in CROSSLINE_ENCRYPTION_KEYS.") from None
        return AESGCM(_hkdf(key, salt, purpose, 32))


def key_id(key: bytes) -> bytes:
    """The public name of a key: 4 bytes that say nothing of the key."""
    return _hkdf(key, b"", "key id", KEY_ID_BYTES)


def index_key_id(key: bytes) -> bytes:
    """The public name of the index key: 4 bytes that say nothing of it, and never those of an encryption key."""
    return _hkdf(key, b"", "index key id", KEY_ID_BYTES)


def _hkdf(key: bytes, salt: bytes, purpose: str, length_bytes: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length_bytes, salt=salt or None, info=b"crossline " + purpose.encode()).derive(key)


def _open(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError):
        raise SealError("Sealed bytes do not open: they were changed, moved, or sealed with another key.") from None
