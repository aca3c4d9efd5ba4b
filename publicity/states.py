from django.db.models import TextChoices

from huimin.core.authority.roles import Role
from huimin.core.authority.steps import Workflow, step


class DisclosureStatus(TextChoices):
    PUBLISHED = "published", "已公开"
    WITHDRAWN = "withdrawn", "已撤下"


DISCLOSURE_BADGES = {DisclosureStatus.PUBLISHED: "ok", DisclosureStatus.WITHDRAWN: "off"}

# publishing makes the row, so it is no step of the row
PUBLISHERS = frozenset({Role.DEPARTMENT_CLERK})

DISCLOSURE_FLOW = Workflow(
    "publicity.disclosure",
    "发放公开",
    (
        step(
            "withdraw",
            "撤下公开名单",
            [DisclosureStatus.PUBLISHED],
            DisclosureStatus.WITHDRAWN,
            PUBLISHERS,
            needs_note=True,
            style="danger",
        ),
    ),
)

FLOWS = (DISCLOSURE_FLOW,)


class LineState(TextChoices):
    """What became of a payment, in the words that the public reads (ui: 群众看到的)."""

    PAID = "paid", "已到账"
    AT_BANK = "at_bank", "银行正在发"
    IN_HAND = "in_hand", "正在办"
    FAILED = "failed", "没有发成功"
    STOPPED = "stopped", "停发"
    REFUNDED = "refunded", "已退还"


LINE_BADGES = {
    LineState.PAID: "ok",
    LineState.AT_BANK: "bank",
    LineState.IN_HAND: "doing",
    LineState.FAILED: "bad",
    LineState.STOPPED: "off",
    LineState.REFUNDED: "off",
}


class QueryOutcome(TextChoices):
    """How a question of the public ended; only the log knows, the page says one sentence for all misses."""

    FOUND = "found", "查到"
    MISSED = "missed", "没有查到"
    BLOCKED = "blocked", "超过次数"
