"""Rules without a database: commitments, review levels, the day a right stops, the vote of a deliberation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

from recipients.states import REVIEW_ORDER, DeclarationStatus
from subsidies.models import StopRule
from subsidies.rules.levels import ReviewTerms, levels_of

# a notice line has no private part: its leaf binds the digest of nothing (huimin.core.values.digests)
NO_PRIVATE_PART = sha256(b"").digest()

# said of a notice that was posted before its policy came to protect names
NAMES_IN_FULL = "政策已改为保护隐私，只公示姓氏，这份公示写着全名，网上已不显示。请从墙上揭下，由另一个人撤回登记，再重新张贴满天数。"

# a paper is registered when it is hung, or a few days before; another first day is a slip of the finger
DAYS_AHEAD = 7

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


def is_strangers(account_name: str, *, own: str, head: str) -> bool:
    """Whether an account is named after neither the person nor the head of the household."""
    return account_name not in (own, head)


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


def vote_passes(*, present: int, agreed: int) -> bool:
    """At least two thirds of those present agree (民主评议, domain d3)."""
    return present > 0 and agreed * 3 >= present * 2


def stops_on(rule: str, happened: date) -> date:
    """The first day for which nothing more is due after a death, a move or another cause on that day."""
    months = {
        StopRule.SAME_MONTH: 0,
        StopRule.NEXT_MONTH: 1,
        StopRule.NEXT_QUARTER: 3 - (happened.month - 1) % 3,
        StopRule.NEXT_YEAR: 13 - happened.month,
    }[StopRule(rule)]
    month = happened.month - 1 + months
    return date(happened.year + month // 12, month % 12 + 1, 1)
