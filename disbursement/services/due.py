"""Who is due in a batch, and why somebody who is due cannot be paid now: said once, in SQL.

Townships are given rosters, rosters are written and submission is checked by the same conditions.
"""

from __future__ import annotations

from collections.abc import Iterable


def _over(right: str, days: str) -> str:
    """Whether right `right` has ended before the range `days` begins."""
    return f"coalesce({right}.ends_on <= lower({days}), {right}.status = 'ended')"


_PERIOD = "%(period)s::daterange"

# rights e with the versions v that fall into the period, cut where the right ends
DUE = f"""recipients_entitlement e
    JOIN recipients_entitlementversion v ON v.entitlement_id = e.id
    WHERE e.policy_id = %(policy)s AND e.county_code = %(county)s AND NOT {_over("e", _PERIOD)}
      AND v.valid && daterange(lower({_PERIOD}), least(upper({_PERIOD}), e.ends_on))"""

# (reason of RosterOmission, column and words of a fault, condition). Aliases: d the right with the `days` of the line,
# b the beneficiary, p the payee, a the payee's account in use. A roster leaves these people out, with the first reason;
# submission asks again, since the registry may have changed meanwhile.
UNPAYABLE = (
    ("suspended", "享受资格", "已暂停", "d.status = 'suspended'"),
    ("record", "享受人", "人员档案已停用或作废", "b.status <> 'normal'"),
    ("record", "收款人", "人员档案已停用或作废", "p.id <> b.id AND p.status <> 'normal'"),
    ("dead", "享受人", "在发放期开始前已登记死亡", "b.died_on < lower(d.days)"),
    ("dead", "收款人", "已登记死亡，请换收款人", "p.id <> b.id AND p.died_on IS NOT NULL"),
    ("no_account", "银行账号", "收款人没有在用的银行账户", "a.id IS NULL"),
)


def paid_as_another(key: str, policy: str, component: str, days: str) -> str:
    """Whether the human being with this ID number holds a claim for these days under another record of theirs.

    At most one record of a number is not 作废 (person_once_per_county), and only that one is paid, so the others are
    among the few void ones, which have an index of their own.
    """
    return f"""EXISTS (SELECT FROM recipients_person t
        JOIN recipients_entitlement te ON te.beneficiary_id = t.id AND te.policy_id = {policy}
        JOIN disbursement_claim tc ON tc.entitlement_id = te.id AND tc.component = {component}
             AND tc.period_range && {days}
        WHERE t.status = 'void' AND t.id_key = {key})"""


# the reason for which a roster leaves somebody out, or NULL
REASON = "CASE " + " ".join(f"WHEN {wrong} THEN '{reason}'" for reason, _, _, wrong in UNPAYABLE) + " END"
# (column, words, condition) for a line that was written: the same, and a right that has ended since
FAULTS = (*(fault[1:] for fault in UNPAYABLE), ("享受资格", "已终止", _over("d", "d.days")))


def as_rows(faults: Iterable[tuple[str, str, str]]) -> str:
    """The faults as rows (column, words, is it so) of a VALUES list: each fault of a line is found."""
    return ",\n    ".join(f"('{column}', '{words}', {wrong})" for column, words, wrong in faults)
