"""家庭与个人: search, the person's page, private fields, edits, deaths."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import django_filters
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.authority.scope import within
from huimin.core.desk import lists, pages
from huimin.core.desk.exports import workbook
from huimin.core.desk.history import history
from huimin.core.desk.http import StaffRequest, act_on_form, act_with, code_first, not_yours, opens, take_step
from huimin.core.desk.pages import Link, Nothing
from huimin.core.errors import BadInput, Refused
from huimin.core.sheets.writer import Column
from huimin.core.values import identity
from huimin.core.values.days import day_text
from huimin.core.work import workflow
from recipients import forms, queries
from recipients.files import relations
from recipients.models import Death, Entitlement, NumberChange, Person, RecordStatus, Suspension
from recipients.services import deaths, heads, registry
from recipients.states import (
    ACCOUNT_ASK_ROLES,
    DEATH_FLOW,
    EDIT_ROLES,
    IMPORT_ROLES,
    NUMBER_ASK_ROLES,
    DeathStatus,
    HeadChangeStatus,
    NumberChangeStatus,
)
from recipients.views import helpers
from recipients.views.entitlements import payments_since, suspension_acts
from recipients.views.records import on_the_page

# not by birthday: beside the mask, the order of many people would tell each one's day
_SORTS = {"name": "name_key", "entered": "id"}
_COLUMNS = [
    Column("姓名", 12),
    Column("身份证号", 22),
    Column("性别", 6),
    Column("出生年", 8, "integer"),
    Column("乡镇、村", 26),
    Column("小组", 14),
    Column("农户编码", 16),
    Column("与户主关系", 12),
    Column("账号尾号", 10),
    Column("状态", 8),
    Column("身份标识", 24),
    Column("备注", 30),
]


def _towns(request: HttpRequest) -> list[tuple[str, str]]:
    return helpers.town_choices(request)  # type: ignore[arg-type]


def _villages(request: HttpRequest) -> list[tuple[str, str]]:
    return helpers.village_choices(request)  # type: ignore[arg-type]


class PersonFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(label="姓名、拼音首字母、农户编码", method="by_words")
    town = django_filters.ChoiceFilter(label="乡镇", choices=_towns, method="by_place")
    village = django_filters.ChoiceFilter(label="村", choices=_villages, method="by_place")
    status = django_filters.ChoiceFilter(label="状态", choices=RecordStatus.choices)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, found in (("town", _towns), ("village", _villages)):
            self.filters[name].extra["choices"] = found(self.request)

    def by_words(self, rows: QuerySet[Person], _: str, value: str) -> QuerySet[Person]:
        return rows.filter(queries.matching(value))

    def by_place(self, rows: QuerySet[Person], _: str, value: str) -> QuerySet[Person]:
        return rows.filter(within(value))


@opens(Area.REGISTRY)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("q")
def person_list(request: StaffRequest) -> HttpResponse:
    """The list. A whole ID number is searched by POST, so that it never stands in an address or a log."""
    if request.method == "POST":
        return _open_by_number(request)
    context = lists.keyset_listing(
        request,
        queries.people_for(request.user),
        sorts=_SORTS,
        default="name",
        filterset=PersonFilter,
        totals={},
        export=reverse("recipients:person-export"),
    )
    context["rows"] = queries.with_places(context["page"])
    context["may_import"] = scope.holds_anywhere(request.user, IMPORT_ROLES)
    context["nothing"] = Nothing(
        "没有找到符合条件的人",
        "换个写法再找；还没有建档的，请导入采集表。",
        [Link("看全部人员", request.path)],
    )
    return render(request, "recipients/person_list.html", context)


def _open_by_number(request: StaffRequest) -> HttpResponse:
    try:
        wanted = queries.with_number(request.POST.get("q", ""))
    except BadInput as wrong:
        messages.error(request, str(wrong))
        return redirect("recipients:person-list")
    found = Person.objects.visible_to(request.user).filter(wanted).only("pk").first()
    if found is None:
        messages.error(request, "没有找到这个身份证号的人，或不在您的管理范围。")
        return redirect("recipients:person-list")
    return redirect("recipients:person-detail", pk=found.pk)


@opens(Area.REGISTRY)
@require_safe
def person_export(request: StaffRequest) -> HttpResponseBase:
    chosen = PersonFilter(request.GET, queryset=queries.people_exported_for(request.user), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "name")
    found = queries.in_places(chosen.qs.order_by(*order.columns))
    rows = (
        (
            one.name,
            identity.mask_id_staff(one.id_number),
            one.get_sex_display(),
            one.birth_date.year,
            one.place_name,
            one.household.group_name,
            one.household.code,
            relations.LABELS.get(one.relation, ""),
            one.active_accounts[0].tail if one.active_accounts else "",
            one.get_status_display(),
            "、".join(one.marks),
            one.note,
        )
        for one in found
    )
    return workbook(request, "补贴对象", _COLUMNS, rows, of=chosen.qs)


@opens(Area.REGISTRY)
@require_safe
def person_detail(request: StaffRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Person.objects.visible_to(request.user).select_related("household"), pk=pk)
    return render(request, "recipients/person_detail.html", _detail(request, person))


def _detail(request: StaffRequest, person: Person, shown: dict[str, str] | None = None) -> dict[str, Any]:
    members: list[Any] = list(
        queries.people_for(request.user).filter(household=person.household).order_by("-is_holder", "pk")
    )
    for member in members:
        member.relation_label = relations.LABELS.get(member.relation, "")
    rights = (
        Entitlement.objects.visible_to(request.user)
        .filter(beneficiary=person)
        .select_related("policy")
        .prefetch_related("versions__succession__earlier__beneficiary")
    )
    place = person.division_code
    may_edit = scope.holds(request.user, EDIT_ROLES, division_code=place)
    head_changes = heads.household_changes(person.household)
    waiting = head_changes.filter(status=HeadChangeStatus.ASKED).first()
    return {
        "person": person,
        "place": queries.place_names([place])[place],
        "facts": _facts(person),
        "members": members,
        "holder": next((one for one in members if one.is_holder), None),
        "accounts": person.accounts.defer("number").select_related("bank").order_by("-is_active", "-pk"),
        "changes": person.account_changes.defer("number")
        .select_related("asked_by", "checked_by")
        .order_by("-pk"),
        "rights": rights,
        "suspensions": _suspensions(request, person),
        "history": history(person, nobody=""),
        # a panel that this person's roles may not open is not asked for
        "payments_url": helpers.url_if_any("disbursement:person-payments", person.pk)
        if scope.reads(request.user, Area.ROSTER)
        else "",
        "may_edit": may_edit,
        "may_head": may_edit and not waiting and not heads.why_not_head(person),
        "head_waits": waiting if may_edit else None,
        "head_changes": head_changes,
        "may_number": person.status != RecordStatus.VOID
        and scope.holds(request.user, NUMBER_ASK_ROLES, division_code=place),
        "number_waits": NumberChange.objects.visible_to(request.user)
        .filter(Q(person=person) | Q(other=person), status=NumberChangeStatus.ASKED)
        .only("pk")
        .first(),
        "may_ask": person.status != RecordStatus.VOID
        and scope.holds(request.user, ACCOUNT_ASK_ROLES, division_code=place),
        "may_reveal": registry.may_reveal(person, actor=request.user),
        "reveal_form": forms.RevealForm(),
        "death_form": forms.DeathForm(),
        "death_panel": _death_panel(request, person),
        "action_key": str(uuid4()),
        "shown": shown,
        **on_the_page(request, person),
    }


def _suspensions(request: StaffRequest, person: Person) -> list[Any]:
    """The pauses of the person's rights, newest first, each with the way to what was paid from its day on."""
    found: list[Any] = list(
        Suspension.objects.visible_to(request.user)
        .filter(entitlement__beneficiary=person)
        .select_related("policy", "entitlement")
    )
    for one in found:
        one.payments_url = payments_since(
            request, one.entitlement, one.told_from, keeps=one.kind == Suspension.Kind.WITHHELD
        )
        one.who_lifts = suspension_acts(request, one)[1]
    return found


def _facts(person: Person) -> list[pages.Pair]:
    """基本情况: what the registry holds of the person besides numbers, which are asked for one by one."""
    found = {
        "与户主关系": relations.LABELS.get(person.relation, ""),
        "性别": person.get_sex_display(),
        "出生日期": day_text(person.birth_date),
        "状态": person.get_status_display(),
        "身份标识": "、".join(person.marks),
        "入户日期": day_text(person.resident_since) if person.resident_since else "",
        "备注": person.note,
    }
    return [pages.Pair(label, value) for label, value in found.items()]


def _death_panel(request: StaffRequest, person: Person) -> pages.Panel | None:
    """The way back from a mistaken death, for those whose post it is."""
    death = person.deaths.filter(status=DeathStatus.STANDING).first()
    found = workflow.actions(death, DEATH_FLOW, actor=request.user) if death else []
    if not found or death is None:
        return None
    url = reverse("recipients:death-correct", args=[person.pk, death.pk])
    return pages.Panel(
        "更正死亡登记",
        pages.acts(found, lambda _: url),
        hint=f"由{death.recorded_by}登记，须由另一个人更正；{_what_comes_back(death)}",
        note_label="更正原因",
    )


def _what_comes_back(death: Death) -> str:
    """What correcting a death gives back, and what others decided because of it and stays: rights that passed to the next
    head, that one's place, a card of the family."""
    passed = death.endings.filter(succession__isnull=False).exists()
    found = [f"因它终止的享受资格随之恢复{'，已转给新户主的除外' if passed else ''}。"]
    head = heads.head_since(death)
    if head or passed:
        who = f"户主仍是{head}，不随更正改回。" if head else ""
        what = "要改回来的" if head else "要转回来的"
        day = day_text(death.died_on)
        found.append(f"{who}{what}，更正以后再办一次户主变更，变更日期填{day}。")
    card = death.person.accounts.filter(is_active=True).exclude(holder_name=death.person.name).first()
    if card:
        found.append(
            f"在用的卡是尾号{card.tail}、户名{card.holder_name}的，以后发给这个人的钱都到这张卡；"
            "要换回本人的，更正以后申请换卡。"
        )
    return "".join(found)


@opens(Area.REGISTRY)
@require_POST
def person_reveal(request: StaffRequest, pk: int) -> HttpResponse:
    """The private field stands in the answer to this one POST and nowhere else."""
    person = get_object_or_404(Person.objects.visible_to(request.user).select_related("household"), pk=pk)
    form = forms.RevealForm(request.POST)
    shown = None
    if form.is_valid():
        if asked := code_first(request, "看完整号码", back=reverse("recipients:person-detail", args=[pk])):
            return asked
        field = form.cleaned_data["field"]
        try:
            value = registry.reveal(pk, field, reason=form.cleaned_data["reason"], actor=request.user)
            shown = {"label": registry.PRIVATE[field], "value": value or "没有登记"}
        except Refused as refused:
            messages.error(request, str(refused))
    else:
        messages.error(request, str(next(iter(form.errors.values()))[0]))
    return render(request, "recipients/person_detail.html", _detail(request, person, shown))


@opens(Area.REGISTRY)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("phone")
def person_edit(request: StaffRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Person.objects.visible_to(request.user).select_related("household"), pk=pk)
    if answer := not_yours(request, EDIT_ROLES, division_code=person.division_code, act="改档案"):
        return answer
    # the telephone is not shown: whoever needs it in full asks for it with code, reason and trace
    hidden = ("phone", "phone_gone")
    names = [name for name in forms.PersonForm.base_fields if name not in hidden]
    initial = {name: getattr(person, name, None) for name in names} | {
        "group_name": person.household.group_name,
        "seen": registry.state_of(person),
    }
    masked = identity.mask_phone(person.phone) if person.phone else ""
    form = forms.PersonForm(request.POST or None, initial=initial, masked_phone=masked)
    if (
        request.method == "POST"
        and form.is_valid()
        and act_on_form(
            request,
            form,
            lambda: registry.edit_person(
                pk, form.cleaned_data, seen=form.cleaned_data["seen"], actor=request.user
            ),
            name="person.edit",
        )
    ):
        messages.success(request, "已保存，变更记录里有改动前后的内容。")
        return redirect("recipients:person-detail", pk=pk)
    return form_page(request, person, form, "改档案", "保存")


@opens(Area.REGISTRY)
@require_POST
def person_death(request: StaffRequest, pk: int) -> HttpResponse:
    get_object_or_404(Person.objects.visible_to(request.user), pk=pk)
    return act_with(
        request,
        forms.DeathForm(request.POST),
        lambda data: deaths.record_death(pk, died_on=data["died_on"], actor=request.user),
        name="death.record",
        back=reverse("recipients:person-detail", args=[pk]),
        done="已登记死亡，享受资格已按各项政策的停发规则终止。",
    )


@opens(Area.REGISTRY)
@require_POST
def death_correct(request: StaffRequest, pk: int, death: int) -> HttpResponse:
    """更正: the person lives. By another one than who registered the death, with the reason."""
    found = get_object_or_404(Death.objects.visible_to(request.user), pk=death, person_id=pk)
    step = DEATH_FLOW["correct"]
    comes_back = _what_comes_back(found)
    return take_step(
        request,
        step,
        lambda: deaths.correct_death(
            found.pk, step.name, actor=request.user, note=request.POST.get("note", "")
        ),
        back=reverse("recipients:person-detail", args=[pk]),
        done=f"死亡登记已更正。{comes_back}这期间没有发的，在各期批次的页面建补发批次。",
    )


def form_page(request: StaffRequest, person: Person, form: Any, title: str, verb: str) -> HttpResponse:
    """A form about one person on a page of its own."""
    context = {"person": person, "form": form, "form_title": title, "verb": verb, "action_key": str(uuid4())}
    return render(request, "recipients/person_form.html", context)
