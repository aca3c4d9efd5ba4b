"""支付申请书: the order on paper, for the file of the treasury and the signatures that stand outside the system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from disbursement.models import OrderIndicator, Roster
from disbursement.queries import rosters_of, totals_of
from disbursement.states import OrderStatus
from huimin.core.models import Division
from huimin.core.printing.documents import render_pdf
from huimin.core.values.money import capital_yuan, format_yuan
from huimin.core.values.periods import Period

if TYPE_CHECKING:
    from disbursement.models import PaymentOrder

_SIGNERS = ["编制人", "财政复核", "国库支付签章", "分管领导"]
_NOT_VALID = "本申请已作废，不得支付。"


def order_paper(order: PaymentOrder, *, url: str) -> bytes:
    """The A4 paper as PDF, one page for a few dozen townships; `url` of the order's page stands in the QR code."""
    made = timezone.localtime(order.created_at)
    rosters = list(rosters_of(order).select_related("batch"))
    return render_pdf(
        "payment_order",
        {
            "title": "支付申请书",
            "number": order.number,
            "date": f"{made.year}年{made.month}月{made.day}日",
            "payer": str(order.made_by.office or ""),
            "payer_account": "惠民惠农补贴资金专户",
            "payee_bank": order.bank.name,
            "purpose": order.remark,
            "policy": str(order.policy),
            "period": "、".join(dict.fromkeys(Period.parse(one.batch.period).label for one in rosters)),
            "count": f"{order.line_count:,}",
            "total": format_yuan(order.total),
            "total_words": capital_yuan(order.total),
            "indicators": _indicators(order),
            "rosters": _towns(order, rosters),
            "digest": order.content_hash,
            "signers": _SIGNERS,
            "note": _note(order),
            "qr": url,
        },
    )


def _indicators(order: PaymentOrder) -> list[dict[str, Any]]:
    return [
        {
            "number": one.indicator.document_number,
            "name": one.indicator.name,
            "amount": format_yuan(one.amount),
        }
        for one in OrderIndicator.objects.filter(order=order).select_related("indicator")
    ]


def _towns(order: PaymentOrder, rosters: list[Roster]) -> list[dict[str, Any]]:
    names = Division.objects.names({one.division_code for one in rosters})
    totals = totals_of(order)
    return [
        {
            "town": names.get(one.division_code, one.division_code),
            "count": f"{totals[one.pk][0]:,}",
            "amount": format_yuan(totals[one.pk][1]),
        }
        for one in rosters
    ]


def _note(order: PaymentOrder) -> str:
    """What the system knows of the order's way, so that the paper cannot say more than was done."""
    if order.status == OrderStatus.CANCELLED:
        return _NOT_VALID
    if order.signed_by is None or order.signed_at is None:
        return "系统内还没有签章。"
    at = timezone.localtime(order.signed_at)
    return f"系统内已由{order.signed_by}于{at.year}年{at.month}月{at.day}日签章。"
