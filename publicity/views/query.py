"""我的补贴: three things are asked, one sentence answers every miss, and nothing is kept."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from huimin.core import clock
from huimin.core.bankformats.reasons import Reason, reason_of
from huimin.core.desk.http import public
from huimin.core.values.days import day_text
from huimin.core.values.periods import Period
from publicity import services
from publicity.forms import WRONG_SUM, QueryForm, WindowForm
from publicity.queries import Awaited, OwnPayment, UnderReview
from publicity.rules import (
    STAGE_WORDS,
    TURNS,
    awaited_words,
    change_words,
    dead_words,
    miss_text,
    paused_review_words,
    turn_words,
)
from publicity.services import Answer, Question
from publicity.states import LineState
from publicity.views.shell import PublicRequest, private_page, show

CLEAR_SECONDS = 180
_COOKIE, _SALT = "window", "publicity.window"
_WINDOW_SECONDS = 12 * 3600
_CARD = {LineState.PAID: "ok", LineState.FAILED: "bad"}


@public
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@private_page
def query(request: PublicRequest) -> HttpResponse:
    """GET shows the form; POST answers. After a miss the name alone is written back into the page."""
    form = QueryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if services.settle_challenge(form.cleaned_data["token"], form.cleaned_data["answer"]):
            return _answered(request, form)
        form.add_error("answer", WRONG_SUM)
    form.ask(services.new_challenge())
    return show(request, "publicity/query.html", {"form": form, "miss": "", "at_window": _at_window(request)})


def _answered(request: PublicRequest, form: QueryForm) -> HttpResponse:
    at_window = _at_window(request)
    given = form.cleaned_data
    question = Question(
        given["name"], given["id_number"], given["tail_or_phone"], request.client_ip, at_window=at_window
    )
    answer = services.answer_question(question)
    if answer.person is None:
        # a fresh form without the numbers: the page is the same for every miss
        fresh = QueryForm(initial={"name": given["name"]})
        fresh.ask(services.new_challenge(hard=answer.is_busy))
        miss = miss_text(answer.tries_left)
        return show(request, "publicity/query.html", {"form": fresh, "miss": miss, "at_window": at_window})
    return show(request, "publicity/result.html", _result_context(answer, given["id_number"]))


@dataclass(frozen=True, slots=True)
class Card:
    """One payment in plain words; `reason` where it did not arrive and the card is in the way, `act` where else to ask."""

    payment: OwnPayment
    period: str
    label: str
    badge: str
    look: str
    reason: Reason | None = None
    act: str = ""


def _when(one: OwnPayment | UnderReview) -> str:
    """The period in words; of a one-off with what it was for: 2026年第3次：7月洪灾救助."""
    label = Period.parse(one.period).label
    return f"{label}：{one.event}" if one.event else label


def _days(one: Awaited) -> str:
    """Which days wait: 2026年10月1日到2026年11月30日的, 2026年12月1日以后的."""
    if one.since is None:
        return ""
    if one.until is None:
        return f"{day_text(one.since)}以后的"
    return f"{day_text(one.since)}到{day_text(one.until - timedelta(days=1))}的"


def _card(payment: OwnPayment, office: str) -> Card:
    turn = payment.turn or payment.state
    if turn in TURNS:
        label, act = turn_words(turn, office=office, card=payment.new_tail)
        badge, look = ("doing", "doing") if payment.is_under_way else ("todo", "bad")
        return Card(payment, _when(payment), label, badge, look, act=act)
    return Card(
        payment,
        _when(payment),
        payment.state.label,
        payment.state.badge,
        _CARD.get(payment.state, "doing"),
        reason_of(payment.reason) if payment.needs_help else None,
    )


def _result_context(answer: Answer, id_number: str) -> dict[str, Any]:
    by_year = sorted(answer.payments, key=lambda one: -one.year)
    office = answer.person.office if answer.person else ""
    years = [
        (year, [_card(one, office) for one in group])
        for year, group in groupby(by_year, key=lambda one: one.year)
    ]
    newest = years[0][0] if years else clock.today().year
    arrived = [one for one in by_year if one.year == newest and one.state == LineState.PAID]
    return {
        "person": answer.person,
        "id_number": id_number,
        "years": years,
        "newest": newest,
        "arrived_total": sum((one.amount for one in arrived), start=Decimal(0)),
        "arrived_count": len(arrived),
        "failed_count": sum(one.needs_help for one in by_year),
        "waiting_count": sum(one.is_under_way for one in by_year),
        "dead": dead_words(office=office) if answer.person and answer.person.is_dead else None,
        "reviews": [(one, STAGE_WORDS[one.status], _when(one)) for one in answer.reviews],
        "paused_review": paused_review_words(office=office),
        "awaited": [
            (one, _days(one), *awaited_words(one.hindrance, own_account=one.own_account, office=office))
            for one in answer.awaited
            if one.hindrance != "suspended"  # told by its suspension, with its days
        ],
        "changes": [
            (
                one,
                *change_words(
                    one.kind, day_text(one.since), day_text(one.until) if one.until else "", office=office
                ),
            )
            for one in answer.changes
        ],
        "clear_seconds": CLEAR_SECONDS,
    }


@public
@require_safe
@private_page
def cleared(request: PublicRequest) -> HttpResponse:
    """Where the button and the timer lead: the browser is asked to forget what it kept of this site."""
    response = show(request, "publicity/cleared.html", {})
    response["Clear-Site-Data"] = '"cache"'
    return response


# --- service windows: many people ask behind one address ---------------------------------------------------------------


@public
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@private_page
def window(request: PublicRequest) -> HttpResponse:
    """A service point's computer tells its token once a day; the limits by address then do not hold it up."""
    form = WindowForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        allowed = services.count_use("window", request.client_ip)
        if allowed and _is_token(form.cleaned_data["token"].strip()):
            response = redirect("publicity:query")
            response.set_cookie(
                _COOKIE,
                signing.dumps(_fingerprint(), salt=_SALT),
                max_age=_WINDOW_SECONDS,
                httponly=True,
                samesite="Strict",
                secure=request.is_secure(),
            )
            return response
        form.add_error("token", "口令不对，请核对后再填" if allowed else "试得太多了，请过一会儿再填")
    return show(request, "publicity/window.html", {"form": form})


def _is_token(text: str) -> bool:
    return bool(settings.WINDOW_TOKEN) and hmac.compare_digest(text.encode(), settings.WINDOW_TOKEN.encode())


def _fingerprint() -> str:
    """Binds the cookie to the present token: another token ends every window's cookie."""
    return signing.Signer(salt=_SALT).signature(settings.WINDOW_TOKEN)


def _at_window(request: PublicRequest) -> bool:
    try:
        told = signing.loads(request.COOKIES.get(_COOKIE, ""), salt=_SALT, max_age=_WINDOW_SECONDS)
    except signing.BadSignature:
        return False
    return bool(settings.WINDOW_TOKEN) and hmac.compare_digest(str(told), _fingerprint())
