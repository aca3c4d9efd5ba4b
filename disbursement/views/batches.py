"""Batches: the list, a new one, and the page that shows where every township's roster lies."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Count, DecimalField, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from disbursement import queries, services
from disbursement.forms import BatchForm, SupplementForm
from disbursement.models import Batch, Roster, RosterOmission
from disbursement.services.banks import by_bank
from disbursement.states import BATCH_FLOW, BatchStatus, RosterStatus
from disbursement.views.common import buttons, order_url
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.authority.steps import Step
from huimin.core.desk import lists
from huimin.core.desk.exports import workbook
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, act_on_form, not_yours, opens, render_page, take_step
from huimin.core.desk.pages import Check, Link, Nothing, Panel, Stat
from huimin.core.desk.places import with_places
from huimin.core.sheets.writer import Column
from huimin.core.work import workflow
from subsidies.models import Policy
from subsidies.states import PolicyStatus

_SORTS = {
    "number": "id",
    "policy": "policy__name",
    "period": "period",
    "status": "status",
    "total": "roster_total",
}
_COLUMNS = [
    Column("批次号", 24),
    Column("批次名称", 40),
    Column("政策", 30),
    Column("期次", 10),
    Column("状态", 10),
    Column("乡镇数", 10, "integer"),
    Column("已终审", 10, "integer"),
    Column("笔数", 12, "integer"),
    Column("金额", 16, "amount"),
]


class BatchFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(method="by_text", label="批次号或名称")
    policy = django_filters.CharFilter(field_name="policy__name", lookup_expr="icontains", label="政策")
    period = django_filters.CharFilter(field_name="period", label="期次")
    status = django_filters.ChoiceFilter(label="状态", choices=BatchStatus.choices)
    kind = django_filters.ChoiceFilter(label="种类", choices=Batch.Kind.choices)

    def by_text(self, rows: QuerySet[Batch], _: str, value: str) -> QuerySet[Batch]:
        return rows.filter(Q(number__icontains=value) | Q(title__icontains=value))


def _batches(request: StaffRequest) -> QuerySet[Batch]:
    """The batches in reach; the sums are of the rosters that person may see."""
    mine = queries.rosters_for(request.user)
    part = mine.filter(batch=OuterRef("pk")).order_by().values("batch")

    def total(value: Any, field: Any) -> Subquery:
        return Subquery(part.annotate(found=value).values("found"), output_field=field)

    money = DecimalField(max_digits=14, decimal_places=2)
    return (
        queries.batches_for(request.user)
        .select_related("policy", "version")
        .annotate(
            roster_count=total(Count("pk"), IntegerField()),
            approved_count=total(Count("pk", filter=Q(status=RosterStatus.APPROVED)), IntegerField()),
            line_total=total(Sum("line_count"), IntegerField()),
            roster_total=total(Sum("total"), money),
        )
    )


@opens(Area.ROSTER)
@require_safe
def batch_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _batches(request),
        sorts=_SORTS,
        default="-number",
        filterset=BatchFilter,
        totals={"lines": Sum("line_total"), "total": Sum("roster_total")},
        export=reverse("disbursement:batch-export"),
    )
    context["may_make"] = _may_make(request)
    context["nothing"] = Nothing(
        "没有符合条件的批次",
        "申报册确认以后，由主管部门经办按政策和期次建批次。",
        [Link("看全部批次", request.path)],
    )
    return render(request, "disbursement/batch_list.html", context)


def _may_make(request: StaffRequest) -> bool:
    return scope.holds_anywhere(request.user, BATCH_FLOW["make"].roles)


@opens(Area.ROSTER)
@require_safe
def batch_export(request: StaffRequest) -> HttpResponseBase:
    chosen = BatchFilter(request.GET, queryset=_batches(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-number")
    rows = (
        (
            one.number,
            one.title,
            one.policy.name,
            one.period,
            one.get_status_display(),
            one.roster_count or 0,
            one.approved_count or 0,
            one.line_total or 0,
            one.roster_total or queries.ZERO,
        )
        for one in chosen.qs.order_by(*order.columns).iterator()
    )
    return workbook(request, "发放批次", _COLUMNS, rows)


@opens(Area.ROSTER)
@require_http_methods(["GET", "HEAD", "POST"])
def batch_new(request: StaffRequest) -> HttpResponse:
    step = BATCH_FLOW["make"]
    if refusal := not_yours(request, step.roles, act=step.label):
        return refusal
    form = BatchForm(request.POST or None, policies=_own_policies(request))
    existing: list[Batch] = []
    if request.method == "POST" and form.is_valid():
        made = act_on_form(request, form, lambda: _make(request, form, existing), name="batch.make")
        if made:
            return redirect("disbursement:batch-detail", pk=made.result.pk)
    context = {
        "form": form,
        "existing": existing[0] if existing else None,
        "action_key": Panel("", ()).action_key,
    }
    return render(request, "disbursement/batch_new.html", context)


def _own_policies(request: StaffRequest) -> QuerySet[Policy]:
    """Published policies for which this person may make a batch, not all that they may read."""
    makes = scope.reach(request.user, BATCH_FLOW["make"].roles, place="county_code", policy="pk")
    return Policy.objects.filter(makes, status=PolicyStatus.PUBLISHED)


def _make(request: StaffRequest, form: BatchForm, existing: list[Batch]) -> Batch:
    """The new batch; one that stands in its way goes into `existing`."""
    data = form.cleaned_data
    try:
        return services.make_batch(
            data["policy"], data["period"], actor=request.user, title=data["title"], early=data["early"]
        )
    except services.AlreadyMade as refused:
        existing.append(refused.batch)
        raise


@opens(Area.ROSTER)
@require_safe
def batch_detail(request: StaffRequest, pk: int) -> HttpResponse:
    batch = get_object_or_404(_batches(request), pk=pk)
    rosters = with_places(
        Roster.objects.visible_to(request.user)
        .filter(batch=batch)
        .annotate(left_out=_left_out())
        .order_by("division_code")
    )
    orders = queries.orders_of(one.pk for one in rosters)
    free = queries.still_to_order(Roster.objects.filter(pk__in=[one.pk for one in rosters]))
    for one in rosters:
        one.orders, one.to_order = orders.get(one.pk, []), queries.added_up(free.get(one.pk, {}).values())
    job = services.generation_job(batch)
    ended_early = job if job and job.state in {"failed", "stopped"} else None
    states = _states(batch, request)
    context = {
        "batch": batch,
        "rosters": rosters,
        "job": job if job and not job.is_finished else None,
        "failed_job": ended_early,
        "may_go_on": ended_early and _is_clerk(batch, request) and not services.why_not_again(batch),
        # while lists are being written everybody is due and nobody is paid
        "lifted": queries.lifted_of(batch, request.user) if batch.kind == Batch.Kind.REGULAR else None,
        "asks_unpaid": _sees_unpaid(batch, request) and (job is None or job.is_finished),
        "action_key": Panel("", ()).action_key,
        "stats": _stats(batch, rosters),
        "states": states,
        "left": by_bank(batch.county_code, free.values()),
        "make_url": order_url(request.user, batch.policy),
        "history": history(batch),
        "panel": _panel(batch, request, states),
        "followers": list(
            Batch.objects.filter(Q(corrects=batch) | Q(supplements=batch)).order_by("-kind", "attempt")
        ),
    }
    return render(request, "disbursement/batch_detail.html", context)


def _is_clerk(batch: Batch, request: StaffRequest) -> bool:
    return scope.holds(
        request.user,
        BATCH_FLOW["supplement"].roles,
        division_code=batch.division_code,
        policy_id=batch.policy_id,
    )


def _sees_whole(batch: Batch, request: StaffRequest) -> bool:
    """Who reaches a township of it only is told neither figures of the county nor how far the others are."""
    return bool(Batch.objects.visible_to(request.user).filter(pk=batch.pk).exists())


def _sees_unpaid(batch: Batch, request: StaffRequest) -> bool:
    """应发未发 is a figure of a batch that townships were given, for who sees the whole batch."""
    given = batch.kind == Batch.Kind.REGULAR and batch.status in {BatchStatus.ISSUED, BatchStatus.CLOSED}
    return given and _sees_whole(batch, request)


@opens(Area.ROSTER)
@require_safe
def batch_unpaid(request: StaffRequest, pk: int) -> HttpResponse:
    """应发未发 as it is now, reckoned over the whole county and therefore only for who asks: a panel, or a page by itself."""
    batch = get_object_or_404(_batches(request), pk=pk)
    if not _sees_unpaid(batch, request):
        raise Http404
    count, total = services.unpaid_totals(batch)
    context = {
        "batch": batch,
        "unpaid": {"count": count, "total": total},
        "supplement_form": SupplementForm() if _is_clerk(batch, request) else None,
        "action_key": Panel("", ()).action_key,
    }
    page, panel = "disbursement/batch_unpaid.html", "disbursement/partials/unpaid.html"
    return render_page(request, page, panel, context)


@opens(Area.ROSTER)
@require_safe
def policy_unfinished(request: StaffRequest, pk: int) -> HttpResponse:
    """What is still under way of a policy: a panel of the policy's page, read before it is abolished."""
    policy = get_object_or_404(Policy.objects.visible_to(request.user), pk=pk)
    context = {"policy": policy, "open": queries.unfinished(request.user, pk)}
    page, panel = "disbursement/policy_unfinished.html", "disbursement/partials/unfinished.html"
    return render_page(request, page, panel, context)


def _left_out() -> Subquery:
    rows = (
        RosterOmission.objects.filter(roster=OuterRef("pk"), revision=OuterRef("revision"))
        .order_by()
        .values("roster")
        .annotate(found=Count("*"))
        .values("found")
    )
    return Subquery(rows, output_field=IntegerField())


def _states(batch: Batch, request: StaffRequest) -> list[queries.StateTotal]:
    """Lines by state, of the townships this person sees."""
    towns = list(queries.rosters_for(request.user).filter(batch=batch).values_list("pk", flat=True))
    return queries.state_totals("r.id = ANY(%s)", [towns])


def _stats(batch: Any, rosters: list[Any]) -> list[Stat]:
    approved = sum(1 for one in rosters if one.status == RosterStatus.APPROVED)
    left_out = sum(one.left_out or 0 for one in rosters)
    return [
        Stat("乡镇", str(len(rosters)), "个", f"{approved} 个已终审"),
        Stat("笔数", f"{batch.line_total or 0:,}", "笔", f"{left_out:,} 人没有进花名册"),
        Stat("应发金额", f"{batch.roster_total or 0:,.2f}", "元", "花名册逐行相加", is_key=True),
    ]


def _panel(batch: Batch, request: StaffRequest, states: list[queries.StateTotal]) -> Panel:
    whole = batch.status == BatchStatus.ISSUED and _sees_whole(batch, request)
    close = services.why_not_close(batch, states) if whole else ""

    def waits(step: Step) -> str:
        if step.name == "take_back":
            return services.why_not_take_back(batch)
        return close if step.name == "close" else ""

    acts = buttons(
        batch,
        BATCH_FLOW,
        actor=request.user,
        url_name="disbursement:batch-step",
        also=waits,
    )
    checks = [Check("每一笔都有结果", "wait" if close else "", close)] if whole else []
    return Panel("办理", acts, checks=checks, drawn=workflow.drawn(batch))


@opens(Area.ROSTER)
@require_POST
def batch_step(request: StaffRequest, pk: int, step: str) -> HttpResponse:
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    one = next((known for known in BATCH_FLOW.steps if known.name == step), None)
    if one is None:
        return redirect("disbursement:batch-detail", pk=pk)
    return take_step(
        request,
        one,
        lambda: services.advance_batch(pk, step, actor=request.user, note=request.POST.get("note", "")),
        back=reverse("disbursement:batch-detail", args=[batch.pk]),
        done=f"“{one.label}”已办。",
        of=batch,
    )


@opens(Area.ROSTER)
@require_POST
def batch_supplement(request: StaffRequest, pk: int) -> HttpResponse:
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    made: list[Batch] = []
    answer = take_step(
        request,
        BATCH_FLOW["supplement"],
        lambda: made.append(
            services.make_supplement(pk, reason=request.POST.get("reason", ""), actor=request.user)
        ),
        # the form lies in a panel that the batch's page loads when asked: refused, it is shown on its own page
        back=reverse(
            f"disbursement:batch-{'unpaid' if _sees_unpaid(batch, request) else 'detail'}", args=[batch.pk]
        ),
        done="补发批次已建好。下一步：下达乡镇，生成补发花名册。",
    )
    return redirect("disbursement:batch-detail", pk=made[0].pk) if made else answer


@opens(Area.ROSTER)
@require_POST
def batch_generate(request: StaffRequest, pk: int) -> HttpResponse:
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    return take_step(
        request,
        BATCH_FLOW["generate_again"],
        lambda: services.generate_again(pk, actor=request.user),
        back=reverse("disbursement:batch-detail", args=[batch.pk]),
        done="已接着生成没有生成的花名册。",
    )
