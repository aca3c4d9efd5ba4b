"""To-dos of the workbench: each app registers functions that say what waits for this person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huimin.core.models import User


@dataclass(frozen=True, slots=True)
class Todo:
    """`count` things of one kind; `due` is the earliest limit, `act` the verb of the button."""

    title: str
    count: int
    url: str
    act: str
    note: str = ""
    due: date | None = None


Source = Callable[["User"], Iterable[Todo]]
_sources: list[Source] = []


def source(function: Source) -> Source:
    _sources.append(function)
    return function


def for_user(user: User) -> list[Todo]:
    """What waits for this person, the most urgent first; kinds with nothing waiting are left out."""
    found = [todo for function in _sources for todo in function(user) if todo.count]
    return sorted(found, key=lambda todo: (todo.due is None, todo.due or date.max, -todo.count))
