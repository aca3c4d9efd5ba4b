"""享受资格: the list, and suspending, resuming, ending one."""

from __future__ import annotations

from uuid import uuid4

import django_filters
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from huimin.core.authority.roles import Area
from huimin.core.desk import lists
from huimin.core.desk.exports import workbook
from huimin.core.desk.http import StaffRequest, again, first_fault, opens, take_step
from huimin.core.desk.pages import Link, Nothing
from huimin.core.sheets.writer import Column
from huimin.core.values import identity
from huimin.core.work import workflow
from recipients import forms, queries
from recipients.models import Entitlement, EntitlementVersion
from recipients.services import entitlements
from recipients.states import ENTITLEMENT_BUTTONS, ENTITLEMENT_FLOW, EntitlementStatus

_SORTS = {"made": "id", "name": ("beneficiary__name_key", "id"), "policy": ("policy__code", "id")}


class EntitlementFilter(lists.HouseFilterSet):
    policy = django_filters.CharFilter(field_name="policy__name", lookup_expr="icontains", label="政策")
    q = django_filters.CharFilter(field_name="beneficiary__name", lookup_expr="startswith", label="享受人")
    status = django_filters.ChoiceFilter(label="状态", choices=EntitlementStatus.choices)


def _rows(request: StaffRequest) -> QuerySet[Entitlement]:
    versions = EntitlementVersion.objects.select_related("payee").defer("payee__id_number", "payee__phone")
    rows: QuerySet[Entitlement] = (
        Entitlement.objects.visible_to(request.user)
        .select_related("policy", "beneficiary")
        .defer("beneficiary__phone")
        .prefetch_related(Prefetch("versions", versions.order_by("-valid"), to_attr="dated"))
    )
    return rows


@opens(Area.REVIEW)
@require_safe
def entitlement_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _rows(request),
        sorts=_SORTS,
        default="-made",
        filterset=EntitlementFilter,
        export=reverse("recipients:entitlement-export"),
    )
    context["rows"] = queries.with_places(context["page"])
    for one in context["rows"]:
        found = workflow.actions(one, ENTITLEMENT_FLOW, actor=request.user)
        one.acts = [
            (act.step.name, act.step.label)
            for act in found
            if act.step.name in ENTITLEMENT_BUTTONS and not act.refused
        ]
    context["action_key"] = str(uuid4())
    context["nothing"] = Nothing(
        "没有符合条件的享受资格",
        "申报册确认后在这里生成。",
        [Link("看申报册", reverse("recipients:declaration-list"))],
    )
    return render(request, "recipients/entitlement_list.html", context)


@opens(Area.REVIEW)
@require_safe
def entitlement_export(request: StaffRequest) -> HttpResponseBase:
    chosen = EntitlementFilter(request.GET, queryset=_rows(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-made")
    columns = [
        Column("政策", 30), Column("享受人", 12), Column("身份证号", 22), Column("乡镇、村", 24),
        Column("数量", 12, "quantity"), Column("起", 12), Column("止", 12), Column("状态", 10), Column("停发日期", 12),
    ]  # fmt: skip
    rows = (
        (str(one.policy), one.beneficiary.name, identity.mask_id_staff(one.beneficiary.id_number), one.place_name,
         one.dated[0].quantity if one.dated else None, str(one.dated[0].valid.lower) if one.dated else "",
         str(one.dated[0].valid.upper or "") if one.dated else "", one.get_status_display(), str(one.ends_on or ""))
        for one in queries.in_places(chosen.qs.order_by(*order.columns))
    )  # fmt: skip
    return workbook(request, "享受资格", columns, rows)


@opens(Area.REVIEW)
@require_POST
def entitlement_step(request: StaffRequest, pk: int, name: str) -> HttpResponse:
    get_object_or_404(Entitlement.objects.visible_to(request.user), pk=pk)
    if name not in ENTITLEMENT_BUTTONS:
        raise Http404
    step, back = ENTITLEMENT_FLOW[name], reverse("recipients:entitlement-list")
    form = forms.EntitlementStepForm(request.POST)
    if not form.is_valid():
        return again(request, first_fault(form), back=back)
    data = form.cleaned_data
    return take_step(
        request,
        step,
        lambda: entitlements.take_step(
            pk, name, actor=request.user, note=data["note"], happened=data["happened"]
        ),
        back=back,
        done=f"{step.label}，已办好。",
    )
