"""One 申报册 as it is shown: its lines with what they come to, its notices and meetings, and what can be done with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import django_filters
from django.db.models import BooleanField, Case, Count, Q, QuerySet, Sum, Value, When
from django.shortcuts import get_object_or_404
from django.urls import reverse

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.steps import Step
from huimin.core.desk import lists, pages
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest
from huimin.core.desk.pages import Check, Nothing, Panel, Stat
from huimin.core.errors import Refused
from huimin.core.values.days import day_text
from huimin.core.values.periods import Period
from huimin.core.work import workflow
from recipients import forms, queries
from recipients.models import Declaration, DeclarationLine, Notice, RecordStatus
from recipients.queries import notice_days
from recipients.rules import amounts, odd_quantity
from recipients.services import review
from recipients.states import DECLARATION_FLOW, EXCLUDE_ROLES, MAKER_ROLES, NOTICE_STATES, DeclarationStatus
from recipients.views.notices import withdrawing
from recipients.views.stations import stations
from subsidies.rules import Rule

# what is excluded is listed and not added up: one sum on the page, as on the notice
_KEPT = Q(excluded_at_level="")
_SORTS = {"no": "line_no", "amount": ("amount", "line_no"), "name": ("beneficiary__name_key", "line_no")}


def visible(request: StaffRequest, pk: int) -> Declaration:
    """A book in reach, with what every page of it needs."""
    rows = Declaration.objects.visible_to(request.user)
    return get_object_or_404(rows.select_related("policy", "version", "made_by", "payment_round"), pk=pk)


def url_of(pk: int) -> str:
    """Where the book is shown."""
    return reverse("recipients:declaration-detail", args=[pk])


class LineFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(label="享受人", field_name="beneficiary__name", lookup_expr="startswith")
    state = django_filters.ChoiceFilter(
        label="明细", choices=[("in", "在册"), ("out", "已剔除"), ("look", "要看")], method="by_state"
    )

    def by_state(self, rows: QuerySet[Any], _: str, value: str) -> QuerySet[Any]:
        if value == "look":
            return rows.filter(is_look=True, excluded_at_level="")
        return rows.filter(excluded_at_level="") if value == "in" else rows.exclude(excluded_at_level="")


def lines_of(one: Declaration) -> QuerySet[DeclarationLine]:
    """Its lines as they are shown, each with whether its quantity is odd, and whether it is to be looked at at all."""
    rows = one.lines.select_related("beneficiary__household", "payee", "excluded_by")
    marked = queries.odd_quantities(rows, one).annotate(is_look=_flag(queries.worth_a_look(one)))
    return marked.defer("beneficiary__phone", "payee__phone", "payee__id_number")


def _flag(what: Q) -> Case:
    return Case(When(what, then=Value(True)), default=Value(False), output_field=BooleanField())


def shown(request: StaffRequest, one: Declaration, **more: Any) -> dict[str, Any]:
    """The whole page; `more` is what came of an upload."""
    rule = amounts.rule_of(one.version)
    return {
        "one": one,
        "place": queries.place_names([one.division_code])[one.division_code],
        "stations": stations(one),
        "stats": _stats(one),
        "history": history(one, nobody=""),
        "action_key": str(uuid4()),
        "refusal": "",
        "faults": [],
        **_lines(request, one, rule),
        **_making(request, one, rule),
        **_reviewing(request, one),
        **more,
    }


def _lines(request: StaffRequest, one: Declaration, rule: Rule) -> dict[str, Any]:
    """The list, each line with how its amount comes about and what is odd about it."""
    context = lists.listing(
        request,
        lines_of(one),
        sorts=_SORTS,
        default="no",
        filterset=LineFilter,
        totals={
            "quantity": Sum("quantity", filter=_KEPT, default=Decimal(0)),
            "amount": Sum("amount", filter=_KEPT, default=Decimal(0)),
        },
        export=reverse("recipients:declaration-lines-export", args=[one.pk]),
    )
    period = one.when
    for line in context["page"]:
        line.working = _working(rule, period, line)
        line.odd = odd_quantity(line.quantity, earlier=line.earlier, usual=line.usual)
        line.not_paid = _not_paid(line) if line.is_look and not line.excluded_reason else ""
    context["nothing"] = Nothing("册里还没有明细", "可以逐人录入、导入表格，或从上期带入。")
    return context


def _not_paid(line: DeclarationLine) -> str:
    """Why nobody would be paid of this line as the records stand; empty where nothing is amiss with them."""
    if line.beneficiary.died_on:
        return f"{day_text(line.beneficiary.died_on)}已登记死亡"
    out = [who for who in (line.beneficiary, line.payee) if who.status != RecordStatus.NORMAL]
    return f"{out[0].name}的档案{out[0].get_status_display()}着，恢复以前不发" if out else ""


def _making(request: StaffRequest, one: Declaration, rule: Rule) -> dict[str, Any]:
    """What whoever compiles it is offered while it is a draft."""
    may_make = scope.holds(
        request.user, MAKER_ROLES, division_code=one.division_code, policy_id=one.policy_id
    )
    return {
        "is_draft": one.status == DeclarationStatus.DRAFT and may_make,
        "line_form": forms.LineForm(facts=rule.facts, quantity_label=one.version.quantity_label),
        "sheet_form": forms.LinesSheetForm(),
    }


def _reviewing(request: StaffRequest, one: Declaration) -> dict[str, Any]:
    """The paper that hangs or is to hang, who met and signed, and the buttons."""
    standing = review.standing_notice(one) if one.status in NOTICE_STATES else None
    may_post = one.status in NOTICE_STATES and standing is None and _may_post(request, one)
    return {
        "panel": _panel(request, one, standing),
        "may_exclude": _may_exclude(request, one),
        "standing": standing,
        "may_post": may_post,
        "post_form": forms.PostNoticeForm(initial={"starts_on": clock.today()}),
        "term": notice_days.term_of(one.version).label,
        "term_warning": _term_warning(one, standing, may_post),
        "notices": one.notices.order_by("-pk"),
        "signatures": one.signatures.filter(revision=one.revision).select_related("signed_by"),
        "meetings": one.deliberations.select_related("recorded_by").order_by("-pk"),
    }


def _working(rule: Rule, period: Period, line: DeclarationLine) -> str:
    try:
        return amounts.work_out(
            rule,
            period,
            quantity=line.quantity,
            facts=line.facts,
            born=line.beneficiary.birth_date,
        ).working
    except Refused as refused:
        return str(refused)


def _stats(one: Declaration) -> list[Stat]:
    found = one.lines.aggregate(
        people=Count("pk", filter=Q(excluded_at_level="")),
        total=Sum("amount", filter=Q(excluded_at_level=""), default=Decimal(0)),
        out=Count("pk", filter=~Q(excluded_at_level="")),
    )
    kept = queries.odd_quantities(one.lines.filter(excluded_at_level=""), one)
    odd = kept.filter(queries.worth_a_look(one)).count()
    return [
        Stat("在册", f"{found['people']:,}", "人"),
        Stat(
            "金额",
            f"{found['total']:,.2f}",
            "元",
            f"{one.version.standard_text}，逐人四舍五入后相加",
            is_key=True,
        ),
        Stat("剔除", f"{found['out']:,}", "人"),
        Stat("要看", f"{odd:,}", "人", "数量与上期或多数人差得多，或者档案停用、已去世；在“明细”里选“要看”"),
    ]


def _may_exclude(request: StaffRequest, one: Declaration) -> bool:
    roles = EXCLUDE_ROLES.get(DeclarationStatus(one.status), frozenset())
    if one.status == DeclarationStatus.COUNTY_REVIEW:
        signing = (DECLARATION_FLOW[f"sign_{party}"].roles for party in one.version.joint_parties)
        roles = roles.intersection(frozenset().union(*signing))
        if review.signed_refusal(one):
            return False
    return scope.holds(request.user, roles, division_code=one.division_code, policy_id=one.policy_id)


def _may_post(request: StaffRequest, one: Declaration) -> bool:
    roles = DECLARATION_FLOW[f"post_{one.status}"].roles
    return scope.holds(request.user, roles, division_code=one.division_code, policy_id=one.policy_id)


def _term_warning(one: Declaration, standing: Notice | None, may_post: bool) -> str:
    """Of the paper that hangs, or of the one that would be posted today."""
    if standing:
        return notice_days.warning_of(standing)
    return notice_days.warning_before(one.version, clock.today()) if may_post else ""


def _panel(request: StaffRequest, one: Declaration, standing: Notice | None) -> Panel:
    found = workflow.actions(one, DECLARATION_FLOW, actor=request.user, also=lambda step: _waits(one, step))
    buttons = pages.acts(
        [action for action in found if action.step.name != "return_notice"],
        lambda name: reverse("recipients:declaration-step", args=[one.pk, name]),
    )
    buttons += withdrawing(request, standing)
    if one.lines.exists():
        buttons += pages.acts(
            workflow.acts(one, DECLARATION_FLOW, "clear", actor=request.user),
            lambda _: reverse("recipients:declaration-clear", args=[one.pk]),
        )
    deliberating = any(action.step.name == "deliberate" and not action.refused for action in found)
    return Panel(
        "办理",
        buttons,
        hint="编制这一册的人不能审核、会签，也不能答复对它的异议。",
        checks=_checks(one),
        form=_meeting_form(request, one) if deliberating else None,
        note_label="评议结论" if deliberating else "办理意见",
        drawn=workflow.drawn(one),
    )


def _checks(one: Declaration) -> list[Check]:
    """Who would not be paid as the records stand: told at every level, since only the submission refuses them."""
    count = queries.not_paid_lines(one).count()
    if not count:
        return []
    said = f"档案停用、已去世的 {count:,} 人：照样审核确认，恢复以前、去世以后不发。审核时可以剔除"
    return [Check(said, "warn", "看名单", f"{url_of(one.pk)}?state=look")]


def _meeting_form(request: StaffRequest, one: Declaration) -> forms.DeliberationForm:
    refused = getattr(request, "refused_form", None)
    if isinstance(refused, forms.DeliberationForm):
        return refused
    return forms.DeliberationForm(meetings=review.meetings_of(one))


def _waits(one: Declaration, step: Step) -> str:
    # the meeting is recorded by the same button that goes on
    return "" if step.name == "deliberate" else review.blocked(one, step)
