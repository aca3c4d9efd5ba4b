"""Whether a record is in use in the rooms above: they tell it here when they are loaded."""

from __future__ import annotations

from collections.abc import Callable

from recipients.models import Person

_known: list[Callable[[Person], bool]] = []


def source(asked: Callable[[Person], bool]) -> Callable[[Person], bool]:
    """Registers a question; once, by the room that can answer it."""
    _known.append(asked)
    return asked


def is_in_use(person: Person) -> bool:
    return any(asked(person) for asked in _known)
