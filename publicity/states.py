from django.db.models import TextChoices

from huimin.core.authority.roles import Role
from huimin.core.authority.steps import Workflow, step
from huimin.core.values.badges import Kind, StateChoices


class DisclosureStatus(StateChoices):
    PUBLISHED = "published", Kind.OK, "已公开"
    WITHDRAWN = "withdrawn", Kind.OFF, "已撤下"


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
    acts=(step("publish", "公开这份名单", [], DisclosureStatus.PUBLISHED, PUBLISHERS),),
)

FLOWS = (DISCLOSURE_FLOW,)


class LineState(StateChoices):
    """What became of a payment, in the words that the public reads (ui: 群众看到的)."""

    PAID = "paid", Kind.OK, "已到账"
    AT_BANK = "at_bank", Kind.BANK, "银行正在发"
    IN_HAND = "in_hand", Kind.DOING, "正在办"
    FAILED = "failed", Kind.BAD, "没有发成功"
    STOPPED = "stopped", Kind.OFF, "停发"
    REFUNDED = "refunded", Kind.OFF, "已退还"


class QueryOutcome(TextChoices):
    """How a question of the public ended; only the log knows, the page says one sentence for all misses."""

    FOUND = "found", "查到"
    MISSED = "missed", "没有查到"
    BLOCKED = "blocked", "超过次数"
