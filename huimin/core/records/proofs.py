"""What `prove` recomputes: every app registers its invariants; each answers one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import connection, transaction


@dataclass(frozen=True, slots=True)
class Proof:
    """`checked` rows were recomputed; `faults` names what does not agree (first ones only)."""

    name: str
    checked: int
    faults: list[str]

    @property
    def holds(self) -> bool:
        return not self.faults


Check = Callable[[], tuple[int, list[str]]]
_checks: list[tuple[str, Check]] = []


def proof(name: str) -> Callable[[Check], Check]:
    """Register an invariant under the sentence that it states."""

    def register(check: Check) -> Check:
        _checks.append((name, check))
        return check

    return register


def registered() -> int:
    return len(_checks)


def run_all() -> Iterator[Proof]:
    """Each check in a transaction of its own: outside one, a server-side cursor keeps its whole result in a file."""
    for name, check in _checks:
        with transaction.atomic():
            checked, faults = check()
        yield Proof(name, checked, faults)


def rows(sql: str, *, count: str) -> tuple[int, list[str]]:
    """A proof in SQL: `count` says how many rows were looked at, `sql` selects one text per fault."""
    with connection.cursor() as cursor:
        cursor.execute(count)
        checked = cursor.fetchone()[0]
        cursor.execute(f"SELECT * FROM ({sql}) AS fault LIMIT 20")  # noqa: S608
        return checked, [row[0] for row in cursor.fetchall()]
