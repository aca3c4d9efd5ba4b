"""What the pages of this room share: guarding makers' pages, and the words of their trail."""

from __future__ import annotations

from collections.abc import Collection

from django.http import HttpResponse

from huimin.core.authority import scope
from huimin.core.authority.posts import not_your_post
from huimin.core.desk.errors import forbidden
from huimin.core.desk.http import StaffRequest
from huimin.core.models import AuditEvent


def not_yours(
    request: StaffRequest, roles: Collection[str], *, division_code: str, policy_id: int | None = None
) -> HttpResponse | None:
    """The 403 page naming whose page this is, or None when the person holds one of the roles there."""
    if scope.holds(request.user, roles, division_code=division_code, policy_id=policy_id):
        return None
    return forbidden(request, not_your_post(roles))


def told(event: AuditEvent) -> str:
    """An event in words, with the version or policy that it was about."""
    label, detail = event.label or event.action, event.detail
    if version := detail.get("version"):
        return f"{label}（第 {version} 版，{detail.get('standard', '')}）"
    if period := detail.get("round"):
        return f"{label}（{period} {detail.get('title', '')}，基准日{detail.get('day', '')}）"
    if policy := detail.get("policy"):
        return f"{label}（{policy}，优先级 {detail.get('priority', '')}）"
    return label
