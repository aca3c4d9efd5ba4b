"""People and grants: the system administrator makes accounts, the security administrator grants and revokes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import django_filters
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from huimin.core import clock
from huimin.core.account_forms import AccountForm, GrantForm
from huimin.core.accounts import auth, queries, services
from huimin.core.authority import limits, scope
from huimin.core.authority.roles import Area, Role
from huimin.core.desk import lists
from huimin.core.desk.exports import workbook
from huimin.core.desk.http import StaffRequest, act_on_form, again, code_first, opens
from huimin.core.desk.pages import Link, Nothing
from huimin.core.errors import Refused
from huimin.core.models import Division, Grant, User
from huimin.core.sheets.writer import Column

_SORTS = {"name": ("name", "username"), "username": "username", "office": ("office__name", "name")}
_COLUMNS = [
    Column("姓名", 12),
    Column("用户名", 16),
    Column("机构", 24),
    Column("账号", 8),
    Column("角色", 14),
    Column("管辖区划", 18),
    Column("限定政策", 18),
    Column("起", 12),
    Column("止", 12),
    Column("状态", 10),
]
_POSTS = (
    (Role.SYSTEM_ADMIN, "建账号", "不能授权，不看业务数据"),
    (Role.SECURITY_ADMIN, "授权、收回、停用、重置密码", "不能建账号，不看业务数据"),
    (Role.AUDIT_ADMIN, "看日志，核对封存", "不能建账号，不能授权"),
)


class StaffFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(label="姓名或用户名", method="by_words")
    office = django_filters.CharFilter(field_name="office__name", lookup_expr="icontains", label="机构")
    role = django_filters.ChoiceFilter(label="角色", choices=Role.choices, method="by_role")
    state = django_filters.ChoiceFilter(
        label="账号",
        choices=[("active", "在用"), ("off", "停用"), ("bare", "没有授权"), ("ending", "30 天内到期")],
        method="by_state",
    )

    def by_words(self, rows: QuerySet[User], _: str, value: str) -> QuerySet[User]:
        return rows.filter(Q(name__icontains=value) | Q(username__icontains=value))

    def by_role(self, rows: QuerySet[User], _: str, value: str) -> QuerySet[User]:
        return rows.filter(Exists(Grant.objects.in_force().filter(user=OuterRef("pk"), role=value)))

    def by_state(self, rows: QuerySet[User], _: str, value: str) -> QuerySet[User]:
        if value in {"active", "off"}:
            return rows.filter(is_active=value == "active")
        in_force = Grant.objects.in_force().filter(user=OuterRef("pk"))
        if value == "bare":
            return rows.filter(~Exists(in_force))
        soon = clock.today() + timedelta(days=30)
        return rows.filter(Exists(in_force.filter(queries.ending_by(soon))))


@opens(Area.STAFF)
@require_safe
def staff_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        queries.staff_visible_to(request.user),
        sorts=_SORTS,
        default="office",
        filterset=StaffFilter,
        export=reverse("core:staff-export"),
    )
    today = clock.today()
    held = queries.administrators(settings.COUNTY_CODE)
    context |= {
        "lines": _lines(context["page"], today),
        "posts": [
            {"role": role, "people": held.get(role, []), "does": does, "not": cannot}
            for role, does, cannot in _POSTS
        ],
        "can_create": Role.SYSTEM_ADMIN in request.user.roles(),
        "nothing": Nothing(
            "没有符合条件的人员", "只列出您管辖范围内的账号。", [Link("看全部人员", request.path)]
        ),
    }
    return render(request, "core/staff_list.html", context)


def _lines(people: Iterable[Any], today: date) -> list[dict[str, Any]]:
    found = []
    for person in people:
        now = [grant for grant in person.all_grants if grant_state(grant, today) in {"在用", "未开始"}]
        found.append({"person": person, "grants": now, "past": len(person.all_grants) - len(now)})
    places = _places(grant.division_id for line in found for grant in line["grants"])
    for line in found:
        line["grants"] = [{"grant": grant, "place": places[grant.division_id]} for grant in line["grants"]]
    return found


def _places(codes: Iterable[str]) -> dict[str, str]:
    """Town and village: of villages of one name it says which."""
    return Division.objects.titles(codes, between=" ")


def grant_state(grant: Grant, today: date) -> str:
    if grant.revoked_at:
        return "已收回"
    first, end = grant.valid.lower, grant.valid.upper
    if first and today < first:
        return "未开始"
    return "已到期" if end and today >= end else "在用"


def _last_day(grant: Grant) -> date | None:
    """The stored range ends before its upper bound; people say the last day that counts."""
    return grant.valid.upper - timedelta(days=1) if grant.valid.upper else None


@opens(Area.STAFF)
@require_safe
def staff_export(request: StaffRequest) -> HttpResponseBase:
    chosen = StaffFilter(request.GET, queryset=queries.staff_visible_to(request.user), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "office")
    today = clock.today()
    people = chosen.qs.order_by(*order.columns).iterator(chunk_size=500)
    names = _names(Grant.objects.exclude(named_policies=None).only("named_policies"))
    places = _places(Grant.objects.values_list("division_id", flat=True).distinct())
    rows = (row for person in people for row in _export_rows(person, today, names, places))
    return workbook(request, "人员与授权", _COLUMNS, rows)


def _names(grants: Iterable[Grant]) -> dict[int, str]:
    return limits.policies().names({pk for grant in grants for pk in grant.named_policies or ()})


def _limit(grant: Grant, names: dict[int, str]) -> str:
    """What a grant is limited to, in words."""
    if grant.department:
        return f"{grant.department}的政策（含以后新增的）"
    if grant.named_policies is None:
        return "全部"
    return "、".join(names.get(pk, f"编号 {pk}（没有这项政策）") for pk in grant.named_policies)


def _export_rows(
    person: Any, today: date, names: dict[int, str], places: dict[str, str]
) -> list[tuple[object, ...]]:
    head = (person.name, person.username, str(person.office or ""), "在用" if person.is_active else "停用")
    if not person.all_grants:
        return [(*head, "", "", "", "", "", "没有授权")]
    return [
        (
            *head,
            grant.get_role_display(),
            places[grant.division_id],
            _limit(grant, names),
            str(grant.valid.lower or ""),
            str(_last_day(grant) or ""),
            grant_state(grant, today),
        )
        for grant in person.all_grants
    ]


@opens(Area.STAFF)
@never_cache
@sensitive_post_parameters("id_number", "phone")
@require_http_methods(["GET", "POST"])
def staff_create(request: StaffRequest) -> HttpResponse:
    """A new account; its first password is shown once, on the page that answers the form."""
    if Role.SYSTEM_ADMIN not in request.user.roles():
        raise PermissionDenied
    form = AccountForm(request.POST or None, actor=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            user, first = services.create_account(**form.cleaned_data, actor=request.user)
        except Refused as refused:
            form.add_error(getattr(refused, "field", "") or None, str(refused))
        else:
            return _show_password(request, user, first, "账号已建好")
    return render(request, "core/staff_create.html", {"form": form, "crumbs": _crumbs("建账号")})


def _show_password(request: StaffRequest, user: User, password: str, title: str) -> HttpResponse:
    return render(
        request, "core/staff_password.html", {"person": user, "first_password": password, "title": title}
    )


@opens(Area.STAFF)
@require_safe
def staff_detail(request: StaffRequest, pk: int) -> HttpResponse:
    return _detail_page(request, _person(request, pk))


def _crumbs(here: str) -> list[Link]:
    return [Link("人员与授权", reverse("core:staff")), Link(here)]


def _person(request: StaffRequest, pk: int) -> Any:
    return get_object_or_404(queries.staff_visible_to(request.user), pk=pk)


def _detail_page(request: StaffRequest, person: Any, form: GrantForm | None = None) -> HttpResponse:
    today = clock.today()
    place = person.office.division_id if person.office else ""
    names, places = _names(person.all_grants), _places(one.division_id for one in person.all_grants)
    is_own = bytes(person.person_key) == bytes(request.user.person_key)
    may = not is_own and scope.holds(request.user, {Role.SECURITY_ADMIN}, division_code=place)
    context = {
        "person": person,
        "crumbs": _crumbs(person.name),
        "grants": [
            {
                "grant": grant,
                "place": places[grant.division_id],
                "state": grant_state(grant, today),
                "last_day": _last_day(grant),
                "limit": _limit(grant, names),
            }
            for grant in person.all_grants
        ],
        "has_device": auth.has_device(person),
        "waits_to_bind": bool(may and services.why_not_bind(person)),
        "is_stepped_up": auth.is_stepped_up(request),
        "is_own": is_own,
        "may_change": may,
        "form": form or (GrantForm(user=person) if may else None),
        "action_key": uuid4(),
    }
    return render(request, "core/staff_detail.html", context)


@opens(Area.STAFF)
@require_POST
def grant_give(request: StaffRequest, pk: int) -> HttpResponse:
    """The form of the detail page; a refused one shows the page again with what was typed."""
    person = _person(request, pk)
    if asked := _code_first(request, "授权", pk):
        return asked
    form = GrantForm(request.POST, user=person)
    if not form.is_valid():
        return _detail_page(request, person, form)
    data = form.cleaned_data
    given = act_on_form(
        request,
        form,
        lambda: services.grant_role(
            person,
            data["role"],
            office=person.office,
            division=data["division"],
            first_day=data["first_day"],
            last_day=data["last_day"],
            policy_ids=data["policies"],
            department=data["department"],
            acknowledged=data.get("acknowledged", ()),
            actor=request.user,
        ),
        name="grant.give",
    )
    if given is None:
        return _detail_page(request, person, form)
    messages.success(request, f"已授予{person}“{Role(data['role']).label}”，马上生效。")
    return redirect("core:staff-detail", pk=pk)


@opens(Area.STAFF)
@require_POST
def grant_revoke(request: StaffRequest, pk: int) -> HttpResponse:
    grant = get_object_or_404(
        Grant.objects.filter(user__in=queries.staff_visible_to(request.user).values("pk")), pk=pk
    )
    note = request.POST.get("note", "")
    return _act(
        request,
        grant.user_id,
        "收回授权",
        lambda: services.revoke_grant(grant, note=note, actor=request.user),
        "授权已收回，马上生效。",
    )


@opens(Area.STAFF)
@never_cache
@require_POST
def password_reset(request: StaffRequest, pk: int) -> HttpResponse:
    """The new first password is shown once, on the page that answers."""
    person = _person(request, pk)
    if asked := _code_first(request, "重置密码", pk):
        return asked
    try:
        first = services.reset_password(person, actor=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("core:staff-detail", pk=pk)
    return _show_password(request, person, first, "密码已重置")


@opens(Area.STAFF)
@require_POST
def devices_remove(request: StaffRequest, pk: int) -> HttpResponse:
    person, note = _person(request, pk), request.POST.get("note", "")
    return _act(
        request,
        pk,
        "解除动态口令",
        lambda: services.remove_devices(person, note=note, actor=request.user),
        "动态口令已解除，本人下次用到时重新绑定。",
    )


@opens(Area.STAFF)
@require_POST
def binding_allow(request: StaffRequest, pk: int) -> HttpResponse:
    person, note = _person(request, pk), request.POST.get("note", "")
    return _act(
        request,
        pk,
        "允许绑定",
        lambda: services.allow_binding(person, note=note, actor=request.user),
        "本人现在可以绑定动态口令了。",
    )


@opens(Area.STAFF)
@require_POST
def active_set(request: StaffRequest, pk: int) -> HttpResponse:
    person, note = _person(request, pk), request.POST.get("note", "")
    wanted = request.POST.get("active") == "1"
    return _act(
        request,
        pk,
        "启用账号" if wanted else "停用账号",
        lambda: services.set_active(person, wanted, note=note, actor=request.user),
        "账号已启用。" if wanted else "账号已停用。",
    )


def _code_first(request: StaffRequest, label: str, pk: int) -> HttpResponse | None:
    return code_first(request, label, back=reverse("core:staff-detail", args=[pk]))


def _act(request: StaffRequest, pk: int, label: str, act: Callable[[], object], done: str) -> HttpResponse:
    if asked := _code_first(request, label, pk):
        return asked
    try:
        act()
    except Refused as refused:
        return again(request, str(refused), back=reverse("core:staff-detail", args=[pk]))
    messages.success(request, done)
    return redirect("core:staff-detail", pk=pk)
