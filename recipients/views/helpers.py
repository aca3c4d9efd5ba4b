"""What the pages of this app share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse

from huimin.core.authority import scope
from huimin.core.desk.errors import forbidden
from huimin.core.desk.http import StaffRequest, refuse_private_note, take_action_key
from huimin.core.errors import Refused, StepForbidden
from huimin.core.models import Division, Level


def act(request: StaffRequest, what: Callable[[], Any], *, name: str, back: str, done: str) -> HttpResponse:
    """Run a service for a button once per form: the action key and the service are one transaction.

    A refusal is shown as it stands, one of the wrong post as its own page. Steps of a workflow take http.take_step.
    """
    try:
        with transaction.atomic():
            refuse_private_note(request)
            take_action_key(request, name)
            what()
    except StepForbidden as refused:
        return forbidden(request, refused)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, done)
    return redirect(back)


def act_with(
    request: StaffRequest,
    form: Form,
    what: Callable[[dict[str, Any]], Any],
    *,
    name: str,
    back: str,
    done: str,
) -> HttpResponse:
    """The same for a small form on a page: its first fault is shown as the refusal."""
    if not form.is_valid():
        messages.error(request, str(next(iter(form.errors.values()))[0]))
        return redirect(back)
    return act(request, lambda: what(form.cleaned_data), name=name, back=back, done=done)


def act_on_form(request: StaffRequest, form: Form, what: Callable[[], Any], *, name: str) -> bool:
    """The same for a page that is its form: whether it was done; a refusal stands in the form."""
    try:
        with transaction.atomic():
            take_action_key(request, name)
            what()
    except Refused as refused:
        form.add_error(None, str(refused))
        return False
    return True


def url_if_any(name: str, *args: Any) -> str:
    """The address of a higher app's page, or nothing where that app is not there."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def town_choices(request: StaffRequest) -> list[tuple[str, str]]:
    """Towns that a grant of this person lies in or covers."""
    return _choices(request, Level.TOWN)


def village_choices(request: StaffRequest) -> list[tuple[str, str]]:
    return _choices(request, Level.VILLAGE)


def _choices(request: StaffRequest, level: str) -> list[tuple[str, str]]:
    codes: set[str] = set()
    found: list[tuple[str, str]] = []
    for grant in request.user.active_grants:
        rows = Division.objects.below(grant.division_id).filter(level=level)
        if level == Level.TOWN and not grant.division_id.endswith("000"):
            rows = Division.objects.filter(pk=scope.town_of(grant.division_id))
        for one in rows:
            if one.code not in codes:
                codes.add(one.code)
                found.append((one.code, one.short_name))
    return found
