"""To which policies a grant may be limited: asked of the room that has the policies, which tells the ground floor here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol


class Policies(Protocol):
    """What the room of the policies answers."""

    def of_department(self) -> Any:
        """An expression for rows with a department: the ids of its policies of today, in order."""

    def offered(self, division_code: str) -> list[tuple[int, str]]:
        """Id and name of every policy of the county (or counties) of a place, by name."""

    def names(self, ids: Iterable[int]) -> dict[int, str]:
        """Names by id."""


_known: list[Policies] = []


def register(policies: Policies) -> None:
    """Called once, by the room of the policies when it is loaded."""
    _known[:] = [policies]


def policies() -> Policies:
    return _known[0]
