"""The A3 paper of a paid list for the village wall, with the code that compares it with web and bank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.urls import reverse

from huimin.core.printing.documents import render_pdf
from huimin.core.templatetags.huimin import day, quantity
from huimin.core.values.digests import spaced
from huimin.core.values.money import format_yuan
from huimin.core.values.periods import Period
from publicity import queries
from publicity.models import Disclosure, DisclosureLine

PER_PAGE = 102  # as templates/print/disclosure_poster.typ lays it out
Absolute = Callable[[str], str]


def verify_url(absolute: Absolute, disclosure: Disclosure) -> str:
    """What the QR code says; `absolute` is the request's build_absolute_uri."""
    return absolute(reverse("publicity:verify-code", args=[disclosure.code]))


def poster(absolute: Absolute, disclosure: Disclosure, code: str) -> bytes:
    lines = list(queries.lines_at(disclosure, code))
    sums = queries.sums_of(queries.lines_at(disclosure, code))
    place = queries.place_title(code)
    version, policy = disclosure.batch.version, disclosure.policy
    return render_pdf(
        "disclosure_poster",
        {
            "title": f"{place}{disclosure.title}发放名单",
            "policy": policy.name,
            "period": Period.parse(disclosure.period).label,
            "standard": version.standard_text,
            "basis": policy.basis,
            "columns": ["序号", "姓名", version.quantity_label or "数量", "金额（元）"],
            "rows": [_row(line) for line in lines],
            "pages": [_subtotal(lines[at : at + PER_PAGE]) for at in range(0, len(lines), PER_PAGE)],
            "total_count": f"{sums['count']:,}",
            "total_amount": format_yuan(sums["total"]),
            "paid_count": f"{sums['paid_count']:,}",
            "paid_amount": format_yuan(sums["paid_total"]),
            "published_on": day(disclosure.published_on),
            "offices": [{"who": office.name, "phone": office.phone} for office in queries.offices_at(code)],
            "code": spaced(disclosure.code),
            "root": disclosure.root,
            "place": place,
            "qr": verify_url(absolute, disclosure),
        },
    )


def _row(line: DisclosureLine) -> list[str]:
    """What did not arrive says so beside the name, since the paper has no room for another column."""
    name = line.shown_name if line.state == "paid" else f"{line.shown_name}（{line.get_state_display()}）"
    return [str(line.line_no), name, quantity(line.quantity), format_yuan(line.amount)]


def _subtotal(lines: Sequence[DisclosureLine]) -> dict[str, Any]:
    return {
        "count": len(lines),
        "amount": format_yuan(sum((line.amount for line in lines), start=Decimal(0))),
    }
