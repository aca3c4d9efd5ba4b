"""流程条 of a declaration: which levels of review it passes and where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from huimin.core.desk.pages import Station
from recipients.queries import was_objected
from recipients.states import REVIEW_ORDER, DeclarationStatus
from subsidies.rules.levels import levels_of

if TYPE_CHECKING:
    from recipients.models import Declaration


def stations(declaration: Declaration) -> list[Station]:
    """流程条: the levels that this policy asks for, and where the declaration stands."""
    status = DeclarationStatus(declaration.status)
    asked = {str(level) for level in levels_of(declaration.version, objected=was_objected(declaration))}
    always = {str(one) for one in (DeclarationStatus.DRAFT, DeclarationStatus.CONFIRMED, status)}
    shown = [level for level in (DeclarationStatus.DRAFT, *REVIEW_ORDER) if level in asked | always]
    place = shown.index(status) if status in shown else -1
    labels = {DeclarationStatus.DRAFT: "编制", DeclarationStatus.CONFIRMED: "确认"}
    found = []
    for at, level in enumerate(shown):
        state: Any = (
            "done"
            if at < place or status == DeclarationStatus.CONFIRMED
            else "now"
            if at == place
            else "todo"
        )
        found.append(Station(labels.get(level, _short(level)), state))
    return found


def _short(level: DeclarationStatus) -> str:
    return level.label.removeprefix("待").removesuffix("中")
