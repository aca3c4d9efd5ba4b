"""What stands between the public pages and machines: counters in PostgreSQL and a sum that is good once."""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core import signing
from django.db import connection

from huimin.core import crypto
from publicity.rules import ASKED, LIMITS, NEIGHBOURS, SHARDS, Limit, network_of, sum_from

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


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter that a question or a use goes through; once counted, where it stands and whether it was spent (1 or 0)."""

    scope: str
    key: bytes
    limit: Limit
    stands: int = 0
    spent: int = 0

    @property
    def is_over(self) -> bool:
        return self.stands > self.limit.most


# windows begin at multiples of their length by the county's clock, so that a day of tries begins at midnight
_ASKED = """SELECT w.*, to_timestamp(floor((extract(epoch FROM business_now()) + 28800) / w.seconds) * w.seconds - 28800)
        AS start
    FROM unnest(%(scopes)s::text[], %(keys)s::bytea[], %(seconds)s::int[], %(most)s::int[], %(spent)s::int[])
         WITH ORDINALITY AS w (scope, key, seconds, most, spent, rank)"""
_ADD = """INSERT INTO publicity_querymiss AS m (scope, key, window_start, misses)
    SELECT a.scope, a.key, a.start, {spent} FROM {source} ORDER BY a.rank
    ON CONFLICT (scope, key, window_start) DO UPDATE SET misses = m.misses + excluded.misses
    RETURNING scope, key, misses"""
# the house, then its network when the house is within its limit, then the rest when both are: a counter that is not
# spent is written all the same, with nothing added, so that a refused question costs what any other costs
_COUNT = f"""
WITH asked AS MATERIALIZED ({_ASKED}),
house AS ({_ADD.format(spent="1", source="asked a WHERE a.rank = 1")}),
near AS MATERIALIZED (SELECT (h.misses <= a.most)::int AS spent FROM house h JOIN asked a ON a.rank = 1),
network AS ({_ADD.format(spent="near.spent", source="asked a, near WHERE a.rank = 2")}),
far AS MATERIALIZED (
    SELECT CASE WHEN %(lifted)s THEN 1 ELSE near.spent * (n.misses <= a.most)::int END AS spent
    FROM near, network n JOIN asked a ON a.rank = 2),
rest AS ({_ADD.format(spent="far.spent", source="asked a, far WHERE a.rank > 2")})
SELECT key, misses, 1 FROM house
UNION ALL SELECT n.key, n.misses, near.spent FROM network n, near
UNION ALL SELECT r.key, r.misses, far.spent FROM rest r, far
"""  # noqa: S608 -- made of constants
_GIVE_BACK = f"""
WITH asked AS MATERIALIZED ({_ASKED})
UPDATE publicity_querymiss m SET misses = greatest(m.misses - held.spent, 0)
FROM (SELECT q.id, a.spent FROM publicity_querymiss q
      JOIN asked a ON q.scope = a.scope AND q.key = a.key AND q.window_start = a.start
      ORDER BY a.rank FOR UPDATE OF q) held
WHERE m.id = held.id
"""  # noqa: S608


def count(counters: Sequence[Counter], *, lifted: bool = False) -> list[Counter]:
    """Add one to each counter in one statement: first the house, second its network, then what they ask about.

    A house over its limit spends nothing of its network, and neither anything of the rest, unless `lifted`. Counters
    outlive any cache, and are committed before the look-up, so that questions asked at the same time see one another.
    All statements take them in the same order, so that two questions never wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {**_columns(counters, spent=1), "lifted": lifted})
        stands = {bytes(key): (misses, spent) for key, misses, spent in cursor.fetchall()}
    return [replace(one, stands=stands[one.key][0], spent=stands[one.key][1]) for one in counters]


def give_back(counted: Sequence[Counter], amount: int) -> None:
    """Take off again what was spent (amount 1, an answered question) or nothing (0, a miss): one statement either way."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, _columns(counted, spent=amount))


def _columns(counters: Sequence[Counter], *, spent: int) -> dict[str, list[Any]]:
    return {
        "scopes": [one.scope for one in counters],
        "keys": [one.key for one in counters],
        "seconds": [one.limit.seconds for one in counters],
        "most": [one.limit.most for one in counters],
        "spent": [one.spent * spent for one in counters],
    }


def question_counters(address: str, person: str, name: str) -> list[Counter]:
    """What a question to 我的补贴 is counted by, in the order of ASKED; a name by the network that asks for it."""
    house, network = network_of(address)
    person_key = counter_key("person", person)
    keys = {
        "address": counter_key("address", house),
        "network": counter_key("network", network),
        "everybody": everybody_key(person_key),
        "name": counter_key("name", f"{network} {name}"),
        "person": person_key,
    }
    return [Counter(scope, keys[scope], LIMITS[scope]) for scope in ASKED]


def count_use(scope: str, address: str) -> bool:
    """Count one use of a costly page by the house and the network of an address; False over the limit of either."""
    return not any(one.is_over for one in count(_use_counters(scope, address)))


def give_use_back(scope: str, address: str) -> None:
    """The use turned out to be an honest one, such as a code that exists: it is not counted."""
    give_back([replace(one, spent=1) for one in _use_counters(scope, address)], 1)


def _use_counters(scope: str, address: str) -> list[Counter]:
    house, network = network_of(address)
    limit = LIMITS[scope]
    around = Limit(limit.most * NEIGHBOURS, limit.seconds)
    return [
        Counter(scope, counter_key(scope, house), limit),
        Counter(scope, counter_key(scope, f"around {network}"), around),
    ]


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
