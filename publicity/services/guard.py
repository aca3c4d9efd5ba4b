"""What stands between the public pages and machines: counters in PostgreSQL and a sum that is good once."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.db import connection

from huimin.core import crypto
from publicity.rules import LIMITS, SHARDS, Limit, sum_from

_SALT = "publicity.challenge"
CHALLENGE_SECONDS = 30 * 60
KEEP_DAYS = 3


@dataclass(frozen=True, slots=True)
class Challenge:
    """A sum in words, and the token that comes back with its answer; the token does not tell the answer."""

    question: str
    token: str


def new_challenge(*, hard: bool = False) -> Challenge:
    nonce = os.urandom(16)
    one = sum_from(nonce, hard=hard)
    payload = {"n": nonce.hex(), "a": _seal(nonce, str(one.answer))}
    return Challenge(one.question, signing.dumps(payload, salt=_SALT))


def settle_challenge(token: str, answer: str) -> bool:
    """Whether the answer is right, fresh and the first one; it is used up either way."""
    try:
        payload = signing.loads(token, salt=_SALT, max_age=CHALLENGE_SECONDS)
        nonce = bytes.fromhex(payload["n"])
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO publicity_spentchallenge (nonce, at) VALUES (%s, now()) ON CONFLICT DO NOTHING",
            [nonce],
        )
        first = cursor.rowcount == 1
    plain = answer.strip().translate(str.maketrans("０１２３４５６７８９", "0123456789"))
    return hmac.compare_digest(payload["a"], _seal(nonce, plain)) and first


def _seal(nonce: bytes, answer: str) -> str:
    return signing.Signer(salt=_SALT).signature(f"{nonce.hex()}:{answer}")


def counter_key(scope: str, text: str) -> bytes:
    """A counter's name: a keyed hash, so that the table tells neither people nor addresses."""
    return crypto.blind_index(f"query_{scope}", text)


def everybody_key(noise: bytes) -> bytes:
    return counter_key("everybody", str(noise[0] % SHARDS))


def count(keys: Mapping[str, bytes]) -> dict[str, int]:
    """Add one to each counter in one statement and return what they stand at; counters outlive any cache.

    Committed before the look-up, so that questions asked at the same time see one another. Keys go in order, so
    that two questions never wait for each other.
    """
    ordered = sorted(keys.items())
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO publicity_querymiss AS m (scope, key, window_start, misses)
               SELECT w.scope, w.key, to_timestamp(floor(extract(epoch FROM business_now()) / w.seconds) * w.seconds), 1
               FROM unnest(%s::text[], %s::bytea[], %s::int[]) AS w (scope, key, seconds)
               ON CONFLICT (scope, key, window_start) DO UPDATE SET misses = m.misses + 1
               RETURNING scope, misses""",
            _columns(ordered),
        )
        return dict(cursor.fetchall())


def give_back(keys: Mapping[str, bytes], amount: int) -> None:
    """Take `amount` (1 for an answered question, 0 for a miss) off again: the same statement either way."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE publicity_querymiss m SET misses = greatest(m.misses - %s, 0)
               FROM (SELECT q.id FROM publicity_querymiss q
                     JOIN unnest(%s::text[], %s::bytea[], %s::int[]) AS w (scope, key, seconds)
                       ON q.scope = w.scope AND q.key = w.key AND q.window_start = to_timestamp(
                          floor(extract(epoch FROM business_now()) / w.seconds) * w.seconds)
                     ORDER BY q.scope, q.key FOR UPDATE OF q) held
               WHERE m.id = held.id""",
            [amount, *_columns(sorted(keys.items()))],
        )


def _columns(keys: list[tuple[str, bytes]]) -> list[Any]:
    limits: list[Limit] = [LIMITS[scope] for scope, _ in keys]
    return [[scope for scope, _ in keys], [key for _, key in keys], [limit.seconds for limit in limits]]


def count_use(scope: str, text: str) -> bool:
    """Count one use of a costly page (an objection, a printed list); False when its limit is reached."""
    return count({scope: counter_key(scope, text)})[scope] <= LIMITS[scope].most


def forget_old() -> int:
    """Drop counters and used sums of past days; returns how many rows went."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM publicity_querymiss WHERE window_start < business_now() - make_interval(days => %s)",
            [KEEP_DAYS],
        )
        gone = cursor.rowcount
        cursor.execute(
            "DELETE FROM publicity_spentchallenge WHERE at < now() - make_interval(days => %s)", [KEEP_DAYS]
        )
        return int(gone + cursor.rowcount)
