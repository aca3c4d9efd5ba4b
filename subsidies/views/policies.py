"""The policy list and a policy: reading, drafting, sending, publishing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.authority.steps import Step
from huimin.core.desk import lists
from huimin.core.desk.exports import workbook
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, act_on_form, again, first_fault, not_yours, opens, take_step
from huimin.core.desk.pages import Act, Check, Link, Nothing, Pair, Panel, acts
from huimin.core.errors import Refused
from huimin.core.sheets.writer import Column
from huimin.core.values.days import day_text
from huimin.core.values.periods import Frequency, Period
from huimin.core.work import workflow
from subsidies import queries, rules, services
from subsidies.forms import AbolishForm, PolicyFilter, PolicyForm, TryForm
from subsidies.models import Policy, PolicyChange, PolicyVersion
from subsidies.rules.levels import levels_of
from subsidies.states import CHANGE_FLOW, POLICY_FLOW, VERSION_FLOW, PolicyStatus, ReviewLevel, VersionStatus
from subsidies.views import changes, rounds, told

_SORTS = {
    "code": "code",
    "name": "name",
    "department": ("department__code", "code"),
    "level": ("level", "code"),
    "status": ("status", "code"),
}
_COLUMNS = [
    Column("项目编码", 10),
    Column("补贴项目", 32),
    Column("主管部门", 16),
    Column("级次", 8),
    Column("发放类型", 10),
    Column("频次", 10),
    Column("补贴标准", 40),
    Column("银行摘要", 16),
    Column("状态", 10),
    Column("政策依据", 40),
]


@require_safe
@opens(Area.POLICY)
def policy_list(request: StaffRequest) -> HttpResponse:
    rows = queries.policies_listed(Policy.objects.visible_to(request.user), clock.today())
    in_use = Q(status=PolicyStatus.PUBLISHED)
    context = lists.listing(
        request,
        rows,
        sorts=_SORTS,
        default="code",
        filterset=PolicyFilter,
        totals={"in_use": Count("pk", filter=in_use), "samples": Count("pk", filter=Q(is_sample=True))},
        size=50,
        export=reverse("subsidies:policy-export"),
    )
    context["can_draft"] = scope.holds(
        request.user, POLICY_FLOW["draft"].roles, division_code=settings.COUNTY_CODE
    )
    shown = [one.pk for one in context["page"] if one.status == PolicyStatus.PUBLISHED]
    days = queries.without_standard(shown, clock.today())
    for one in context["page"]:
        one.no_standard_from = days.get(one.pk)
    context["nothing"] = Nothing(
        "没有符合条件的政策",
        "可以放宽条件。清单以外的补贴不能发。",
        [Link("看全部政策", reverse("subsidies:policy-list"))],
    )
    return render(request, "subsidies/policy_list.html", context)


@require_safe
@opens(Area.POLICY)
def policy_export(request: StaffRequest) -> HttpResponseBase:
    rows = queries.policies_listed(Policy.objects.visible_to(request.user), clock.today())
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "code")
    chosen = PolicyFilter(request.GET, queryset=rows, request=request).qs.order_by(*order.columns)
    lines = (
        (
            policy.code,
            policy.name,
            policy.department.name,
            policy.get_level_display(),
            policy.get_object_type_display(),
            policy.get_frequency_display(),
            policy.standard or "未定",
            policy.payment_remark,
            policy.get_status_display(),
            policy.basis,
        )
        for policy in chosen
    )
    return workbook(request, "政策清单", _COLUMNS, lines, title="惠民惠农财政补贴政策清单")


@require_safe
@opens(Area.POLICY)
def policy_detail(request: StaffRequest, pk: int) -> HttpResponse:
    policy = _policy(request, pk)
    versions = list(policy.versions.order_by("-number"))
    change = changes.open_change(policy)
    today = clock.today()
    context = {
        "policy": policy,
        "crumbs": _crumbs(Link(policy.name)),
        "facts": _facts(policy),
        "versions": [_shown(version, today) for version in versions],
        "panel": _panel(policy, versions, change, request),
        "change": change,
        "differences": changes.shown(policy, change) if change else [],
        "may_correct": change is None and _may_correct(policy, request),
        "entries": history(policy, *versions, *policy.changes.all(), limit=50, told=told),
        "indicators": policy.indicators.order_by("indicatorpolicy__priority", "pk"),
        "sees_indicators": scope.reads(request.user, Area.INDICATOR),
        "can_make": workflow.why_not(policy, POLICY_FLOW["add_version"], actor=request.user) is None,
        "has_draft": any(version.status != VersionStatus.PUBLISHED for version in versions),
        # what the rooms above still do under it; their panel is loaded by its address
        "unfinished_url": reverse("disbursement:policy-unfinished", args=[pk])
        if policy.status != PolicyStatus.DRAFT and scope.reads(request.user, Area.ROSTER)
        else "",
        "no_standard_from": queries.without_standard([pk], today).get(pk)
        if policy.status in {PolicyStatus.PUBLISHED, PolicyStatus.SUSPENDED}
        else None,
        "lacking_url": _lacking_url(policy, versions, request),
        "action_key": uuid4(),
        **rounds.shown(policy, request),
        **_tried(request, versions),
    }
    return render(request, "subsidies/policy_detail.html", context)


@opens(Area.POLICY)
def policy_create(request: StaffRequest) -> HttpResponse:
    county = settings.COUNTY_CODE
    if refusal := not_yours(request, POLICY_FLOW["draft"].roles, division_code=county):
        return refusal
    form = PolicyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        made = act_on_form(
            request,
            form,
            lambda: services.draft_policy(county, actor=request.user, **facts),
            name="policy.draft",
        )
        if made:
            messages.success(request, "已存为草稿。下一步：添加补贴标准，再送审。")
            return redirect("subsidies:version-add", made.result.pk)
    return _form_page(request, form, "新建政策", _crumbs(Link("新建政策")))


@opens(Area.POLICY)
def policy_edit(request: StaffRequest, pk: int) -> HttpResponse:
    policy = _policy(request, pk)
    roles = POLICY_FLOW["revise"].roles
    if refusal := not_yours(request, roles, division_code=policy.division_code, policy_id=pk):
        return refusal
    if policy.status != PolicyStatus.DRAFT:
        messages.error(
            request, "只有草稿可以修改。标准有变，请添加新版本；公开以后登记的事项有错，请申请更正。"
        )
        return redirect("subsidies:policy-detail", pk)
    # the form works on its own copy: a refused save must not show in the page's head
    form = PolicyForm(request.POST or None, instance=_policy(request, pk))
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        made = act_on_form(
            request,
            form,
            lambda: services.revise_policy(policy, actor=request.user, **facts),
            name="policy.revise",
        )
        if made:
            messages.success(request, "已保存。")
            return redirect("subsidies:policy-detail", pk)
    crumbs = _crumbs(Link(policy.name, reverse("subsidies:policy-detail", args=[pk])), Link("修改"))
    return _form_page(request, form, f"修改：{policy.name}", crumbs)


@require_POST
@opens(Area.POLICY)
def policy_step(request: StaffRequest, pk: int, step: str) -> HttpResponse:
    policy = _policy(request, pk)
    one = get_step(step)
    if one is None:
        messages.error(request, "没有这一步，请刷新页面后再看。")
        return redirect("subsidies:policy-detail", pk)
    back = reverse("subsidies:policy-detail", args=[pk])
    asked = AbolishForm(request.POST)
    if one.name == "abolish" and not asked.is_valid():
        return again(request, first_fault(asked), back=back)
    note = request.POST.get("note", "")
    return take_step(
        request,
        one,
        lambda: services.advance_policy(policy.pk, step, actor=request.user, note=note),
        back=back,
        done=f"“{one.label}”已办好。",
        of=policy,
    )


def get_step(name: str) -> Step | None:
    return next((one for one in POLICY_FLOW.steps if one.name == name), None)


def _policy(request: StaffRequest, pk: int) -> Policy:
    rows = Policy.objects.visible_to(request.user).select_related("department", "made_by")
    policy: Policy = get_object_or_404(rows, pk=pk)
    return policy


def _crumbs(*more: Link) -> list[Link]:
    return [Link("政策与资金"), Link("政策清单", reverse("subsidies:policy-list")), *more]


def _form_page(request: StaffRequest, form: PolicyForm, title: str, crumbs: list[Link]) -> HttpResponse:
    context = {"form": form, "title": title, "crumbs": crumbs, "action_key": uuid4(), "save": "存为草稿"}
    return render(request, "subsidies/policy_form.html", context)


def _facts(policy: Policy) -> list[Pair]:
    return [
        Pair("项目简称", policy.short_name),
        Pair("计量单位", policy.unit),
        Pair("发放频次", policy.get_frequency_display()),
        Pair("银行摘要", policy.payment_remark),
        Pair("归口股室", policy.finance_section),
        Pair("咨询电话", policy.phone),
        Pair("公示姓名", "只写姓氏" if policy.is_protected else "写全名"),
        Pair("拟订人", policy.made_by.name),
    ]


def _shown(version: PolicyVersion, today: object) -> dict[str, object]:
    """A version with its rule and its review in words."""
    in_force = version.published_at is not None and today in version.valid
    state = ("执行中", "ok") if in_force else (version.get_status_display(), version.badge)
    upper = version.valid.upper
    return {
        "row": version,
        "state": state,
        "last": upper.fromordinal(upper.toordinal() - 1) if upper else None,
        "rule": rules.describe(rules.parse_rule(version.amount_rule)),
        "review": _review(version),
    }


def _review(version: PolicyVersion) -> str:
    """村级公示 → 乡镇审核 → …, then how long and when it stops."""
    labels = {ReviewLevel.DELIBERATION: f"民主评议（{version.get_deliberation_display()}）"}
    way = " → ".join(labels.get(level, level.label) for level in levels_of(version, objected=True))
    kind = "个工作日" if version.notice_in_workdays else "天"
    first = "首日计入" if version.notice_counts_first else "次日起算"
    stop = "基准日那一天符合条件的才发" if version.policy.is_one_off else version.get_stop_rule_display()
    return f"{way}；每次公示 {version.notice_days} {kind}，{first}；{stop}。"


def _may_correct(policy: Policy, request: StaffRequest) -> bool:
    is_public = policy.status not in {PolicyStatus.DRAFT, PolicyStatus.SUBMITTED}
    return is_public and scope.holds(
        request.user, CHANGE_FLOW["ask"].roles, division_code=policy.division_code, policy_id=policy.pk
    )


def _panel(
    policy: Policy, versions: list[PolicyVersion], change: PolicyChange | None, request: StaffRequest
) -> Panel:
    buttons = acts(
        workflow.actions(policy, POLICY_FLOW, actor=request.user, also=_lacking(versions)),
        lambda name: reverse("subsidies:policy-step", args=[policy.pk, name]),
    )
    ends = {POLICY_FLOW["abolish"].label} & {one.label for one in buttons if not one.refused}
    buttons += _version_acts(policy, versions, request)
    buttons += changes.buttons(change, request) if change else []
    hint = "拟订的人不能发布，发布的人不能拟订。"
    form = AbolishForm() if ends else None
    checks = _checks(policy, versions)
    return Panel("办理", buttons, hint=hint, form=form, checks=checks, drawn=workflow.drawn(policy))


def _checks(policy: Policy, versions: list[PolicyVersion]) -> list[Check]:
    """What publishing the version under way would leave: days without a standard, a period that is the earlier one's."""
    version = next((one for one in versions if one.status != VersionStatus.PUBLISHED), None)
    if version is None:
        return []
    found, first = [], version.valid.lower
    if (gap := queries.gap_behind(version)) and gap.lower:
        until = f"到{day_text(gap.upper - timedelta(days=1))}" if gap.upper else ""
        note = "那时的期次不能申报、建批次。要接着发的，截止日期空着，或者发布以后再添加一版"
        found.append(Check(f"从{day_text(gap.lower)}起{until}没有补贴标准", "warn", note))
    if not policy.is_one_off:
        period = Period.containing(first, Frequency(policy.frequency))
        if period.first < first and policy.version_on(period.first):
            words = f"{period.label}仍按上一版发，从{period.next().label}起按第 {version.number} 版"
            found.append(Check(words, "warn", "生效日期在一期的中间，一期只按它头一天的标准发"))
    return found


def _lacking_url(policy: Policy, versions: list[PolicyVersion], request: StaffRequest) -> str:
    """The panel of the room above that tells which rights lack what the version under way asks for."""
    version = next((one for one in versions if one.status != VersionStatus.PUBLISHED), None)
    if version is None or policy.status == PolicyStatus.DRAFT or not scope.reads(request.user, Area.REVIEW):
        return ""
    return reverse("recipients:version-lacking", args=[version.pk])


def _lacking(versions: list[PolicyVersion]) -> Callable[[Step], str]:
    """The reason of our own that greys out sending and publishing."""

    def reason(one: Step) -> str:
        lacks = not versions and one.name in {"submit", "publish"}
        return "还没有补贴标准，请先添加版本。" if lacks else ""

    return reason


def _version_acts(policy: Policy, versions: list[PolicyVersion], request: StaffRequest) -> list[Act]:
    """Buttons for the version under way: its own steps once the policy is public, and giving up a draft."""
    version = next((one for one in versions if one.status != VersionStatus.PUBLISHED), None)
    if version is None:
        return []
    user = request.user

    def earlier(one: Step) -> str:
        return workflow.separation_refusal(policy, one.duty, actor=user)

    found = workflow.acts(version, VERSION_FLOW, "discard_version", actor=user, also=earlier)
    if policy.status in {PolicyStatus.PUBLISHED, PolicyStatus.SUSPENDED}:
        found = workflow.actions(version, VERSION_FLOW, actor=user, also=earlier) + found
    buttons = acts(found, lambda name: reverse("subsidies:version-step", args=[version.pk, name]))
    return [replace(one, label=one.label.replace("版本", f"第 {version.number} 版")) for one in buttons]


def _tried(request: StaffRequest, versions: list[PolicyVersion]) -> dict[str, object]:
    """试一试: the version asked for (the newest by default), its form, and what came out."""
    wanted = request.GET.get("version", "")
    version = next((one for one in versions if str(one.number) == wanted), versions[0] if versions else None)
    if version is None:
        return {"tried": None}
    rule = rules.parse_rule(version.amount_rule)
    form = TryForm(rule.facts, request.GET if wanted else None)
    worked, refused = None, ""
    if wanted and form.is_valid():
        try:
            worked = rules.evaluate(rule, form.cleaned_data)
        except Refused as wrong:
            refused = str(wrong)
    return {"tried": version, "try_form": form, "worked": worked, "try_refused": refused}
