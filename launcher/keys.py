"""Secrets of one state folder, made once and readable by its owner alone."""

import base64
import json
import os
import secrets
from pathlib import Path


def write_secret(path: Path, text: str) -> None:
    """Write a file nobody else may read; whole or not at all."""
    half = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    half.replace(path)


def new_keyring() -> str:
    """A key ring with one pair: `data` encrypts fields and files, `index` makes the blind index."""
    pair = {use: base64.b64encode(secrets.token_bytes(32)).decode() for use in ("data", "index")}
    return json.dumps({"current": "k1", "keys": {"k1": pair}})


def keyring_file(state: Path) -> Path:
    """Losing this file loses every encrypted field of the state folder's database."""
    path = state / "keyring.json"
    if not path.exists():
        write_secret(path, new_keyring())
    return path


def secret_key_file(state: Path) -> Path:
    path = state / "secret_key"
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(50))
    return path
