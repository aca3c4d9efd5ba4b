"""Does the time of an answer on 我的补贴 tell who is paid? Asks in turn, compares by Mann-Whitney, keeps nothing.

With the demo's database up: `python3 run.py manage shell -c "from tools.question_times import main; main()"`. Every
question runs in a transaction that is rolled back. Each kind of miss is held against an unknown person; a p below 0.01
means that somebody with a clock can tell them apart.
"""

from __future__ import annotations

import gc
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from django.db import connection, transaction

from disbursement.models import PaymentLine
from huimin.core.values.identity import check_digit
from publicity.services import Question, answer_question
from recipients.models import Person

SAMPLES = 1_500
LEAST_P = 0.01
UNKNOWN = "unknown person"
_dice = random.SystemRandom()


class _RolledBack(Exception):
    """Ends the transaction of a question."""


def seconds_of(question: Question) -> float:
    """How long the services take; what they wrote is gone afterwards."""
    try:
        with transaction.atomic():
            began = time.perf_counter()
            answer_question(question)
            took = time.perf_counter() - began
            raise _RolledBack
    except _RolledBack:
        return took


def mann_whitney(left: Sequence[float], right: Sequence[float]) -> tuple[float, float]:
    """Two-sided p (normal approximation) and the share of pairs in which `right` is slower."""
    ranked = sorted([(value, 0) for value in left] + [(value, 1) for value in right])
    ranks, place = 0.0, 0
    while place < len(ranked):
        end = place
        while end < len(ranked) and ranked[end][0] == ranked[place][0]:
            end += 1
        ranks += (place + end + 1) / 2 * sum(side for _, side in ranked[place:end])
        place = end
    n, m = len(left), len(right)
    u = ranks - m * (m + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2)), u / (n * m)


def _address() -> str:
    return f"10.{_dice.randrange(256)}.{_dice.randrange(256)}.1"


def _number() -> str:
    body = f"99{_dice.randrange(10_000):04d}19{_dice.randrange(40, 99)}0101{_dice.randrange(1_000):03d}"
    return body + check_digit(body)


def kinds() -> dict[str, Callable[[], Question]]:
    """Kind of miss -> the next question of that kind, about people without payments and those with the most."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT beneficiary_id FROM disbursement_paymentline GROUP BY 1 ORDER BY count(*) DESC LIMIT 200"
        )
        paid_ids = [row[0] for row in cursor.fetchall()]
    paid = list(Person.objects.filter(pk__in=paid_ids))
    never = Person.objects.exclude(pk__in=PaymentLine.objects.values("beneficiary_id"))
    unpaid = list(never.filter(accounts__is_active=True)[:2_000])
    if not paid or not unpaid:
        sys.exit("needs people with and without payments: seed the demo first")

    def one_of(people: list[Person], name: str = "", tail: str = "0000") -> Question:
        person = _dice.choice(people)
        return Question(name or person.name, person.id_number, tail, _address())

    return {
        UNKNOWN: lambda: Question("张三丰", _number(), "0000", _address()),
        "malformed": lambda: Question("张三丰", "abc", "zz", _address()),
        "wrong name": lambda: one_of(unpaid, name="张三丰"),
        "wrong card, never paid": lambda: one_of(unpaid),
        "wrong card, paid most often": lambda: one_of(paid),
        "wrong name, paid most often": lambda: one_of(paid, name="张三丰"),
    }


def main(samples: int = SAMPLES) -> bool:
    """Print a line for each kind; whether none can be told from an unknown person."""
    asked = kinds()
    times: dict[str, list[float]] = {kind: [] for kind in asked}
    gc.disable()
    for turn in range(samples + 50):  # the first fifty warm the caches up
        for kind in _dice.sample(list(asked), len(asked)):
            took = seconds_of(asked[kind]())
            if turn >= 50:
                times[kind].append(took)
        if turn % 100 == 0:
            gc.collect()
    gc.enable()
    print(f"{samples} questions of each kind; against {UNKNOWN}")
    held = True
    for kind, sample in times.items():
        p, slower = mann_whitney(times[UNKNOWN], sample)
        held &= kind == UNKNOWN or p > LEAST_P
        median = statistics.median(sample) * 1_000
        print(f"{kind:30} median {median:7.3f} ms   p = {p:.2g}   slower in {slower:.3f} of pairs")
    print("held" if held else "NOT held: somebody with a clock can tell")
    return held
