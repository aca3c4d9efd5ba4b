"""What `prove` recomputes: every app registers its invariants; each answers one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import connection

from huimin.core import audit, duties, files
from huimin.core.models import DutyConflict, StoredFile

UNSEALED_SECONDS = 60


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
    for name, check in _checks:
        checked, faults = check()
        yield Proof(name, checked, faults)


def rows(sql: str, *, count: str) -> tuple[int, list[str]]:
    """A proof in SQL: `count` says how many rows were looked at, `sql` selects one text per fault."""
    with connection.cursor() as cursor:
        cursor.execute(count)
        checked = cursor.fetchone()[0]
        cursor.execute(f"SELECT * FROM ({sql}) AS fault LIMIT 20")  # noqa: S608
        return checked, [row[0] for row in cursor.fetchall()]


@proof("审计链环环相扣，没有改动、缺失、调换")
def audit_chain() -> tuple[int, list[str]]:
    state = audit.verify_chain()
    faults = [state.why] if state.broken_at else []
    if state.oldest_unsealed_seconds > UNSEALED_SECONDS:
        faults.append(f"有 {state.unsealed} 条记录 {state.oldest_unsealed_seconds:.0f} 秒还没有封存")
    return state.links, faults


@proof("不相容岗位表与制度一致")
def duty_table() -> tuple[int, list[str]]:
    stored = set(DutyConflict.objects.values_list("first", "second"))
    written = {(str(a), str(b)) for a, b in duties.CONFLICTS}
    return len(stored), [f"{a} 与 {b}" for a, b in sorted(stored ^ written)]


@proof("没有人在同一笔业务里办过不相容的两岗")
def separation() -> tuple[int, list[str]]:
    return rows(
        """SELECT a.subject || '：' || a.duty || ' 与 ' || b.duty FROM core_involvement a
           JOIN core_involvement b ON b.subject = a.subject AND b.person_key = a.person_key
           JOIN core_dutyconflict c ON c.first = a.duty AND c.second = b.duty
           WHERE NOT (a.inherited AND b.inherited)""",
        count="SELECT count(*) FROM core_involvement",
    )


@proof("存档文件与其指纹一致")
def stored_files() -> tuple[int, list[str]]:
    return StoredFile.objects.count(), [f"{stored.name}（{stored.pk}）" for stored in files.verify_all()]
