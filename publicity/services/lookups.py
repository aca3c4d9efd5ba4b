"""我的补贴: one question, the same work whatever the answer, and a line in the log that tells nobody's name."""

from __future__ import annotations

import hmac
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

from django.db import connection
from django.views.decorators.debug import sensitive_variables

from huimin.core import crypto
from huimin.core.errors import BadInput
from huimin.core.values.identity import normalise_id_number, normalise_name, normalise_phone
from publicity import queries
from publicity.queries import Known, OwnPayment, UnderReview
from publicity.rules import LIMITS, SHARDS, blocked_by, network_of
from publicity.services import guard
from publicity.states import QueryOutcome

TAIL_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody typed, and where it came from; kept out of repr(), so out of logs and tracebacks."""

    name: str = field(repr=False)
    id_number: str = field(repr=False)
    tail_or_phone: str = field(repr=False)
    address: str = field(repr=False)
    at_window: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """`person` is None for every kind of miss; `is_busy` asks for harder sums."""

    person: Known | None
    payments: list[OwnPayment]
    reviews: list[UnderReview]
    is_busy: bool


@sensitive_variables()
def answer_question(question: Question) -> Answer:
    """Always the same six statements: count, person, payments, reviews, give back, log.

    A question over a limit is looked up as well and answered as a miss, so that a limit cannot be told from a
    wrong card. Counts before it looks, each statement by itself: whoever asks in parallel is counted too.
    """
    number, name, third = _stored_forms(question)
    keys = _counter_keys(question, number, name)
    counts = guard.count(keys)
    person_key = crypto.blind_index("id_number", number)
    person = queries.person_by_key(person_key)
    payments = queries.payments_of_key(person_key)
    reviews = queries.under_review(person.pk)
    is_blocked = blocked_by(counts, at_window=question.at_window)
    matches = _matches(person, payments, name, third)
    found = matches and not is_blocked
    guard.give_back(keys, int(found))
    outcome = QueryOutcome.FOUND if found else QueryOutcome.BLOCKED if is_blocked else QueryOutcome.MISSED
    _log(outcome, person_key, keys["address"], question.at_window, len(payments) if found else 0)
    is_busy = counts["everybody"] * SHARDS > LIMITS["everybody"].most
    return Answer(person, payments, reviews, is_busy) if found else Answer(None, [], [], is_busy)


def _stored_forms(question: Question) -> tuple[str, str, str]:
    """Each text as it would be stored, or as it is when it can't be: no malformed text ends the work early."""
    number = normalise_id_number(question.id_number)[:32]
    try:
        name = normalise_name(question.name)
    except BadInput:
        name = question.name.strip()
    third = normalise_id_number(question.tail_or_phone)[:20]
    with suppress(BadInput):  # neither a tail nor a telephone: equal to nothing that is registered
        third = third if len(third) == TAIL_DIGITS else normalise_phone(third)
    return number, name[:60], third


def _counter_keys(question: Question, number: str, name: str) -> dict[str, bytes]:
    address, network = network_of(question.address)
    person = guard.counter_key("person", number[:14])
    return {
        "person": person,
        "name": guard.counter_key("name", name),
        "address": guard.counter_key("address", address),
        "network": guard.counter_key("network", network),
        "everybody": guard.everybody_key(person),
    }


def _matches(person: Known, payments: list[OwnPayment], name: str, third: str) -> bool:
    """All three agree: the name as registered, and the tail of the card in use or of any card that was paid to, or
    the registered telephone. A telephone is unsealed whether or not there is one, so that both take as long."""
    phone = crypto.decrypt("phone", person.phone or _no_phone())
    tails = [person.card_tail, *(one.account_tail for one in payments)]
    same_name = hmac.compare_digest(person.name.encode(), name.encode())
    same_tail = any([hmac.compare_digest(one.encode(), third.encode()) for one in tails])  # noqa: C419 -- no early end
    same_phone = hmac.compare_digest(phone.encode(), third.encode()) & bool(person.phone)
    is_asked = bool(person.pk) and bool(name) and len(third) >= TAIL_DIGITS
    return is_asked and same_name and (same_tail | same_phone)


@cache
def _no_phone() -> bytes:
    """What stands in for the telephone of those who left none: as long as one."""
    return crypto.encrypt("phone", "-" * 11)


def _log(outcome: str, person_key: bytes, address_key: bytes, at_window: bool, lines: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO publicity_querylog (at, outcome, person_key, address_key, at_window, lines)
               VALUES (business_now(), %s, %s, %s, %s, %s)""",
            [outcome, person_key, address_key, at_window, lines],
        )
