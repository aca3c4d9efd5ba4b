"""公示日历, a notice with its frozen list, poster and photographs; objections and their answers."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import django_filters
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, F, Q, QuerySet, Sum
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Area
from huimin.core.desk import lists, pages
from huimin.core.desk.exports import download, workbook
from huimin.core.desk.history import history
from huimin.core.desk.http import (
    StaffRequest,
    act_on_form,
    act_once,
    act_with,
    code_first,
    first_fault,
    opens,
)
from huimin.core.desk.pages import Link, Nothing, Stat
from huimin.core.errors import Refused, StepRefused
from huimin.core.records import files
from huimin.core.sheets.writer import Column
from huimin.core.values import identity, privacy
from huimin.core.work import workflow
from recipients import forms, queries
from recipients.models import DeclarationLine, Notice, NoticeLevel, NoticePhoto, Objection
from recipients.queries import notice_days
from recipients.rules import NAMES_IN_FULL
from recipients.services import notices, objections, pictures
from recipients.states import DECLARATION_FLOW, NOTICE_STATES, OBJECTION_ROLES, NoticeStatus
from recipients.views import helpers

_SHORTEST_PHONE = 7
_SORTS = {"starts": ("starts_on", "id"), "ends": ("ends_on", "id"), "place": ("division_code", "id")}


class NoticeFilter(lists.HouseFilterSet):
    level = django_filters.ChoiceFilter(label="级别", choices=NoticeLevel.choices)
    policy = django_filters.CharFilter(field_name="policy__name", lookup_expr="icontains", label="政策")
    month = django_filters.CharFilter(label="月份（如 2026-06）", method="by_month")
    state = django_filters.ChoiceFilter(label="状态", choices=NoticeStatus.choices, method="by_state")

    def by_month(self, rows: QuerySet[Notice], _: str, value: str) -> QuerySet[Notice]:
        first, last = _month(value)
        return rows.filter(starts_on__lte=last, ends_on__gte=first)

    def by_state(self, rows: QuerySet[Notice], _: str, value: str) -> QuerySet[Notice]:
        today = clock.today()
        return rows.filter(
            {
                "running": Q(withdrawn_at__isnull=True, ends_on__gte=today),
                "expired": Q(withdrawn_at__isnull=True, ends_on__lt=today),
                "withdrawn": Q(withdrawn_at__isnull=False),
            }[value]
        )


def _month(text: str) -> tuple[date, date]:
    """First and last day of a month such as 2026-06; this month when it is none."""
    year, _, month = text.partition("-")
    today = clock.today()
    if year.isdecimal() and month.isdecimal() and 2000 <= int(year) <= 2100 and 1 <= int(month) <= 12:
        today = date(int(year), int(month), 1)
    return today.replace(day=1), today.replace(day=monthrange(today.year, today.month)[1])


def _rows(request: StaffRequest) -> QuerySet[Notice]:
    rows: QuerySet[Notice] = (
        Notice.objects.visible_to(request.user)
        .select_related("policy", "declaration")
        .annotate(
            waiting=Count("objections", filter=Q(objections__status="open"), distinct=True),
            in_workdays=F("declaration__version__notice_in_workdays"),
        )
    )
    return rows


@opens(Area.NOTICE)
@require_safe
def notice_list(request: StaffRequest) -> HttpResponse:
    context = lists.listing(
        request,
        _rows(request),
        sorts=_SORTS,
        default="-starts",
        filterset=NoticeFilter,
        totals={"lines": Sum("line_count", default=0), "amount": Sum("total", default=Decimal(0))},
        export=reverse("recipients:notice-export"),
    )
    first, last = _month(request.GET.get("month", ""))
    today = clock.today()
    context["rows"] = queries.with_places(context["page"])
    for one in context["rows"]:
        _place_on_track(one, first, last, today)
    terms_guessed = [one for one in context["rows"] if one.in_workdays and not one.withdrawn_at]
    context |= {
        "first": first,
        "days": range(1, last.day + 1),
        "today_at": today.day - 0.5 if first <= today <= last else 0,
        "term_warning": notice_days.warning(
            min((one.starts_on for one in terms_guessed), default=None),
            max((one.ends_on for one in terms_guessed), default=None),
        ),
        "stats": _stats(request, today),
        "nothing": Nothing(
            "这段时间没有公示",
            "申报册走到公示环节后，在申报册里登记张贴。",
            [Link("看全部公示", request.path)],
        ),
    }
    return render(request, "recipients/notice_list.html", context)


def _place_on_track(one: Notice, first: date, last: date, today: date) -> None:
    """Where the bar of this notice begins in the month and how many days it covers there; 0 when none."""
    start, end = max(one.starts_on, first), min(one.ends_on, last)
    one.at, one.span = start.day, max(0, (end - start).days + 1)  # type: ignore[attr-defined]
    status = NoticeStatus(one.status_on(today))
    one.word, one.badge = status.label, status.badge  # type: ignore[attr-defined]
    one.look = "bad" if one.waiting else "ok" if status == NoticeStatus.EXPIRED else ""  # type: ignore[attr-defined]


def _stats(request: StaffRequest, today: date) -> list[Stat]:
    mine = Notice.objects.visible_to(request.user).filter(withdrawn_at__isnull=True)
    found = mine.aggregate(
        running=Count("pk", filter=Q(ends_on__gte=today)),
        ending=Count("pk", filter=Q(ends_on=today)),
        bare=Count("pk", filter=Q(ends_on__gte=today, photos__isnull=True)),
    )
    waiting = Objection.objects.visible_to(request.user).filter(status="open").count()
    return [
        Stat("公示中", str(found["running"]), "份"),
        Stat("今天期满", str(found["ending"]), "份", "明天起可以进入下一步"),
        Stat("没答复的异议", str(waiting), "件", "答复前不能进入下一步", is_key=waiting > 0),
        Stat("没有照片", str(found["bare"]), "份", "期满前要补"),
    ]


@opens(Area.NOTICE)
@require_safe
def notice_export(request: StaffRequest) -> HttpResponseBase:
    chosen = NoticeFilter(request.GET, queryset=_rows(request), request=request)
    order = lists.order_of(request.GET.get("sort", ""), _SORTS, "-starts")
    columns = [
        Column("政策", 30), Column("期次", 10), Column("乡镇、村", 24), Column("级别", 8), Column("开始", 12),
        Column("结束", 12), Column("人数", 10, "integer"), Column("金额（元）", 16, "amount"), Column("状态", 10),
    ]  # fmt: skip
    today = clock.today()
    rows = (
        (str(one.policy), one.declaration.period, one.place_name, one.get_level_display(), str(one.starts_on),
         str(one.ends_on), one.line_count, one.total, NoticeStatus(one.status_on(today)).label)
        for one in queries.in_places(chosen.qs.order_by(*order.columns))
    )  # fmt: skip
    return workbook(request, "公示", columns, rows, of=chosen.qs)


def _notice(request: StaffRequest, pk: int) -> Notice:
    rows = Notice.objects.visible_to(request.user)
    return get_object_or_404(
        rows.select_related("policy__department", "declaration__version", "posted_by"), pk=pk
    )


@opens(Area.NOTICE)
@require_safe
def notice_detail(request: StaffRequest, pk: int) -> HttpResponse:
    one = _notice(request, pk)
    context = lists.listing(
        request,
        one.lines.all(),
        sorts={"no": "line_no", "amount": ("amount", "line_no")},
        default="no",
        size=50,
    )
    status = NoticeStatus(one.status_on(clock.today()))
    place: dict[str, Any] = {"division_code": one.division_code, "policy_id": one.policy_id}
    context |= {
        "one": one,
        "place": queries.place_names([one.division_code])[one.division_code],
        "word": status.label,
        "badge": status.badge,
        "term": notice_days.term_of(one.declaration.version).label,
        "names_in_full": NAMES_IN_FULL,
        "term_warning": notice_days.warning_of(one),
        "photos": one.photos.select_related("file"),
        "objections": one.objections.defer("text", "contact"),
        "photo_form": forms.PhotoForm(initial={"taken_on": clock.today()}),
        "objection_form": forms.ObjectionForm(),
        "may_photo": scope.holds(request.user, DECLARATION_FLOW[f"end_{one.level}_notice"].roles, **place),
        "is_running": status == NoticeStatus.RUNNING,
        "action_key": str(uuid4()),
        "history": history(one, nobody=""),
        "may_open_declaration": scope.reads(request.user, Area.REVIEW),
    }
    return render(request, "recipients/notice_detail.html", context)


@opens(Area.NOTICE)
@require_safe
def notice_poster(request: StaffRequest, pk: int) -> HttpResponseBase:
    one = _notice(request, pk)
    path = helpers.url_if_any("publicity:verify-code", one.code) or "/"
    try:
        content = notices.poster(one, verify_url=request.build_absolute_uri(path))
    except StepRefused as refused:
        messages.error(request, str(refused))
        return redirect("recipients:notice-detail", pk=pk)
    return download(content, name=f"公示-{one.pk}.pdf", content_type="application/pdf")


def withdrawing(request: StaffRequest, one: Notice | None) -> list[pages.Act]:
    """The button that takes the standing notice back, with its reason where another person must press it."""
    if one is None:
        return []
    declaration = one.declaration
    found = workflow.acts(
        declaration,
        DECLARATION_FLOW,
        f"withdraw_{declaration.status}",
        actor=request.user,
        also=lambda act: workflow.separation_refusal(one, act.duty, actor=request.user),
    )
    return pages.acts(found, lambda _: reverse("recipients:notice-withdraw", args=[one.pk]))


@opens(Area.NOTICE)
@require_POST
def notice_withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    """撤回登记 of a notice that was registered by mistake."""
    one = _notice(request, pk)
    return act_once(
        request,
        lambda: notices.withdraw_notice(pk, note=request.POST.get("note", ""), actor=request.user),
        name="notice.withdraw",
        back=reverse("recipients:declaration-detail", args=[one.declaration_id])
        if scope.reads(request.user, Area.REVIEW)
        else reverse("recipients:notice-detail", args=[pk]),
        done="公示登记已撤回。请重新登记张贴，天数从头算。",
    )


@opens(Area.NOTICE)
@require_POST
def photo_add(request: StaffRequest, pk: int) -> HttpResponse:
    _notice(request, pk)
    form = forms.PhotoForm(request.POST, request.FILES)

    def add(data: dict[str, Any]) -> None:
        upload: UploadedFile = data["photo"]
        content = upload.read(pictures.MOST_BYTES + 1)
        notices.add_photo(pk, content, caption=data["caption"], taken_on=data["taken_on"], actor=request.user)

    return act_with(
        request,
        form,
        add,
        name="notice.photo",
        back=reverse("recipients:notice-detail", args=[pk]),
        done="照片已存档。",
    )


@opens(Area.NOTICE)
@require_safe
def photo(request: StaffRequest, pk: int, photo: int) -> HttpResponse:
    _notice(request, pk)
    found = get_object_or_404(NoticePhoto.objects.select_related("file"), pk=photo, notice_id=pk)
    response = HttpResponse(files.read(found.file), content_type=found.file.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    return response


@opens(Area.NOTICE)
@require_POST
@sensitive_post_parameters("text", "contact")
def objection_file(request: StaffRequest, pk: int) -> HttpResponse:
    _notice(request, pk)
    return act_with(
        request,
        forms.ObjectionForm(request.POST),
        lambda data: objections.file_by_clerk(
            pk, text=data["text"], contact=data["contact"], actor=request.user
        ),
        name="objection.file",
        back=reverse("recipients:notice-detail", args=[pk]),
        done="异议已登记，答复前不能进入下一步。",
    )


# --- objections --------------------------------------------------------------------------------------------------------------


class ObjectionFilter(lists.HouseFilterSet):
    code = django_filters.CharFilter(label="受理编号", lookup_expr="icontains")
    status = django_filters.ChoiceFilter(label="状态", choices=Objection.Status.choices)


@opens(Area.NOTICE)
@require_safe
def objection_list(request: StaffRequest) -> HttpResponse:
    rows = (
        Objection.objects.visible_to(request.user)
        .defer("text", "contact")
        .select_related("notice__policy", "answered_by")
    )
    context = lists.listing(
        request,
        rows,
        sorts={"filed": "id", "status": ("status", "id")},
        default="-filed",
        filterset=ObjectionFilter,
        export=reverse("recipients:objection-export"),
    )
    context["rows"] = queries.with_places(context["page"])
    for one in context["rows"]:
        one.badge = Objection.Status(one.status).badge
    context["nothing"] = Nothing(
        "没有异议",
        "群众在网上或窗口提出的异议会在这里。",
        [Link("看公示", reverse("recipients:notice-list"))],
    )
    return render(request, "recipients/objection_list.html", context)


@opens(Area.NOTICE)
@require_safe
def objection_export(request: StaffRequest) -> HttpResponseBase:
    rows = (
        Objection.objects.visible_to(request.user).defer("text", "contact").select_related("notice__policy")
    )
    chosen = ObjectionFilter(request.GET, queryset=rows, request=request)
    columns = [Column("受理编号", 18), Column("政策", 30), Column("乡镇、村", 24), Column("提出时间", 18), Column("状态", 10), Column("核实结果", 50)]  # fmt: skip
    found = (
        (one.code, str(one.notice.policy), one.place_name, timezone.localtime(one.filed_at).strftime("%Y-%m-%d"), one.get_status_display(), one.answer)
        for one in queries.in_places(chosen.qs.order_by("-pk"))
    )  # fmt: skip
    return workbook(request, "异议", columns, found, of=chosen.qs)


@opens(Area.NOTICE)
@require_http_methods(["GET", "HEAD", "POST"])
def objection_detail(request: StaffRequest, pk: int) -> HttpResponse:
    one = _objection(request, pk)
    form = forms.AnswerForm(request.POST or None, lines=_standing_lines(one))
    if request.method == "POST" and form.is_valid() and _answer(request, one, form):
        return redirect("recipients:objection-detail", pk=pk)
    return render(request, "recipients/objection_detail.html", _objection_context(request, one, form))


def _objection(request: StaffRequest, pk: int) -> Objection:
    rows = Objection.objects.visible_to(request.user)
    return get_object_or_404(
        rows.select_related("notice__policy", "notice__declaration__version", "answered_by"), pk=pk
    )


def _standing_lines(one: Objection) -> list[DeclarationLine]:
    standing = one.notice.declaration.lines.filter(excluded_at_level="").select_related(
        "beneficiary__household"
    )
    shown = ("pk", "line_no", "declaration", "beneficiary__name", "beneficiary__household__group_name")
    return list(standing.only(*shown).order_by("line_no"))


def _masked(contact: str) -> str:
    """The end of the number that was left; of other words nothing."""
    digits = "".join(filter(str.isdecimal, contact))
    return identity.mask_phone(digits) if len(digits) >= _SHORTEST_PHONE else contact and "留了"


@opens(Area.NOTICE)
@require_POST
def objection_contact(request: StaffRequest, pk: int) -> HttpResponse:
    """The objector's telephone stands in the answer to this one POST and nowhere else."""
    one = _objection(request, pk)
    form, shown = forms.ContactRevealForm(request.POST), ""
    if form.is_valid():
        back = reverse("recipients:objection-detail", args=[pk])
        if asked := code_first(request, "看联系方式", back=back):
            return asked
        try:
            shown = objections.reveal_contact(pk, reason=form.cleaned_data["reason"], actor=request.user)
        except Refused as refused:
            messages.error(request, str(refused))
    else:
        messages.error(request, first_fault(form))
    answer = forms.AnswerForm(lines=_standing_lines(one))
    context = _objection_context(request, one, answer, shown)
    return render(request, "recipients/objection_detail.html", context)


def _objection_context(
    request: StaffRequest, one: Objection, form: forms.AnswerForm, shown: str = ""
) -> dict[str, Any]:
    declaration = one.notice.declaration
    place: dict[str, Any] = {"division_code": one.division_code, "policy_id": declaration.policy_id}
    knows_how = scope.holds(request.user, OBJECTION_ROLES, **place)
    is_open = one.status == Objection.Status.OPEN
    return {
        "one": one,
        "text": privacy.hide(one.text),
        "contact": _masked(one.contact or ""),
        "contact_form": forms.ContactRevealForm()
        if one.contact and not objections.contact_refusal(one, actor=request.user)
        else None,
        "shown": shown,
        "declaration": declaration,
        "place": queries.place_names([one.division_code])[one.division_code],
        "badge": Objection.Status(one.status).badge,
        "form": form,
        "is_open": is_open,
        "is_live": _is_live(one),
        "may_answer": knows_how,
        "why_not": workflow.separation_refusal(declaration, Duty.OBJECTION_ANSWER, actor=request.user)
        if knows_how
        else "",
        "history": history(one, nobody=""),
        "term_warning": notice_days.warning_of(one.notice) if is_open else "",
        "action_key": str(uuid4()),
    }


def _is_live(one: Objection) -> bool:
    """Does the list still hang in the revision that was objected to? Else the answer moves nothing."""
    declaration = one.notice.declaration
    return declaration.status in NOTICE_STATES and declaration.revision == one.notice.revision


_ANSWERED = {
    "rejected": "已答复：不属实，公示照常。",
    "exclude": "已答复：属实，选的人已剔除，原公示已撤下。请重新张贴，天数从头算。",
    "return": "已答复：属实，原公示已撤下，申报册已退回补正。",
}


def _answer(request: StaffRequest, one: Objection, form: forms.AnswerForm) -> bool:
    data, live = form.cleaned_data, _is_live(one)
    done = act_on_form(
        request,
        form,
        lambda: objections.answer_objection(
            one.pk,
            upheld=data["verdict"] != "rejected",
            answer=data["answer"],
            exclude=[int(line) for line in data["exclude"]] if data["verdict"] == "exclude" else [],
            send_back=data["verdict"] == "return",
            actor=request.user,
        ),
        name="objection.answer",
    )
    if done:
        messages.success(request, _ANSWERED[data["verdict"]] if live else "已答复，结论已登记。")
    return done is not None
