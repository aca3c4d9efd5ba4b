"""Figures of the workbench: each app registers functions in its figures.py that count what this person watches over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huimin.core.models import User


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` is text as shown, `note` one sentence that says what it counts, `url` the list behind it."""

    label: str
    value: str
    unit: str = ""
    note: str = ""
    url: str = ""
    is_key: bool = False


Source = Callable[["User"], Iterable[Figure]]
_sources: list[Source] = []


def source(function: Source) -> Source:
    """Register a function; it counts through visible_to and answers nothing for roles that may not look."""
    _sources.append(function)
    return function


def for_user(user: User) -> list[Figure]:
    return [figure for function in _sources for figure in function(user)]
