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
from huimin.core.values.identity import normalise_id_number, normalise_name, normalise_phone, plain_name
from publicity import queries
from publicity.queries import Awaited, Change, Known, OwnPayment, UnderReview
from publicity.rules import LIMITS, SHARDS, blocked_by, tries_left
from publicity.services import guard
from publicity.states import QueryOutcome

TAIL_DIGITS = 4
USUAL_TAILS = 8  # so many are compared whoever is asked about; hardly anybody was paid to more cards


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
    """`person` is None for every kind of miss; `is_busy` asks for harder sums; `tries_left` as rules.tries_left."""

    person: Known | None
    payments: list[OwnPayment]
    reviews: list[UnderReview]
    awaited: list[Awaited]
    changes: list[Change]
    is_busy: bool
    tries_left: int | None


@sensitive_variables()
def answer_question(question: Question) -> Answer:
    """Always the same nine statements: count, person, tails, payments, reviews, awaited, changes, give back, log.

    A question over a limit is looked up as well and answered as a miss: what is said of the limit follows from the
    counters alone, whoever was asked about. Counts before it looks, each statement by itself: whoever asks in parallel is counted too. Payments,
    reviews, what is awaited and what became of rights are read only for the one who is shown them; every miss reads those of nobody instead, so
    that the time does not tell whether the person asked about is paid.
    """
    number, name, third = _stored_forms(question)
    counted = guard.count(
        guard.question_counters(question.address, number[:14], name), lifted=question.at_window
    )
    counts = {one.scope: one.stands for one in counted}
    person_key = crypto.blind_index("id_number", number)
    person = queries.person_by_key(person_key)
    tails = queries.tails_of(person.pk)
    is_blocked = blocked_by(counts, at_window=question.at_window)
    found = _matches(person, tails, name, third) and not is_blocked
    shown = person.pk if found else queries.NOBODY
    payments = queries.payments_of(shown)
    reviews, awaited = queries.under_review(shown), queries.awaited(shown)
    changes = queries.changes(shown)
    guard.give_back(counted, int(found))
    outcome = QueryOutcome.FOUND if found else QueryOutcome.BLOCKED if is_blocked else QueryOutcome.MISSED
    _log(outcome, person_key, counted[0].key, question.at_window, len(payments))
    is_busy = counts["everybody"] * SHARDS > LIMITS["everybody"].most
    left = tries_left(counts, at_window=question.at_window)
    return Answer(person if found else None, payments, reviews, awaited, changes, is_busy, left)


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


def _matches(person: Known, paid_to: list[str], name: str, third: str) -> bool:
    """All three agree: the name as registered, and the tail of the card in use or of any card that was paid to, or
    the registered telephone. A telephone is unsealed whether or not there is one, so that both take as long."""
    phone = crypto.decrypt("phone", person.phone or _no_phone())
    tails = [person.card_tail, *paid_to, *[""] * (USUAL_TAILS - len(paid_to))]
    same_name = hmac.compare_digest(plain_name(person.name).encode(), plain_name(name).encode())
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
