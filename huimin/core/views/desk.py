"""The workbench, the inbox and the search box: pages that every signed-in person has."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from huimin.core import clock
from huimin.core.desk import figures, lists, searching, todos
from huimin.core.desk.http import StaffRequest, any_staff
from huimin.core.desk.pages import Link, Nothing
from huimin.core.desk.todos import Todo
from huimin.core.models import Job, Notification

SOON = timedelta(days=3)
_LONGEST_SEARCH = 60


@any_staff
@require_safe
def workbench(request: StaffRequest) -> HttpResponse:
    """What is most urgent, what waits for this person, and what they asked the machine to do."""
    today, waiting = clock.today(), todos.for_user(request.user)
    context = {
        "todos": [_todo_line(todo, today) for todo in waiting],
        "todo_count": sum(todo.count for todo in waiting),
        "urgent": _urgent(waiting, today),
        "figures": figures.for_user(request.user),
        "running": Job.objects.filter(created_by=request.user, state__in=["queued", "running"])[:5],
        "news": Notification.objects.filter(user=request.user, read_at__isnull=True)[:5],
        "nothing": Nothing("现在没有要您办的事", "有新的事会出现在这里，也会发到消息里。"),
    }
    return render(request, "core/workbench.html", context)


def _todo_line(todo: Todo, today: date) -> dict[str, Any]:
    state = ""
    if todo.due:
        state = "late" if todo.due < today else "soon" if todo.due - today <= SOON else ""
    return {"todo": todo, "due": _due_text(todo.due, today), "state": state}


def _due_text(due: date | None, today: date) -> str:
    if due is None:
        return ""
    days = (due - today).days
    if days < 0:
        return f"已超期 {-days} 天"
    return "今天到期" if days == 0 else f"还有 {days} 天"


def _urgent(waiting: list[Todo], today: date) -> dict[str, Any] | None:
    """The first thing with a limit that is over or near; todos come sorted by limit."""
    first = waiting[0] if waiting else None
    if first is None or first.due is None or first.due - today > SOON:
        return None
    return {"todo": first, "due": _due_text(first.due, today), "late": first.due < today}


class InboxFilter(lists.HouseFilterSet):
    q = django_filters.CharFilter(label="标题", method="by_words")
    unread = django_filters.ChoiceFilter(
        label="消息", choices=[("yes", "未读"), ("no", "已读")], method="by_reading"
    )

    def by_words(self, rows: QuerySet[Notification], _: str, value: str) -> QuerySet[Notification]:
        return rows.filter(Q(title__icontains=value) | Q(body__icontains=value))

    def by_reading(self, rows: QuerySet[Notification], _: str, value: str) -> QuerySet[Notification]:
        return rows.filter(read_at__isnull=value == "yes")


@any_staff
@require_safe
def inbox(request: StaffRequest) -> HttpResponse:
    own = Notification.objects.filter(user=request.user)
    context = lists.keyset_listing(request, own, sorts={"time": "id"}, default="-time", filterset=InboxFilter)
    context["nothing"] = Nothing(
        "没有消息",
        "任务办完、业务被退回、轮到您办的时候，这里会有消息。",
        [Link("看全部消息", request.path)],
    )
    return render(request, "core/inbox.html", context)


@any_staff
@require_safe
def open_message(request: StaffRequest, pk: int) -> HttpResponse:
    """Go where the message leads; having gone there is having read it."""
    message = get_object_or_404(Notification, pk=pk, user=request.user)
    if message.read_at is None:
        Notification.objects.filter(pk=pk).update(read_at=timezone.now())
    at_home = url_has_allowed_host_and_scheme(message.url, allowed_hosts={request.get_host()})
    return redirect(message.url if message.url and at_home else "core:inbox")


@any_staff
@require_POST
def read_all(request: StaffRequest) -> HttpResponse:
    Notification.objects.filter(user=request.user, read_at__isnull=True).update(read_at=timezone.now())
    return redirect("core:inbox")


@any_staff
@require_safe
def search(request: StaffRequest) -> HttpResponse:
    """Asks every registered kind; too short a word would list the county, so two characters are the least."""
    words = " ".join(request.GET.get("q", "").split())[:_LONGEST_SEARCH]
    found = searching.search(request.user, words) if len(words) > 1 else []
    text = (
        "请换一个词，或少写几个字；重名的写“姓名 村”。只找得到您管辖范围内的。"
        if len(words) > 1
        else "请至少写两个字：姓名、村、批次号、文号都可以。"
    )
    title = f"没有找到“{words}”" if len(words) > 1 else "要找什么"
    context = {"words": words, "found": found, "nothing": Nothing(title, text)}
    return render(request, "core/search.html", context)
