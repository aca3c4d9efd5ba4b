"""Typed readers of environment variables; a secret may come from the file that NAME_FILE points to."""

import json
import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit


class BadSetting(Exception):
    """A setting that is missing or unreadable; the text names the variable and the remedy."""


def text(name: str, default: str = "") -> str:
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return os.environ.get(name, default)


def flag(name: str, *, default: bool = False) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value not in {"0", "1"}:
        raise BadSetting(f"{name} must be 0 or 1, not {value!r}")
    return value == "1"


def choice(name: str, among: tuple[str, ...], default: str) -> str:
    """One of the words; a misspelt one must not pass for the laxest."""
    value = text(name, default)
    if value not in among:
        raise BadSetting(f"{name} must be one of {', '.join(among)}, not {value!r}")
    return value


def number(name: str, default: int, *, least: int) -> int:
    """A whole number, not below `least`."""
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and int(value) >= least):
        raise BadSetting(f"{name} must be a whole number from {least} up, not {value!r}")
    return int(value)


def mapping(name: str, default: dict[str, str]) -> dict[str, str]:
    """A JSON object of texts."""
    value = text(name)
    if not value:
        return default
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise BadSetting(f'{name} must be a JSON object of texts, like {{"sms": "package.module.Class"}}')
    return found


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def database(url: str) -> dict[str, object]:
    """Django's settings for a postgresql:// URL; the host may be a socket folder in ?host=."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise BadSetting("DATABASE_URL must start with postgresql://")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or query.get("host", ""),
        "PORT": str(parts.port or query.get("port", "")),
    }
