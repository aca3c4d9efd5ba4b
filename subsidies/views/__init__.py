"""What the pages of this room share: guarding makers' pages, and posting a form through a service."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from django import forms
from django.db import transaction
from django.http import HttpResponse

from huimin.core.authority import scope
from huimin.core.authority.posts import not_your_post
from huimin.core.desk.errors import forbidden
from huimin.core.desk.http import StaffRequest, take_action_key
from huimin.core.desk.pages import Entry
from huimin.core.errors import BadInput, Refused
from huimin.core.models import AuditEvent

Made = TypeVar("Made")


def not_yours(
    request: StaffRequest, roles: Collection[str], *, division_code: str, policy_id: int | None = None
) -> HttpResponse | None:
    """The 403 page naming whose page this is, or None when the person holds one of the roles there."""
    if scope.holds(request.user, roles, division_code=division_code, policy_id=policy_id):
        return None
    return forbidden(request, not_your_post(roles))


def through(
    request: StaffRequest, form: forms.BaseForm, act: Callable[[], Made], *, name: str
) -> Made | None:
    """Run the service once for this form; a refusal stands in the form, at its field where that is known."""
    try:
        with transaction.atomic():
            take_action_key(request, name)
            return act()
    except BadInput as wrong:
        form.add_error(wrong.field if wrong.field in form.fields else None, str(wrong))
    except Refused as refused:
        form.add_error(None, str(refused))
    return None


def trail_entries(events: Collection[AuditEvent]) -> list[Entry]:
    """办理记录 from the audit trail."""
    return [
        Entry(
            text=_told(event.label or event.action, event.detail),
            who=event.actor.name if event.actor else "系统",
            when=event.business_at,
            state="back" if event.action in {"rework", "refuse", "discard_version"} else "",
            note=event.note,
        )
        for event in events
    ]


def _told(label: str, detail: dict[str, Any]) -> str:
    if version := detail.get("version"):
        return f"{label}（第 {version} 版，{detail.get('standard', '')}）"
    if policy := detail.get("policy"):
        return f"{label}（{policy}，优先级 {detail.get('priority', '')}）"
    return label
