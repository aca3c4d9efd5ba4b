"""Private values at rest: AES-256-GCM for reading back, keyed hashes for finding again (docs/decisions.md, private fields).

A sealed value is: one byte, the length of the key's name; the name; a 12-byte nonce; the ciphertext with its 16-byte tag.
The additional data is the purpose ("id_number", "account"): a value moved to a column of another purpose does not open, but
INSERT … SELECT may copy it between tables whose columns share the purpose.

Keys come from HUIMIN_KEYRING, JSON: {"current": "k2", "keys": {"k1": {"data": …, "index": …}, "k2": …}}, each key 32 bytes in
base64. The current one writes, all of them read. A new key has data of its own and the same index as the others: blind
indexes stand in unique constraints, in the separation of duties and in rows that never change, so people would cease to be
recognised under another one. A ring that breaks this is refused.
"""

import base64
import binascii
import hmac
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from huimin.env import BadSetting

Blob = bytes | bytearray | memoryview

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
INDEX_BYTES = 16
_VARIABLE = "HUIMIN_KEYRING"


class Undecipherable(Exception):
    """A sealed value that does not open: changed, of another purpose, or sealed with a key that is not on the ring."""


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    cipher: AESGCM = field(repr=False)
    index: bytes = field(repr=False)
    header: bytes


@dataclass(frozen=True, slots=True)
class _KeyRing:
    current: _Key
    keys: dict[str, _Key]


def require_keys() -> None:
    """Raise BadSetting unless the key ring is usable: called at start, there is no mode without encryption."""
    _ring()


def _ring() -> _KeyRing:
    return _read_ring(settings.KEYRING)


@lru_cache(maxsize=8)
def _read_ring(text: str) -> _KeyRing:
    if not text:
        raise BadSetting(
            f"{_VARIABLE} is empty; private fields are never stored in clear (docs/operations.md)"
        )
    try:
        raw = json.loads(text)
        keys = {str(name): _read_key(str(name), parts) for name, parts in raw["keys"].items()}
        current = keys[raw["current"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        # the causes would quote the text, which is secret
        raise BadSetting(
            f'{_VARIABLE} must be {{"current": name, "keys": {{name: {{"data", "index"}}}}}}'
        ) from None
    if len({key.index for key in keys.values()}) > 1:
        raise BadSetting(f"{_VARIABLE}: every key must have the same index; people are recognised by it")
    return _KeyRing(current, keys)


def _read_key(name: str, parts: dict[str, str]) -> _Key:
    data, index = (_read_secret(name, part, parts[part]) for part in ("data", "index"))
    if data == index:
        raise BadSetting(f"{_VARIABLE}: data and index of key {name!r} must differ")
    header = name.encode("ascii")
    if not 1 <= len(header) <= 32:
        raise BadSetting(f"{_VARIABLE}: names of keys have 1 to 32 characters")
    return _Key(name, AESGCM(data), index, bytes([len(header)]) + header)


def _read_secret(name: str, part: str, text: str) -> bytes:
    try:
        secret = base64.b64decode(text, validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise BadSetting(f"{_VARIABLE}: {part} of key {name!r} must be {KEY_BYTES} bytes in base64")
    return secret


def encrypt(purpose: str, text: str) -> bytes:
    """Seal a text for a column of this purpose; equal texts give different blobs."""
    return encrypt_bytes(purpose, text.encode())


def decrypt(purpose: str, blob: Blob) -> str:
    return decrypt_bytes(purpose, blob).decode()


def encrypt_bytes(purpose: str, data: bytes) -> bytes:
    """Seal bytes, at most 2 GiB at once.

    Who cuts a file into frames puts the file's key, the frame's number and "last" into the purpose, so that frames cannot be
    dropped, swapped or mixed between files.
    """
    key, nonce = _ring().current, os.urandom(NONCE_BYTES)
    return key.header + nonce + key.cipher.encrypt(nonce, data, purpose.encode())


def decrypt_bytes(purpose: str, blob: Blob) -> bytes:
    blob = bytes(blob)
    name, start = _key_name(blob)
    key = _ring().keys.get(name)
    if key is None:
        raise Undecipherable(f"key {name!r} is not in {_VARIABLE}")
    try:
        return key.cipher.decrypt(
            blob[start : start + NONCE_BYTES], blob[start + NONCE_BYTES :], purpose.encode()
        )
    except InvalidTag:
        raise _changed(name, purpose) from None


def _changed(name: str, purpose: str) -> Undecipherable:
    return Undecipherable(f"a value sealed with key {name!r} was changed or is not of purpose {purpose!r}")


def encrypt_many(purpose: str, texts: Iterable[str]) -> list[bytes]:
    """Seal many texts of one purpose, in order; one read of randomness for all."""
    key, purpose_bytes, texts = _ring().current, purpose.encode(), list(texts)
    seal, header, noise = key.cipher.encrypt, key.header, os.urandom(NONCE_BYTES * len(texts))
    nonces = (noise[at : at + NONCE_BYTES] for at in range(0, len(noise), NONCE_BYTES))
    return [
        header + nonce + seal(nonce, text.encode(), purpose_bytes)
        for nonce, text in zip(nonces, texts, strict=True)
    ]


def decrypt_many(purpose: str, blobs: Iterable[Blob]) -> list[str]:
    """Open many values of one purpose, in order."""
    key, purpose_bytes = _ring().current, purpose.encode()
    unseal, header, start = key.cipher.decrypt, key.header, len(key.header)
    text_at, least = start + NONCE_BYTES, start + NONCE_BYTES + TAG_BYTES
    texts = []
    for blob in map(bytes, blobs):
        if len(blob) < least or not blob.startswith(header):
            texts.append(decrypt_bytes(purpose, blob).decode())  # of an older key, or broken
            continue
        try:
            texts.append(unseal(blob[start:text_at], blob[text_at:], purpose_bytes).decode())
        except InvalidTag:
            raise _changed(key.name, purpose) from None
    return texts


def _key_name(blob: bytes) -> tuple[str, int]:
    start = 1 + blob[0] if blob else 0
    if not start or len(blob) < start + NONCE_BYTES + TAG_BYTES:
        raise Undecipherable("too short for a sealed value")
    return blob[1:start].decode("ascii", "replace"), start


def blind_index(purpose: str, text: str) -> bytes:
    """16 bytes by which a normalised text is found again; one purpose's index says nothing about another's.

    The text must be in its one stored form (identity.normalise_*): the hash of "x" is not the hash of "X".
    """
    return _index(_ring().current.index, purpose, text)


def blind_index_many(purpose: str, texts: Iterable[str]) -> list[bytes]:
    key = _purpose_key(_ring().current.index, purpose)
    digest = hmac.digest
    return [digest(key, text.encode(), "sha256")[:INDEX_BYTES] for text in texts]


def _index(index_key: bytes, purpose: str, text: str) -> bytes:
    return hmac.digest(_purpose_key(index_key, purpose), text.encode(), "sha256")[:INDEX_BYTES]


@lru_cache(maxsize=256)
def _purpose_key(index_key: bytes, purpose: str) -> bytes:
    return hmac.digest(index_key, b"blind index of " + purpose.encode(), "sha256")
