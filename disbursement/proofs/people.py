"""What `prove` recomputes of the people behind lists, orders and files."""

from __future__ import annotations

from disbursement.models.results import lifted_in_duty
from disbursement.models.sql import (
    LIVE,
)
from disbursement.services.inherited import TO_ORDER, TO_RETURN, TO_ROSTER
from disbursement.services.origins import GIVEN_BACK, ORIGINS
from disbursement.states import (
    BATCH_FLOW,
    ORDER_FLOW,
    RETURN_FLOW,
    REVERSAL_FLOW,
    ROSTER_FLOW,
)
from huimin.core.authority.duties import Duty
from huimin.core.records.proofs import proof, rows

# (what was made, what it was made from, duties that count further down), and the lists l whose origins are asked for
_MADE_FROM = f"""
WITH l AS (SELECT l.id, l.roster_id, l.entitlement_id, l.entitlement_version_id, l.component, l.period_range, l.policy_id,
                  l.beneficiary_id, l.payee_id
           FROM {LIVE}),
made AS (
    SELECT {ROSTER_FLOW.subject_sql("r")} AS target, o.source, 'roster' AS kind FROM ({ORIGINS}) AS o
    JOIN disbursement_roster r ON r.id = o.roster_id
    UNION ALL SELECT {ROSTER_FLOW.subject_sql("r")}, '{BATCH_FLOW.kind}:' || r.batch_id, 'roster' FROM disbursement_roster r
    UNION ALL SELECT {ROSTER_FLOW.subject_sql("r")}, '{ROSTER_FLOW.kind}:' || r.id || '#' || earlier, 'roster'
    FROM disbursement_roster r CROSS JOIN generate_series(1, r.revision - 1) AS earlier
    UNION ALL SELECT {ORDER_FLOW.subject_sql("o")}, {ROSTER_FLOW.subject_sql("r")}, 'order'
    FROM disbursement_orderpart q JOIN disbursement_roster r ON r.id = q.roster_id
    JOIN disbursement_paymentorder o ON o.id = q.order_id
    UNION ALL SELECT {ORDER_FLOW.subject_sql("o")}, g.source, 'order' FROM ({GIVEN_BACK}) AS g
    JOIN disbursement_orderpart q ON q.roster_id = g.roster_id JOIN disbursement_paymentorder o ON o.id = q.order_id
    UNION ALL SELECT {RETURN_FLOW.subject_sql("f")}, '{ORDER_FLOW.kind}:' || f.order_id, 'return'
    FROM disbursement_returnfile f
    UNION ALL SELECT {REVERSAL_FLOW.subject_sql("v")}, '{ORDER_FLOW.kind}:' || v.order_id, 'return'
    FROM disbursement_reversal v
)"""  # noqa: S608 -- constants of ours


_INHERITED = {"roster": TO_ROSTER, "order": TO_ORDER, "return": TO_RETURN}


@proof("经手过来源材料的人，没有在后面办不相容的岗位")
def separation_over_the_whole_way() -> tuple[int, list[str]]:
    """The pairs asked anew over what a list, an order, a return was made from, whatever was put on record as inherited.

    What somebody did on the source only after they had acted here is not held against what they did here; a change of
    the head that somebody asked for is of the day on which it was approved.
    """
    counting = ", ".join(
        f"('{kind}', '{duty}')" for kind, duties in _INHERITED.items() for duty in dict.fromkeys(duties)
    )
    return rows(
        f"""{_MADE_FROM} SELECT DISTINCT m.target || '：' || u.name || ' 办过 ' || m.source || ' 的 ' || s.duty || '，又办 '
                || t.duty FROM made m
            JOIN core_involvement s ON s.subject = m.source
            JOIN (VALUES {counting}) AS counts(kind, duty) ON counts.kind = m.kind AND counts.duty = s.duty
            JOIN core_user u ON u.id = s.user_id
            JOIN core_user w ON w.person_key = u.person_key
            JOIN core_involvement t ON t.subject = m.target AND t.user_id = w.id AND NOT t.inherited AND t.id > CASE s.duty
                WHEN '{Duty.HEAD_ASK}' THEN (SELECT max(k.id) FROM core_involvement k WHERE k.subject = m.source)
                ELSE s.id END
            JOIN core_dutyconflict c ON (c.first, c.second) IN ((s.duty, t.duty), (t.duty, s.duty))""",  # noqa: S608
        count="SELECT count(*) FROM core_involvement WHERE NOT inherited",
    )


@proof("每一次恢复发放，恢复的人都在经手记录里")
def stops_are_lifted_in_duty() -> tuple[int, list[str]]:
    """Whoever is not on record there would pass and pay the list that follows."""
    return rows(
        f"SELECT '明细 ' || k.line_id FROM disbursement_stoplift k WHERE NOT {lifted_in_duty('k')}",  # noqa: S608
        count="SELECT count(*) FROM disbursement_stoplift",
    )
