"""The side menu: each app registers its entries in its own menu.py; a person sees what their roles may open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from huimin.core.authority import scope

if TYPE_CHECKING:
    from huimin.core.models import User


@dataclass(frozen=True, slots=True)
class Entry:
    """`order` places the entry inside its group; `area` empty means every signed-in person."""

    group: str
    label: str
    url_name: str
    icon: str
    area: str = ""
    order: int = 50


GROUPS = ("工作", "政策与资金", "对象与审核", "发放", "公开", "系统")
_entries: list[Entry] = []


def register(*entries: Entry) -> None:
    _entries.extend(entries)


def for_user(user: User, path: str) -> list[dict[str, Any]]:
    """Groups with their items in the order of GROUPS; the entry of the present page is marked."""
    groups: dict[str, list[dict[str, Any]]] = {title: [] for title in GROUPS}
    for entry in sorted(_entries, key=lambda one: one.order):
        if entry.area and not scope.reads(user, entry.area):
            continue
        url = reverse(entry.url_name)
        groups[entry.group].append({"label": entry.label, "url": url, "icon": entry.icon, "current": False})
    found = [item for items in groups.values() for item in items if path.startswith(item["url"])]
    if found:
        max(found, key=lambda item: len(item["url"]))["current"] = True
    return [{"title": title, "items": items} for title, items in groups.items() if items]
