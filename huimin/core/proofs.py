from __future__ import annotations

from django.apps import apps

from huimin.core.authority import duties
from huimin.core.authority.duties import Duty
from huimin.core.authority.steps import Workflow
from huimin.core.models import DutyConflict, StoredFile
from huimin.core.records import audit, files, guarding
from huimin.core.records.proofs import proof, rows
from huimin.core.work.workflow_docs import flows, states_of

UNSEALED_SECONDS = 60
MOST = 20


@proof("审计链环环相扣，没有改动、缺失、调换")
def audit_chain() -> tuple[int, list[str]]:
    state = audit.verify_chain()
    faults = [state.why] if state.broken_at else []
    if state.oldest_unsealed_seconds > UNSEALED_SECONDS:
        faults.append(f"有 {state.unsealed} 条记录 {state.oldest_unsealed_seconds:.0f} 秒还没有封存")
    return state.links, faults


@proof("审计链接得上每一个另存的链头，没有被截短、换掉")
def anchored_heads() -> tuple[int, list[str]]:
    checked, faults = audit.compare_heads()
    return checked, faults[:MOST]


@proof("不相容岗位表与制度一致")
def duty_table() -> tuple[int, list[str]]:
    stored = set(DutyConflict.objects.values_list("first", "second"))
    written = {(str(a), str(b)) for a, b in duties.CONFLICTS}
    return len(stored), [f"{a} 与 {b}" for a, b in sorted(stored ^ written)]


@proof("没有人在同一笔业务里办过不相容的两岗")
def separation() -> tuple[int, list[str]]:
    return rows(
        # the person is asked of the account, whatever the row says
        """SELECT a.subject || '：' || a.duty || ' 与 ' || b.duty FROM core_involvement a
           JOIN core_user u ON u.id = a.user_id
           JOIN core_involvement b ON b.subject = a.subject
           JOIN core_user w ON w.id = b.user_id AND w.person_key = u.person_key
           JOIN core_dutyconflict c ON c.first = a.duty AND c.second = b.duty
           WHERE NOT (a.inherited AND b.inherited)""",
        count="SELECT count(*) FROM core_involvement",
    )


@proof("每笔业务走过的岗位都有人办过")
def states_have_their_people() -> tuple[int, list[str]]:
    """From every step table: what a state cannot be reached without has somebody on record (Workflow.behind)."""
    checked = 0
    faults: list[str] = []
    for flow in flows():
        wanted = ", ".join(
            f"('{state}', '{duty}', '没有人办过“{Duty(duty).label}”')"
            for state, behind in flow.behind().items()
            for duty in sorted(behind)
        )
        if wanted:
            missing = f"""JOIN (VALUES {wanted}) AS wanted(state, duty, words) ON wanted.state = r.status
                AND NOT EXISTS (SELECT FROM core_involvement i WHERE i.subject = {flow.subject_sql("r")}
                                AND i.duty = wanted.duty)"""
            found = _in_state(flow, missing, "words")
            checked, faults = checked + found[0], faults + found[1]
    return checked, faults[:MOST]


@proof("每笔业务现在的状态，就是留痕里最后一步走到的状态")
def states_are_on_the_trail() -> tuple[int, list[str]]:
    checked = 0
    faults: list[str] = []
    for flow in flows():
        untold = f"""LEFT JOIN LATERAL (
                SELECT e.after FROM core_auditevent e WHERE e.subject = '{flow.kind}:' || r.id AND e.after <> ''
                ORDER BY e.id DESC LIMIT 1) AS told ON true
            WHERE r.status <> coalesce(told.after, '{flow.begins}')"""  # noqa: S608 -- constants of the step table
        found = _in_state(flow, untold, "'留痕里没有这一步'")
        checked, faults = checked + found[0], faults + found[1]
    return checked, faults[:MOST]


def _in_state(flow: Workflow, condition: str, words: str) -> tuple[int, list[str]]:
    """Rows of the flow's table under a condition on r, named with their state: 花名册 5（已终审）……."""
    table = apps.get_model(flow.kind)._meta.db_table
    states = " ".join(f"WHEN '{state}' THEN '{word}'" for state, word in states_of(flow).items())
    return rows(
        f"""SELECT '{flow.title} ' || r.id || '（' || CASE r.status {states} ELSE r.status END || '）' || {words}
            FROM {table} r {condition}""",  # noqa: S608 -- constants of the step table
        count=f"SELECT count(*) FROM {table}",  # noqa: S608
    )


@proof("存档文件与其指纹一致")
def stored_files() -> tuple[int, list[str]]:
    return StoredFile.objects.count(), [f"{stored.name}（{stored.pk}）" for stored in files.verify_all()]


@proof("每个触发器都在用，会话关不掉，也骗不过")
def guards() -> tuple[int, list[str]]:
    return rows(guarding.OPEN_DOORS, count=guarding.COUNT)
