"""Notices while their days run, objections against them, and what became of an objection."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from huimin.core import clock
from huimin.core.desk.errors import too_many
from huimin.core.desk.http import public
from huimin.core.errors import Refused
from huimin.core.models import Division
from publicity import queries, services
from publicity.forms import WRONG_SUM, ObjectionForm, ProgressForm
from publicity.views.shell import PublicRequest, names_page, open_page, private_page, show
from recipients.models import Notice, Objection
from recipients.services import objections

PAGE = 100


@public
@require_safe
@open_page
def notices(request: PublicRequest) -> HttpResponse:
    page = Paginator(queries.running_notices(clock.today()), PAGE).get_page(request.GET.get("page"))
    names = Division.objects.titles([notice.division_code for notice in page])
    rows = [(notice, names[notice.division_code]) for notice in page]
    return show(request, "publicity/notices.html", {"rows": rows, "page": page, "today": clock.today()})


@public
@require_safe
@names_page
def notice(request: PublicRequest, notice_id: int) -> HttpResponse:
    found = _running(notice_id)
    page = Paginator(found.lines.order_by("line_no"), PAGE).get_page(request.GET.get("page"))
    context = {
        "notice": found,
        "place": queries.place_title(found.division_code),
        "page": page,
        "offices": queries.offices_at(found.division_code),
        "today": clock.today(),
    }
    return show(request, "publicity/notice.html", context)


@public
@sensitive_post_parameters("text", "household", "contact")
@require_http_methods(["GET", "HEAD", "POST"])
@private_page
def objection(request: PublicRequest, notice_id: int) -> HttpResponse:
    """File an objection; the code that it gets is the only way back to it."""
    found = _running(notice_id)
    form = ObjectionForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (code := _file(request, found, form)):
        return redirect(f"{reverse('publicity:objection-progress', args=[code])}?filed=1")
    form.ask(services.new_challenge())
    context = {"form": form, "notice": found, "place": queries.place_title(found.division_code)}
    return show(request, "publicity/objection.html", context)


def _file(request: PublicRequest, notice: Notice, form: ObjectionForm) -> str:
    """The code of the objection, or nothing and the reason on the form."""
    if not services.settle_challenge(form.cleaned_data["token"], form.cleaned_data["answer"]):
        form.add_error("answer", WRONG_SUM)
        return ""
    if not services.count_use("objection", request.client_ip):
        form.add_error(None, "这里一小时内提得太多了，请过一会儿再提，或者打 12345。")
        return ""
    try:
        return objections.file_objection(
            notice, text=form.told(), contact=form.cleaned_data["contact"].strip()
        )
    except Refused as refused:
        form.add_error(None, str(refused))
        return ""


@public
@require_http_methods(["GET", "HEAD", "POST"])
@private_page
def progress(request: PublicRequest) -> HttpResponse:
    """Ask by code; unknown codes are counted, here and in the address, so that nobody walks through them."""
    form = ProgressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        code = "".join(form.cleaned_data["code"].split()).upper()
        if not services.count_use("progress", request.client_ip):
            form.add_error("code", "查得太多了，请过一会儿再查")
        elif Objection.objects.filter(code=code).exists():
            services.give_use_back("progress", request.client_ip)
            return redirect("publicity:objection-progress", code)
        else:
            form.add_error("code", "没有这个查询号，请核对")
    return show(request, "publicity/objection_ask.html", {"form": form})


@public
@require_safe
@private_page
def objection_progress(request: PublicRequest, code: str) -> HttpResponse:
    """Stage and answer; what was written and by whom is not shown, since the code may be seen by others.

    Counted before it is looked up: over the limit a right code is answered like a wrong one.
    """
    if not services.count_use("progress", request.client_ip):
        return too_many(request)
    found = get_object_or_404(
        Objection.objects.select_related("notice__policy").defer("text", "contact"), code=code
    )
    services.give_use_back("progress", request.client_ip)
    context = {
        "objection": found,
        "place": queries.place_title(found.notice.division_code),
        "just_filed": "filed" in request.GET,
        "today": clock.today(),
    }
    return show(request, "publicity/objection_progress.html", context)


def _running(notice_id: int) -> Notice:
    """A notice whose days run today: afterwards its names are no longer on the site."""
    found: Notice = get_object_or_404(queries.running_notices(clock.today()), pk=notice_id)
    return found
