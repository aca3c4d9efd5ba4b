"""The side menu: each app registers its entries in its own menu.py; a person sees what their roles may open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from huimin.core.authority import scope

if TYPE_CHECKING:
    from huimin.core.models import User


@dataclass(frozen=True, slots=True)
class Entry:
    """`order` places the entry inside its group; `area` empty means every signed-in person.

    `also` are beginnings of other addresses whose pages belong to this entry. `may` narrows it down within the area.
    """

    group: str
    label: str
    url_name: str
    icon: str
    area: str = ""
    order: int = 50
    also: tuple[str, ...] = ()
    may: Callable[[User], bool] | None = None


GROUPS = ("工作", "政策与资金", "对象与审核", "发放", "公开", "系统")
_entries: list[Entry] = []


def register(*entries: Entry) -> None:
    _entries.extend(entries)


def for_user(user: User, path: str) -> list[dict[str, Any]]:
    """Groups with their items in the order of GROUPS; the entry of the present page is marked."""
    groups: dict[str, list[dict[str, Any]]] = {title: [] for title in GROUPS}
    found: list[tuple[int, dict[str, Any]]] = []
    for entry in sorted(_entries, key=lambda one: one.order):
        if (entry.area and not scope.reads(user, entry.area)) or (entry.may and not entry.may(user)):
            continue
        url = reverse(entry.url_name)
        item = {"label": entry.label, "url": url, "icon": entry.icon, "current": False}
        groups[entry.group].append(item)
        found += [(len(start), item) for start in (url, *entry.also) if path.startswith(start)]
    if found:
        max(found, key=lambda one: one[0])[1]["current"] = True
    return [{"title": title, "items": items} for title, items in groups.items() if items]
