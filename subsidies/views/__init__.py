"""What the pages of this room share: the words of their trail."""

from __future__ import annotations

from huimin.core.models import AuditEvent


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
