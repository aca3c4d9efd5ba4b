"""办理记录: what the trail says of an object, for every page that shows one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from huimin.core.desk.pages import Entry
from huimin.core.models import AuditEvent
from huimin.core.records import audit
from huimin.core.work.workflow_docs import flows

if TYPE_CHECKING:
    from django.db.models import Model

NOBODY = "系统"


def _label(event: AuditEvent) -> str:
    return event.label or event.action


@cache
def setbacks() -> frozenset[str]:
    """Events shown as a way back: dangerous steps and acts of every step table, and what the tables list besides."""
    found = {one.name for flow in flows() for one in (*flow.steps, *flow.acts) if one.style == "danger"}
    return frozenset(found.union(*(flow.setbacks for flow in flows())))


def history(
    *objects: Model, limit: int = 30, told: Callable[[AuditEvent], str] = _label, nobody: str = NOBODY
) -> list[Entry]:
    """The latest events of the objects together, newest first; `nobody` stands for events without a person."""
    subjects = [audit.subject_of(obj) for obj in objects]
    events = AuditEvent.objects.filter(subject__in=subjects).select_related("actor").order_by("-pk")
    return [
        Entry(
            text=told(event),
            who=event.actor.name if event.actor else nobody,
            when=event.business_at,
            state="back" if event.action in setbacks() else "",
            note=event.note,
        )
        for event in events[:limit]
    ]
