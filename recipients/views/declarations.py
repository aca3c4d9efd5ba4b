"""申报册: the list, one book with its lines, and every step of its way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import django_filters
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.authority.steps import Step
from huimin.core.desk import lists, pages
from huimin.core.desk.exports import XLSX, download, workbook
from huimin.core.desk.history import history
from huimin.core.desk.http import (
    StaffRequest,
    act_on_form,
    act_once,
    act_with,
    again,
    first_fault,
    opens,
    take_action_key,
    take_step,
)
from huimin.core.desk.pages import Link, Nothing, Panel, Stat
from huimin.core.errors import FileRefused, Refused
from huimin.core.models import Division, Level
from huimin.core.sheets.refusals import together
from huimin.core.sheets.writer import Column
from huimin.core.values import identity
from huimin.core.values.periods import Period
from huimin.core.work import workflow
from recipients import forms, queries
from recipients.files import declaration as sheet
from recipients.models import Declaration, DeclarationLine, Notice
from recipients.rules import odd_quantity, plain, vote_passes
from recipients.services import amounts, declarations, notices, review, terms
from recipients.services.places import roots
from recipients.states import (
    DECLARATION_FLOW,
    EXCLUDE_ROLES,
    MAKER_ROLES,
    NOTICE_STATES,
    DeclarationStatus,
)
from recipients.views.notices import withdrawing
from recipients.views.stations import stations
from subsidies.models import Policy
from subsidies.rules import Rule

_SORTS = {
    "made": "id",
    "period": ("period", "id"),
    "place": ("division_code", "id"),
    "total": ("total", "id"),
}
_LINE_COLUMNS = [
    Column("序号", 8, "integer"),
    Column("享受人", 12),
    Column("身份证号", 22),
    Column("收款人", 12),
    Column("小组", 14),
    Column("数量", 12, "quantity"),
    Column("金额（元）", 14, "amount"),
    Column("剔除原因", 30),
]


class DeclarationFilter(lists.HouseFilterSet):
    policy = django_filters.CharFilter(field_name="policy__name", lookup_expr="icontains", label="政策")
    period = django_filters.CharFilter(label="期次", lookup_expr="istartswith")
    status = django_filters.ChoiceFilter(label="状态", choices=DeclarationStatus.choices)


def _rows(request: StaffRequest) -> QuerySet[Declaration]:
    rows: QuerySet[Declaration] = Declaration.objects.visible_to(request.user)
    return rows.select_related("policy", "made_by")


@opens(Area.REVIEW)
@require_safe
def declaration_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _rows(request),
        sorts=_SORTS,
        default="-made",
        filterset=DeclarationFilter,
        totals={"heads": Sum("people", default=0), "amount": Sum("total", default=Decimal(0))},
        export=reverse("recipients:declaration-export"),
    )
    context["rows"] = queries.with_places(context["page"])
    context["may_make"] = bool(roots(request.user, MAKER_ROLES))
    context["nothing"] = Nothing(
        "没有符合条件的申报册", "可以放宽条件，或新编一册。", [Link("看全部申报册", request.path)]
    )
    return render(request, "recipients/declaration_list.html", context)


@opens(Area.REVIEW)
@require_safe
def declaration_export(request: StaffRequest) -> HttpResponseBase:
    chosen = DeclarationFilter(request.GET, queryset=_rows(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-made")
    columns = [
        Column("政策", 30), Column("期次", 10), Column("乡镇、村", 24), Column("册号", 8, "integer"),
        Column("人数", 10, "integer"), Column("金额（元）", 16, "amount"), Column("状态", 14), Column("编制人", 12),
    ]  # fmt: skip
    rows = (
        (str(one.policy), one.period, one.place_name, one.serial, one.people, one.total, one.get_status_display(),
         str(one.made_by))
        for one in queries.in_places(chosen.qs.order_by(*order.columns))
    )  # fmt: skip
    return workbook(request, "申报册", columns, rows, of=chosen.qs)


@opens(Area.REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def declaration_new(request: StaffRequest) -> HttpResponse:
    mine = roots(request.user, MAKER_ROLES)
    villages = Division.objects.none()
    for root in mine:
        villages = villages | Division.objects.below(root).filter(level=Level.VILLAGE)
    policies = Policy.objects.visible_to(request.user).filter(status="published")
    form = forms.DeclarationForm(request.POST or None, policies=policies, villages=villages)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        made: list[Declaration] = []
        if act_on_form(
            request,
            form,
            lambda: made.append(
                declarations.make_declaration(
                    data["policy"],
                    period=data["period"],
                    division_code=data["division"].pk,
                    actor=request.user,
                    another=data["another"],
                )
            ),
            name="declaration.make",
        ):
            messages.success(request, "已新编一册，请录入或导入明细。")
            return redirect("recipients:declaration-detail", pk=made[0].pk)
    return render(request, "recipients/declaration_new.html", {"form": form, "action_key": str(uuid4())})


def _visible(request: StaffRequest, pk: int) -> Declaration:
    rows = Declaration.objects.visible_to(request.user)
    return get_object_or_404(rows.select_related("policy", "version", "made_by", "payment_round"), pk=pk)


_KEPT = Q(
    excluded_at_level=""
)  # what is excluded is listed and not added up: one sum on the page, as on the notice


class LineFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(label="享受人", field_name="beneficiary__name", lookup_expr="startswith")
    state = django_filters.ChoiceFilter(
        label="明细", choices=[("in", "在册"), ("out", "已剔除"), ("look", "要看")], method="by_state"
    )

    def by_state(self, rows: QuerySet[Any], _: str, value: str) -> QuerySet[Any]:
        if value == "look":
            return rows.filter(is_odd=True, excluded_at_level="")
        return rows.filter(excluded_at_level="") if value == "in" else rows.exclude(excluded_at_level="")


def _lines(one: Declaration) -> QuerySet[DeclarationLine]:
    rows = one.lines.select_related("beneficiary__household", "payee", "excluded_by")
    return queries.odd_quantities(rows, one).defer("beneficiary__phone", "payee__phone", "payee__id_number")


@opens(Area.REVIEW)
@require_safe
def declaration_detail(request: StaffRequest, pk: int) -> HttpResponse:
    one = _visible(request, pk)
    return render(request, "recipients/declaration_detail.html", _detail(request, one))


def _detail(request: StaffRequest, one: Declaration, **forms_given: Any) -> dict[str, Any]:
    context = lists.listing(
        request,
        _lines(one),
        sorts={
            "no": "line_no",
            "amount": ("amount", "line_no"),
            "name": ("beneficiary__name_key", "line_no"),
        },
        default="no",
        filterset=LineFilter,
        totals={
            "quantity": Sum("quantity", filter=_KEPT, default=Decimal(0)),
            "amount": Sum("amount", filter=_KEPT, default=Decimal(0)),
        },
        export=reverse("recipients:declaration-lines-export", args=[one.pk]),
    )
    rule, period = amounts.rule_of(one.version), one.when
    for line in context["page"]:
        line.working = _working(rule, period, line)
        line.odd = odd_quantity(line.quantity, earlier=line.earlier, usual=line.usual)
    may_make = scope.holds(
        request.user, MAKER_ROLES, division_code=one.division_code, policy_id=one.policy_id
    )
    standing = review.standing_notice(one) if one.status in NOTICE_STATES else None
    may_post = one.status in NOTICE_STATES and standing is None and _may_post(request, one)
    return context | {
        "one": one,
        "place": queries.place_names([one.division_code])[one.division_code],
        "stations": stations(one),
        "stats": _stats(one),
        "panel": _panel(request, one, standing),
        "is_draft": one.status == DeclarationStatus.DRAFT and may_make,
        "may_exclude": _may_exclude(request, one),
        "line_form": forms.LineForm(facts=rule.facts, quantity_label=one.version.quantity_label),
        "sheet_form": forms.LinesSheetForm(),
        "standing": standing,
        "may_post": may_post,
        "post_form": forms.PostNoticeForm(initial={"starts_on": clock.today()}),
        "term": terms.term_of(one.version).label,
        "term_warning": _term_warning(one, standing, may_post),
        "notices": one.notices.order_by("-pk"),
        "signatures": one.signatures.filter(round=one.round).select_related("signed_by"),
        "meetings": one.deliberations.select_related("recorded_by").order_by("-pk"),
        "history": history(one, nobody=""),
        "action_key": str(uuid4()),
        "refusal": forms_given.get("refusal", ""),
        "faults": forms_given.get("faults", []),
        "nothing": Nothing("册里还没有明细", "可以逐人录入、导入表格，或从上期带入。"),
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
    odd = queries.odd_quantities(one.lines.filter(excluded_at_level=""), one).filter(is_odd=True).count()
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
        Stat("要看", f"{odd:,}", "人", "数量与上期或多数人差得多，在“明细”里选“要看”"),
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
        return terms.warning_of(standing)
    return terms.warning_before(one.version, clock.today()) if may_post else ""


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
        form=_meeting_form(request, one) if deliberating else None,
        note_label="评议结论" if deliberating else "办理意见",
        drawn=workflow.drawn(one),
    )


def _meeting_form(request: StaffRequest, one: Declaration) -> forms.DeliberationForm:
    refused = getattr(request, "refused_form", None)
    if isinstance(refused, forms.DeliberationForm):
        return refused
    return forms.DeliberationForm(meetings=review.meetings_of(one))


def _waits(one: Declaration, step: Step) -> str:
    # the meeting is recorded by the same button that goes on
    return "" if step.name == "deliberate" else review.blocked(one, step)


@opens(Area.REVIEW)
@require_POST
def declaration_step(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    one = _visible(request, pk)
    if name not in {step.name for step in DECLARATION_FLOW.steps}:
        raise Http404
    step, note, back = DECLARATION_FLOW[name], request.POST.get("note", ""), _url(pk)
    if name == "deliberate":
        form = forms.DeliberationForm(request.POST, meetings=review.meetings_of(one))
        if not form.is_valid():
            return again(request, form.summary_title, back=back, form=form)
        votes = form.votes(note)
        return take_step(
            request,
            step,
            lambda: review.deliberate(pk, votes, actor=request.user),
            back=back,
            done="评议结果已登记。"
            if vote_passes(present=votes.present, agreed=votes.agreed)
            else "评议没有通过，结果已登记。请退回编制；或核实有意见的人，剔除后改天再评议，写明原因。",
            of=one,
        )
    return take_step(
        request,
        step,
        lambda: review.take_step(one.pk, name, actor=request.user, note=note),
        back=back,
        done=f"{step.label}，已办好。",
        of=one,
    )


def _url(pk: int) -> str:
    return reverse("recipients:declaration-detail", args=[pk])


# --- lines of a draft --------------------------------------------------------------------------------------------------------


@opens(Area.REVIEW)
@require_POST
@sensitive_post_parameters("id_number")
def line_add(request: StaffRequest, pk: int) -> HttpResponse:
    one = _visible(request, pk)
    form = forms.LineForm(request.POST, facts=amounts.facts_of(one.version))

    def add(data: dict[str, Any]) -> None:
        declarations.add_line(
            pk,
            name=data["name"],
            id_number=data["id_number"],
            payee_name=data["payee_name"],
            quantity=data["quantity"],
            facts=form.facts,
            actor=request.user,
        )

    return act_with(request, form, add, name="declaration.line.add", back=_url(pk), done="已录入一行。")


def _line(request: StaffRequest, pk: int, line: int) -> DeclarationLine | None:
    """A line of a book in reach; None when it is gone, as in a tab that was opened before it was deleted."""
    _visible(request, pk)
    return (
        DeclarationLine.objects.select_related("declaration__version")
        .filter(pk=line, declaration_id=pk)
        .first()
    )


def _gone(request: StaffRequest, pk: int) -> HttpResponse:
    messages.error(request, "这一行已经删去，册里没有了。下面是现在的名单。")
    return redirect(_url(pk))


@opens(Area.REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def line_change(request: StaffRequest, pk: int, line: int) -> HttpResponse:
    found = _line(request, pk, line)
    if found is None:
        return _gone(request, pk)
    facts = amounts.facts_of(found.declaration.version)
    initial = {"quantity": plain(found.quantity)} | {
        f"fact_{key}": value for key, value in found.facts.items()
    }
    form = forms.FactsForm(request.POST or None, facts=facts, initial=initial)
    if (
        request.method == "POST"
        and form.is_valid()
        and act_on_form(
            request,
            form,
            lambda: declarations.change_line(
                line, quantity=form.cleaned_data["quantity"], facts=form.facts, actor=request.user
            ),
            name="declaration.line.change",
        )
    ):
        messages.success(request, "已改，金额按标准重算。")
        return redirect(_url(pk))
    context = {"line": found, "one": found.declaration, "form": form, "action_key": str(uuid4())}
    return render(request, "recipients/line_form.html", context)


@opens(Area.REVIEW)
@require_POST
def line_remove(request: StaffRequest, pk: int, line: int) -> HttpResponse:
    if _line(request, pk, line) is None:
        return _gone(request, pk)
    return act_once(
        request,
        lambda: declarations.remove_line(line, actor=request.user),
        name="declaration.line.remove",
        back=_url(pk),
        done="已删去一行。",
    )


@opens(Area.REVIEW)
@require_POST
def line_exclude(request: StaffRequest, pk: int, line: int) -> HttpResponse:
    if _line(request, pk, line) is None:
        return _gone(request, pk)
    return act_with(
        request,
        forms.ExcludeForm(request.POST),
        lambda data: review.exclude_line(line, reason=data["reason"], actor=request.user),
        name="declaration.line.exclude",
        back=_url(pk),
        done="已剔除，原因已记录。",
    )


@opens(Area.REVIEW)
@require_POST
def lines_clear(request: StaffRequest, pk: int) -> HttpResponse:
    _visible(request, pk)
    return act_once(
        request,
        lambda: declarations.clear_lines(pk, note=request.POST.get("note", ""), actor=request.user),
        name="declaration.clear",
        back=_url(pk),
        done="这一册已清空，请重新录入或导入。",
    )


@opens(Area.REVIEW)
@require_POST
def lines_prefill(request: StaffRequest, pk: int) -> HttpResponse:
    _visible(request, pk)
    return act_once(
        request,
        lambda: declarations.prefill(pk, actor=request.user),
        name="declaration.prefill",
        back=_url(pk),
        done="已从上期带入，请逐人核对。",
    )


@opens(Area.REVIEW)
@require_POST
def lines_import(request: StaffRequest, pk: int) -> HttpResponse:
    one = _visible(request, pk)
    form = forms.LinesSheetForm(request.POST, request.FILES)
    if not form.is_valid():
        return again(request, first_fault(form), back=_url(pk))
    upload: UploadedFile = form.cleaned_data["file"]
    try:
        with transaction.atomic():
            take_action_key(request, "declaration.import")
            added = declarations.import_lines(
                pk,
                upload.read(),
                filename=upload.name or "",
                actor=request.user,
                replace=form.cleaned_data["replace"],
            )
    except FileRefused as refused:
        said = str(refused)
        faults = [fault for fault in together(refused.errors) if not said.endswith(fault.message)]
        told = _detail(request, one, refusal=said, faults=faults[:200])
        return render(request, "recipients/declaration_detail.html", told)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"已导入 {added} 行。" if added else "这份文件已经导入过，没有重复写入。")
    return redirect(_url(pk))


@opens(Area.REVIEW)
@require_safe
def lines_template(request: StaffRequest, pk: int) -> HttpResponseBase:
    one = _visible(request, pk)
    content = sheet.template(
        amounts.facts_of(one.version),
        title=f"{one.policy.short_name}申报册",
        quantity_label=one.version.quantity_label,
    )
    return download(content, name=f"{one.policy.short_name}申报册.xlsx", content_type=XLSX)


@opens(Area.REVIEW)
@require_safe
def lines_export(request: StaffRequest, pk: int) -> HttpResponseBase:
    one = _visible(request, pk)
    chosen = LineFilter(request.GET, queryset=_lines(one), request=request)
    rows = (
        (
            line.line_no,
            line.beneficiary.name,
            identity.mask_id_staff(line.beneficiary.id_number),
            line.payee.name,
            line.beneficiary.household.group_name,
            line.quantity,
            line.amount,
            line.excluded_reason,
        )
        for line in chosen.qs.order_by(F("line_no")).iterator(chunk_size=queries.BLOCK)
    )
    return workbook(request, f"申报册明细-{one.pk}", _LINE_COLUMNS, rows)


@opens(Area.REVIEW)
@require_POST
def notice_post(request: StaffRequest, pk: int) -> HttpResponse:
    _visible(request, pk)
    return act_with(
        request,
        forms.PostNoticeForm(request.POST),
        lambda data: notices.post_notice(
            pk, place=data["place"], starts_on=data["starts_on"], actor=request.user
        ),
        name="notice.post",
        back=_url(pk),
        done="公示已登记，名单和金额已锁定。请打印张贴并拍照。",
    )
