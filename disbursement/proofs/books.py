"""What `prove` recomputes of results, indicators and books."""

from __future__ import annotations

from disbursement.models import (
    LedgerAccount,
)
from disbursement.models.sql import (
    ORDERED,
)
from disbursement.proofs.shared import COUNT_LINES, MOST
from disbursement.queries import equations
from huimin.core.records.proofs import proof, rows
from subsidies.models import Indicator


@proof("每一笔最多一个结果：到账、退票、停发只有其一")
def one_outcome() -> tuple[int, list[str]]:
    return rows(
        """SELECT '明细 ' || line_id FROM disbursement_paymentresult
           WHERE kind IN ('paid', 'bank_failed', 'stopped') GROUP BY line_id HAVING count(*) > 1""",
        count="SELECT count(*) FROM disbursement_paymentresult",
    )


@proof("更正发放不多于失败的金额，一笔失败只有一笔更正")
def corrections() -> tuple[int, list[str]]:
    return rows(
        """SELECT '更正 ' || c.id FROM disbursement_correction c
           JOIN disbursement_paymentline f ON f.id = c.failed_line_id
           JOIN disbursement_paymentline n ON n.id = c.new_line_id
           WHERE n.amount > f.amount OR n.corrects_line_id IS DISTINCT FROM f.id
              OR NOT n.period_range <@ f.period_range
              OR (n.entitlement_id, n.component, n.beneficiary_id)
                 IS DISTINCT FROM (f.entitlement_id, f.component, f.beneficiary_id)""",
        count="SELECT count(*) FROM disbursement_correction",
    )


@proof("每张凭证借贷相等")
def journals_balance() -> tuple[int, list[str]]:
    return rows(
        """SELECT j.key::text FROM disbursement_journal j LEFT JOIN disbursement_posting p ON p.journal_id = j.id
           GROUP BY j.id HAVING coalesce(sum(p.amount), 1) <> 0""",
        count="SELECT count(*) FROM disbursement_journal",
    )


@proof("下达＝实发＋待发＋退回待处理＋收回，账与指标一致")
def ledger_equation() -> tuple[int, list[str]]:
    found = equations(Indicator.objects.all())
    return len(found), [str(one.indicator) for one in found if not one.agrees][:MOST]


@proof("账上的到账、退票、退汇、退款与明细的结果一致")
def ledger_and_results() -> tuple[int, list[str]]:
    accounts = {
        "pay": ("paid", LedgerAccount.PAID),
        "fail": ("bank_failed", LedgerAccount.RETURNED),
        "late_return": ("late_return", LedgerAccount.RETURNED),
        "refund": ("voluntary_refund", LedgerAccount.RECALLED),
    }
    faults: list[str] = []
    for journal, (kind, account) in accounts.items():
        _, found = rows(
            f"""SELECT '花名册所在批次 ' || coalesce(b.batch_id, x.batch_id) || ' {kind}' FROM
                (SELECT p.batch_id, sum(p.amount) AS total FROM disbursement_posting p
                 JOIN disbursement_journal j ON j.id = p.journal_id
                 WHERE j.kind = '{journal}' AND p.account = '{account}' GROUP BY p.batch_id) b
                FULL JOIN (SELECT r.batch_id, sum(l.amount) AS total FROM disbursement_paymentresult e
                           JOIN disbursement_paymentline l ON l.id = e.line_id
                           JOIN disbursement_roster r ON r.id = l.roster_id
                           WHERE e.kind = '{kind}' GROUP BY r.batch_id) x ON x.batch_id = b.batch_id
                WHERE b.total IS DISTINCT FROM x.total""",  # noqa: S608
            count=COUNT_LINES,
        )
        faults += found
    checked, _ = rows("SELECT '' WHERE false", count="SELECT count(*) FROM disbursement_paymentresult")
    return checked, faults[:MOST]


@proof("逐日核对用的结果合计，与逐笔结果相加一致")
def result_sums() -> tuple[int, list[str]]:
    return rows(
        """SELECT coalesce(s.day, x.day) || ' ' || coalesce(s.kind, x.kind) FROM
           (SELECT county_code, business_on AS day, kind, sum(count) AS n, sum(amount) AS total
            FROM disbursement_resultsum GROUP BY 1, 2, 3) s
           FULL JOIN (SELECT l.county_code, e.business_on AS day, e.kind, count(*) AS n, sum(l.amount) AS total
                      FROM disbursement_paymentresult e JOIN disbursement_paymentline l ON l.id = e.line_id
                      GROUP BY 1, 2, 3) x USING (county_code, day, kind)
           WHERE (s.n, s.total) IS DISTINCT FROM (x.n::numeric, x.total)""",
        count="SELECT count(*) FROM disbursement_resultsum",
    )


@proof("支付申请占用的指标＝已支付＋退回可用＋还在银行，与每一笔的结果相符")
def order_indicators() -> tuple[int, list[str]]:
    return rows(
        f"""SELECT o.number::text FROM disbursement_orderindicator d JOIN disbursement_paymentorder o ON o.id = d.order_id
           WHERE (o.status = 'settled' AND d.amount <> d.paid + d.released)
              OR (o.status = 'cancelled' AND d.released <> d.amount)
              OR (o.status IN ('draft', 'signed') AND (d.paid, d.released) <> (0, 0))
           UNION ALL
           SELECT o.number || '：指标记已支付 ' || d.paid || ' 元、退回 ' || d.released || ' 元，结果是 '
               || coalesce(x.paid, 0) || ' 元、' || coalesce(x.released, 0) || ' 元'
           FROM disbursement_paymentorder o
           JOIN (SELECT order_id, sum(paid) AS paid, sum(released) AS released FROM disbursement_orderindicator
                 GROUP BY order_id) d ON d.order_id = o.id
           LEFT JOIN (SELECT q.order_id,
                   sum(CASE e.kind WHEN 'paid' THEN l.amount WHEN 'bank_failed' THEN 0 ELSE -l.amount END) AS paid,
                   sum(CASE e.kind WHEN 'paid' THEN 0 ELSE l.amount END) AS released
               FROM {ORDERED} AND q.is_live JOIN disbursement_paymentresult e ON e.line_id = l.id
               GROUP BY q.order_id) x ON x.order_id = o.id
           WHERE o.status IN ('sent', 'settled')
             AND (d.paid, d.released) <> (coalesce(x.paid, 0), coalesce(x.released, 0))""",  # noqa: S608
        count="SELECT count(*) FROM disbursement_orderindicator",
    )
