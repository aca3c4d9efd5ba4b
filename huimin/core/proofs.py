from __future__ import annotations

from huimin.core.authority import duties
from huimin.core.models import DutyConflict, StoredFile
from huimin.core.records import audit, files, guarding
from huimin.core.records.proofs import proof, rows

UNSEALED_SECONDS = 60


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


@proof("每个触发器都在用，会话关不掉，也骗不过")
def guards() -> tuple[int, list[str]]:
    return rows(guarding.OPEN_DOORS, count=guarding.COUNT)
