"""享受资格: the list, suspending and ending one, and the way back from a mistaken ending."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import django_filters
from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.forms import Form
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from huimin.core import clock
from huimin.core.authority import posts, scope
from huimin.core.authority.roles import Area
from huimin.core.authority.steps import Step
from huimin.core.desk import lists
from huimin.core.desk.errors import forbidden
from huimin.core.desk.exports import workbook
from huimin.core.desk.http import StaffRequest, act_on_form, opens, render_page
from huimin.core.desk.looking import LookedAtForm
from huimin.core.desk.pages import Link, Nothing
from huimin.core.errors import Refused, StepForbidden
from huimin.core.sheets.writer import Column
from huimin.core.values import identity
from huimin.core.values.days import day_text
from huimin.core.work import workflow
from recipients import forms, queries
from recipients.models import Ending, Entitlement, EntitlementVersion, Suspension
from recipients.queries.lacking import rights_lacking_facts
from recipients.rules import amounts
from recipients.services import corrections, endings, entitlements, suspensions
from recipients.states import (
    ENDING_FLOW,
    ENTITLEMENT_BUTTONS,
    ENTITLEMENT_FLOW,
    SUSPENSION_FLOW,
    EndingStatus,
    EntitlementStatus,
    SuspensionStatus,
)
from recipients.views import helpers
from subsidies.models import Policy, PolicyVersion, StopRule
from subsidies.rules import WORKED_OUT
from subsidies.states import VersionStatus

_SORTS = {"made": "id", "name": ("beneficiary__name_key", "id"), "policy": ("policy__code", "id")}


class EntitlementFilter(lists.HouseFilterSet):
    policy = django_filters.CharFilter(field_name="policy__name", lookup_expr="icontains", label="政策")
    q = django_filters.CharFilter(field_name="beneficiary__name", lookup_expr="startswith", label="享受人")
    status = django_filters.ChoiceFilter(label="状态", choices=EntitlementStatus.choices)


def rights_shown(request: StaffRequest) -> QuerySet[Entitlement]:
    versions = EntitlementVersion.objects.select_related("payee").defer("payee__id_number", "payee__phone")
    rows: QuerySet[Entitlement] = (
        Entitlement.objects.visible_to(request.user)
        .select_related("policy", "beneficiary")
        .defer("beneficiary__phone")
        .prefetch_related(
            Prefetch("versions", versions.order_by("-valid"), to_attr="dated"),
            Prefetch(
                "endings", Ending.objects.exclude(status=EndingStatus.CORRECTED), to_attr="standing_endings"
            ),
            Prefetch(
                "suspensions",
                Suspension.objects.exclude(status=SuspensionStatus.CORRECTED).select_related("made_by"),
                to_attr="counting_suspensions",
            ),
        )
    )
    return rows


@opens(Area.REVIEW)
@require_safe
def entitlement_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        rights_shown(request),
        sorts=_SORTS,
        default="-made",
        filterset=EntitlementFilter,
        export=reverse("recipients:entitlement-export"),
    )
    context["rows"] = queries.with_places(context["page"])
    for one in context["rows"]:
        one.acts, one.who_lifts = _acts(request, one)
    context["nothing"] = Nothing(
        "没有符合条件的享受资格",
        "申报册确认后在这里生成。",
        [Link("看申报册", reverse("recipients:declaration-list"))],
    )
    return render(request, "recipients/entitlement_list.html", context)


def _acts(request: StaffRequest, one: Any) -> tuple[list[Link], str]:
    """What this person may do with the right now, and who lifts its suspension where that is somebody else's.

    An ending is taken back by another one than who made it, an earlier one also after the right was confirmed anew and
    ended for another cause.
    """
    found = [
        Link(act.step.label, reverse("recipients:entitlement-step", args=[one.pk, act.step.name]))
        for act in workflow.actions(one, ENTITLEMENT_FLOW, actor=request.user)
        if act.step.name in ENTITLEMENT_BUTTONS and not act.refused
    ]
    for place, ending in enumerate(one.standing_endings):
        # what came by a death or a change of the head goes back by those
        by_hand = ending.death_id is None and ending.head_change_id is None
        if by_hand and not _why_not_correct(request, ending):
            which = f"（{day_text(ending.ends_on)}起的）" if place else ""
            label = f"{ENDING_FLOW['correct'].label}{which}"
            found.append(Link(label, reverse("recipients:ending-correct", args=[ending.pk])))
    said = ""
    for place, pause in enumerate(one.counting_suspensions):
        acts, who = suspension_acts(
            request, pause, which=f"（{day_text(pause.first_day)}起的）" if place else ""
        )
        found, said = found + acts, said or who
    return found, said


def suspension_acts(request: StaffRequest, pause: Suspension, *, which: str = "") -> tuple[list[Link], str]:
    """Lifting and correcting a suspension, where this person may, and who lifts one that stands, where that is others'.

    `which` tells an earlier one from the last.
    """
    may = [act for act in workflow.actions(pause, SUSPENSION_FLOW, actor=request.user) if not act.refused]
    names = {act.step.name for act in may} & {"correct", pause.lift_step}
    links = [
        Link(act.step.label + which, reverse("recipients:suspension-step", args=[pause.pk, act.step.name]))
        for act in may
        if act.step.name in names
    ]
    if pause.status != SuspensionStatus.STANDING or pause.lift_step in names:
        return links, ""
    other = "另一位" if pause.kind == Suspension.Kind.FORFEITED else ""
    return links, f"由{other}{posts.names_of(SUSPENSION_FLOW[pause.lift_step].roles)}恢复"


def _why_not_correct(request: StaffRequest, ending: Ending) -> str:
    step = ENDING_FLOW["correct"]
    refusal = workflow.why_not(ending, step, actor=request.user)
    return str(refusal or workflow.separation_refusal(ending, step.duty, actor=request.user))


@opens(Area.REVIEW)
@require_safe
def entitlement_export(request: StaffRequest) -> HttpResponseBase:
    chosen = EntitlementFilter(request.GET, queryset=rights_shown(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-made")
    columns = [
        Column("政策", 30), Column("享受人", 12), Column("身份证号", 22), Column("乡镇、村", 24),
        Column("数量", 12, "quantity"), Column("起", 12), Column("止", 12), Column("状态", 10), Column("停发日期", 12),
    ]  # fmt: skip
    rows = (
        (str(one.policy), one.beneficiary.name, identity.mask_id_staff(one.beneficiary.id_number), one.place_name,
         one.dated[0].quantity if one.dated else None, str(one.dated[0].valid.lower or "") if one.dated else "",
         str(one.dated[0].valid.upper or "") if one.dated else "", one.get_status_display(), str(one.ends_on or ""))
        for one in queries.in_places(chosen.qs.order_by(*order.columns))
    )  # fmt: skip
    return workbook(request, "享受资格", columns, rows, of=chosen.qs)


@opens(Area.REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def entitlement_step(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    """One step on a page of its own, with its reason; its days are asked first, and what follows from them is shown."""
    one = get_object_or_404(rights_shown(request), pk=pk)
    if name not in ENTITLEMENT_BUTTONS:
        raise Http404
    step = ENTITLEMENT_FLOW[name]
    refusal = workflow.why_not(one, step, actor=request.user)
    if isinstance(refusal, StepForbidden):
        return forbidden(request, refusal)
    kind = forms.EntitlementEndForm if name == "end" else forms.EntitlementSuspendForm
    form = kind(request.POST or None)
    context = _step_page(request, one, step, form)
    if request.method == "POST" and form.is_valid():
        given = {"note": form.cleaned_data["note"]} | form.asked()
        if act_on_form(
            request,
            form,
            lambda: entitlements.take_step(pk, name, actor=request.user, **given),
            name=f"entitlement.{name}",
        ):
            messages.success(request, f"{one.beneficiary}的{one.policy}：{_done(context)}。")
            return back_to_list(one)
    elif refusal:
        messages.error(request, str(refusal))
        return back_to_list(one)
    return render(request, "recipients/entitlement_step.html", context)


def _done(context: dict[str, Any]) -> str:
    """What was done, as it was shown: which kind, from which day."""
    if stop := context["ending"]:
        return f"已终止，从{day_text(stop.ends_on)}起不再发"
    pause = context["pause"]
    if pause.forfeits_from:
        return f"已登记停发，从{day_text(pause.forfeits_from)}起不发，停发期间的以后不补"
    return f"已登记暂缓，从{day_text(pause.first_day)}起，恢复以前各期都不发"


def _step_page(request: StaffRequest, one: Entitlement, step: Step, form: LookedAtForm) -> dict[str, Any]:
    context = page_of_right(one, step, form)
    if step.name == "end":
        cause: Form = forms.CauseForm(asked(request, "happened"))
        context |= {"ask_title": "先看停发日期", "ask_verb": "算停发日期", "cause_form": cause}
        context |= reckoned(request, one, form, cause, lambda given: endings.stop_of(one, **given), "ending")
        if context["ending"]:
            context["rule"] = StopRule(context["ending"].rule).label
    elif step.name == "suspend":
        cause = forms.PauseForm(asked(request, "first_day"), initial={"first_day": clock.today()})
        context |= {
            "ask_title": "先看从哪天起、已经发了多少",
            "ask_verb": "看从这天起的发放",
            "cause_form": cause,
        }
        context |= reckoned(
            request, one, form, cause, lambda given: suspensions.pause_of(one, **given), "pause"
        )
    return context


def back_to_list(one: Entitlement) -> HttpResponse:
    """The list of this person's rights, where whoever came from there looks for what became of it."""
    return redirect(list_of(one))


def list_of(one: Entitlement) -> str:
    return f"{reverse('recipients:entitlement-list')}?{urlencode({'q': one.beneficiary.name})}"


def page_of_right(one: Entitlement, step: Step, form: Form) -> dict[str, Any]:
    """What every page of a step about one right shows."""
    return {
        "one": one,
        "place": queries.place_names([one.division_code])[one.division_code],
        "step": step,
        "form": form,
        "asks_first": False,
        "cause_form": None,
        "lifting": None,
        "back_url": list_of(one),
        "ending": None,
        "pause": None,
        "mistaken": None,
        "suspension": None,
        "payments_url": "",
        "action_key": str(uuid4()),
    }


def asked(request: StaffRequest, field: str) -> Any:
    """What was asked beforehand, by the address; None on the first look."""
    return request.GET if field in request.GET else None


def reckoned(
    request: StaffRequest,
    one: Entitlement,
    form: LookedAtForm,
    cause: Form,
    reckon: Callable[[dict[str, Any]], Any],
    name: str,
) -> dict[str, Any]:
    """Once the days are known, what follows from them and what was paid beyond.

    First they are asked for alone (`cause`, by the address), then they stand in the step's own form and are sent with it.
    """
    typed: Form = form if form.is_bound else cause
    given = form.asked() if form.is_bound else cause.cleaned_data if cause.is_valid() else {}
    asks_first = {"asks_first": not form.is_bound}
    if set(given) != set(form.ASKED):
        return asks_first
    try:
        found = reckon(given)
    except Refused as refused:
        field = getattr(refused, "field", "")
        typed.add_error(field if field in typed.fields else None, str(refused))
        return asks_first
    form.initial = {**form.initial, **given}
    form.looked_at(found)
    since = getattr(found, "told_from", None)
    keeps = getattr(found, "kind", "") == Suspension.Kind.WITHHELD
    return {name: found} | (
        {"payments_url": payments_since(request, one, since, keeps=keeps)} if since else {}
    )


def payments_since(request: StaffRequest, one: Entitlement, since: date, *, keeps: bool = False) -> str:
    """The panel with what was paid for periods that reach beyond the day, where this person may see it.

    What was paid for days that are withheld is kept (`keeps`): none of it was too much.
    """
    if not scope.reads(request.user, Area.ROSTER):
        return ""
    panel = helpers.url_if_any("disbursement:person-payments", one.beneficiary_id)
    return f"{panel}?entitlement={one.pk}&since={since.isoformat()}{'&keeps=1' * keeps}" if panel else ""


@opens(Area.REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def ending_correct(request: StaffRequest, pk: int) -> HttpResponse:
    """更正: the right should not have ended, or not on that day. By another one than who ended it, with the reason."""
    ending = get_object_or_404(
        Ending.objects.visible_to(request.user).select_related("made_by").prefetch_related("cuts"), pk=pk
    )
    one = get_object_or_404(rights_shown(request), pk=ending.entitlement_id)
    step = ENDING_FLOW["correct"]
    refusal = workflow.why_not(ending, step, actor=request.user)
    if isinstance(refusal, StepForbidden):
        return forbidden(request, refusal)
    form = forms.EntitlementStepForm(request.POST or None)
    heirs = corrections.heirs(ending)
    why = str(refusal or "") or _why_not_correct(request, ending) or corrections.why_not_correct(ending)
    if request.method == "POST" and form.is_valid():
        note = form.cleaned_data["note"]
        if act_on_form(
            request,
            form,
            lambda: corrections.correct_ending(pk, step.name, actor=request.user, note=note),
            name="ending.correct",
        ):
            messages.success(
                request,
                f"{one.beneficiary}：终止已更正，截去的期间已恢复{_gone_to(heirs)}。确实要终止的，按对的日期再办一次。",
            )
            return back_to_list(one)
    elif why:
        messages.error(request, why)
        return back_to_list(one)
    context = page_of_right(one, step, form) | {
        "mistaken": ending,
        "heirs": heirs,
        "must_lift": corrections.waits_for_lifting(ending),
    }
    return render(request, "recipients/entitlement_step.html", context)


def _gone_to(heirs: list[corrections.Heir]) -> str:
    return "".join(f"，{day_text(heir.since)}起归{heir.head}" for heir in heirs)


@require_safe
@opens(Area.REVIEW)
def version_lacking(request: StaffRequest, pk: int) -> HttpResponse:
    """How many rights lack what a version under way asks for: a panel of the policy's page, read before it is published."""
    seen = PolicyVersion.objects.filter(policy__in=Policy.objects.visible_to(request.user))
    version = get_object_or_404(seen.select_related("policy").exclude(status=VersionStatus.PUBLISHED), pk=pk)
    found, lacking = rights_lacking_facts(version)
    asked = "、".join(fact.label for fact in amounts.facts_of(version) if fact.name not in WORKED_OUT)
    context = {
        "version": version,
        "policy": version.policy,
        "found": found,
        "lacking": lacking,
        "asked": asked,
    }
    page, panel = "recipients/version_lacking.html", "recipients/partials/lacking.html"
    return render_page(request, page, panel, context)
