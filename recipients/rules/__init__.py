"""Rules without a database: commitments, review levels, the day a right stops, the vote of a deliberation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from huimin.core.values.days import day_text
from huimin.core.values.identity import plain_name
from recipients.states import REVIEW_ORDER, DeclarationStatus
from subsidies.models import StopRule
from subsidies.rules.levels import ReviewTerms, levels_of

# a notice line has no private part: its leaf binds the digest of nothing (huimin.core.values.digests)
NO_PRIVATE_PART = sha256(b"").digest()

# said of a notice that was posted before its policy came to protect names
NAMES_IN_FULL = "政策已改为保护隐私，只公示姓氏，这份公示写着全名，网上已不显示。请从墙上揭下，由另一个人撤回登记，再重新张贴满天数。"

# a paper is registered when it is hung, or a few days before; another first day is a slip of the finger
DAYS_AHEAD = 7

# a meeting of fewer is none: the smallest group that any rule we know of allows (民主评议, domain d3)
MEMBERS_AT_LEAST = 7

# a quantity is looked at when it is this many times last period's or less than its part, or far above the usual
TIMES_EARLIER, TIMES_USUAL = 2, 5


def odd_quantity(quantity: Decimal, *, earlier: Decimal | None, usual: Decimal | None) -> str:
    """Why a quantity wants a second look, against the person's own of before or else what is usual; empty when it does not.

    queries.odd_quantities says the same to the database.
    """
    if earlier:
        odd = quantity > earlier * TIMES_EARLIER or quantity * TIMES_EARLIER < earlier
        return f"上期 {plain(earlier)}，差得多" if odd else ""
    if usual and quantity > usual * TIMES_USUAL:
        return f"多数人在 {plain(usual)} 上下，差得多"
    return ""


_RATE = re.compile(r"元/([^/·]+)")


def quantity_words(label: str, rate: str) -> tuple[str, str]:
    """What a list says of its quantities: their name, and the unit out of 元/亩·年.

    No name where the unit is a household or a person and none is given: how many there are is said already.
    """
    found = _RATE.match(rate)
    unit = found[1] if found else ""
    return label or ("" if unit in _COUNTED else unit and "数量"), unit


_COUNTED = frozenset({"", "户", "人"})


def plain(quantity: Decimal) -> str:
    """3.5000 as 3.5."""
    text = f"{quantity:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def commit(salt: UUID, private: str) -> bytes:
    """What stands for a private number inside verification codes; see commitment()."""
    return commitment(salt.bytes, private)


def commitment(salt: bytes, private: str) -> bytes:
    """sha256(16 salt bytes ‖ the number in UTF-8).

    The one place where Person.id_commitment and Account.number_commitment are computed; lists copy them in SQL.
    """
    return sha256(salt + private.encode()).digest()


RELATION_LENGTH = 20  # letters that say whose account it is, where it is a stranger's


def is_strangers(account_name: str, *, own: str, head: str) -> bool:
    """Whether an account is named after neither the person nor the head of the household."""
    return plain_name(account_name) not in (plain_name(own), plain_name(head))


def strangers_in_sql(account_name: str, own: str, head: str) -> str:
    """The same of three columns; `head` is NULL where the household has none."""
    name, mine, theirs = (f"regexp_replace({one}, '（[大小]）$', '')" for one in (account_name, own, head))
    return f"({name} <> {mine} AND {name} IS DISTINCT FROM {theirs})"


def next_level(version: ReviewTerms, status: str, *, objected: bool) -> DeclarationStatus:
    """The first level after `status` that the policy asks for; 已确认 when none is left.

    A trigger of Declaration refuses to pass over a level that is asked for.
    """
    asked = {str(level) for level in levels_of(version, objected=objected)} | {
        str(DeclarationStatus.CONFIRMED)
    }
    return next(level for level in _after(status) if level in asked)


def skipped_levels(status: str, target: str) -> list[DeclarationStatus]:
    """What lies between two levels and was passed over, for the trail."""
    levels = list(_after(status))
    return levels[: levels.index(DeclarationStatus(target))]


def _after(status: str) -> Iterable[DeclarationStatus]:
    if status == DeclarationStatus.DRAFT:
        return REVIEW_ORDER
    return REVIEW_ORDER[REVIEW_ORDER.index(DeclarationStatus(status)) + 1 :]


@dataclass(frozen=True, slots=True)
class Votes:
    """民主评议 as it was held; the numbers are people. `representatives` are those among the members."""

    held_on: date
    place: str
    host: str
    members: int
    representatives: int
    present: int
    agreed: int
    against: int
    abstained: int
    conclusion: str = ""
    excused: str = ""
    again_because: str = ""


@dataclass(frozen=True, slots=True)
class Meetings:
    """When a meeting on a list can have been held: `since` it was submitted, after the last that `failed`."""

    since: date
    today: date
    failed: date | None = None


def meeting_faults(given: Mapping[str, Any], terms: Meetings) -> dict[str, str]:
    """What is wrong with a meeting, by the field of Votes; what is not given yet is not judged.

    Constraints and a trigger of DeliberationRecord refuse the same (docs/decisions/0013).
    """
    found: dict[str, str] = {}
    for field, needs, wrong, said in _MEETING:
        if field not in found and all(isinstance(given.get(name), int) for name in needs) and wrong(given):
            found[field] = said
    if (day := given.get("held_on")) and (reason := _wrong_day(day, terms)):
        found["held_on"] = reason
    if terms.failed and not (given.get("again_because") or "").strip():
        found["again_because"] = "上一次没有通过，请写明为什么再评议"
    return found


def _wrong_day(day: date, terms: Meetings) -> str:
    if day > terms.today:
        return "评议日期不能晚于今天"
    if day < terms.since:
        return f"评议日期不能早于送审的那天（{day_text(terms.since)}）：那时还没有这份名单"
    if terms.failed and day <= terms.failed:
        return f"{day_text(terms.failed)}的评议没有通过，再评议要在这以后的日子"
    return ""


_Given = Mapping[str, Any]
# (field, numbers it needs, what is wrong, words): 民主评议, domain d3
_MEETING: tuple[tuple[str, tuple[str, ...], Callable[[_Given], bool], str], ...] = (
    (
        "members",
        ("members",),
        lambda it: it["members"] < MEMBERS_AT_LEAST,
        f"评议小组不能少于 {MEMBERS_AT_LEAST} 人",
    ),
    (
        "representatives",
        ("representatives", "members"),
        lambda it: it["representatives"] > it["members"],
        "村（居）民代表不能多于应到人数",
    ),
    (
        "representatives",
        ("representatives", "members"),
        lambda it: it["representatives"] * 3 < it["members"] * 2,
        "村（居）民代表不足应到的三分之二，评议无效",
    ),
    (
        "present",
        ("present", "members"),
        lambda it: it["present"] > it["members"],
        "实到人数不能多于应到人数",
    ),
    (
        "present",
        ("present", "members"),
        lambda it: it["present"] * 3 < it["members"] * 2,
        "实到人数不足应到的三分之二，评议无效",
    ),
    (
        "agreed",
        ("agreed", "against", "abstained", "present"),
        lambda it: it["agreed"] + it["against"] + it["abstained"] != it["present"],
        "同意、不同意、弃权票数之和应等于实到人数",
    ),
)


def vote_passes(*, present: int, agreed: int) -> bool:
    """At least two thirds of those present agree (民主评议, domain d3)."""
    return present > 0 and agreed * 3 >= present * 2


def stops_on(rule: str, happened: date) -> date:
    """The first day for which nothing more is due after a death, a move or another cause on that day."""
    if rule == StopRule.NEXT_DAY:
        return happened + timedelta(days=1)
    months = {
        StopRule.SAME_MONTH: 0,
        StopRule.NEXT_MONTH: 1,
        StopRule.NEXT_QUARTER: 3 - (happened.month - 1) % 3,
        StopRule.NEXT_YEAR: 13 - happened.month,
    }[StopRule(rule)]
    month = happened.month - 1 + months
    return date(happened.year + month // 12, month % 12 + 1, 1)
