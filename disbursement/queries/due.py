"""Which days of a right are due in a period, for what amount, and why somebody cannot be paid now: said once, in SQL.

Townships are given rosters, rosters and corrections are written, and submission, order, signature, sending, 应发未发 and
`prove` ask, by the same expressions. What they are asked of is the batch's period and the rule of its version.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from disbursement.models.sql import LIVE, paid_to_others
from recipients.models.parties import payee_of
from recipients.rules import amounts
from subsidies.models import Policy

if TYPE_CHECKING:
    from subsidies.models import PolicyVersion
    from subsidies.rules import Rule


def goes_on(last_day: str, months: str) -> str:
    """The first day that is due again after the last that is forfeited: under a rule that counts months of the next month."""
    return (
        f"(CASE WHEN {months} THEN (date_trunc('month', {last_day}::timestamp) + interval '1 month')::date"
        f" ELSE {last_day} + 1 END)"
    )


def _suspension(*, months: bool) -> str:
    """Of suspensions x: the days that are `lost` (停发期间不补), whether all is `withheld` now (暂缓); after FROM, WHERE."""
    return f"""range_agg(daterange(x.forfeits_from,
            CASE WHEN x.last_day IS NOT NULL
                 THEN greatest({goes_on("x.last_day", str(months).lower())}, x.forfeits_from) END))
            FILTER (WHERE x.kind = 'forfeited') AS lost,
        bool_or(x.kind = 'withheld' AND x.status = 'standing') AS withheld
        FROM recipients_suspension x WHERE x.status <> 'corrected'"""


def of_right(*, months: bool) -> str:
    """The suspensions of each right e as paused, looked up by an index: the planner may take the rights for few."""
    return f"CROSS JOIN LATERAL (SELECT {_suspension(months=months)} AND x.entitlement_id = e.id) paused"


def _of_lines(*, months: bool) -> str:
    """The same for lines, whose number the planner knows: gathered once, since few rights have one, and joined."""
    found = _suspension(months=months)
    return f"LEFT JOIN (SELECT x.entitlement_id, {found} GROUP BY 1) paused ON paused.entitlement_id = e.id"


def _in_right(span: str, *, right: str = "e", version: str = "v") -> str:
    """The days of a version of a right within the range `span`: none from the day on which the right ends."""
    return f"({version}.valid * {span} * daterange(NULL, {right}.ends_on))"


def days_of(span: str, *, right: str = "e", version: str = "v") -> str:
    """The same without the days that a suspension forfeits: a multirange, in most rights of one stretch or none."""
    return (
        f"(datemultirange({_in_right(span, right=right, version=version)}) - coalesce(paused.lost, '{{}}'))"
    )


def _over(right: str, days: str) -> str:
    """Whether right `right` has ended before the range `days` begins."""
    return f"coalesce({right}.ends_on <= lower({days}), {right}.status = 'ended')"


def suspended(span: str) -> str:
    """Whether nothing is paid now of what a version has in `span`: the right is withheld, or all these days are lost."""
    days = _in_right(span)
    return f"coalesce(paused.withheld OR (NOT isempty({days}) AND {days} <@ paused.lost), false)"


_PERIOD = "%(period)s::daterange"

# rights e with the versions v that fall into the period, cut where the right ends, for what is paid in it
_RIGHTS = """recipients_entitlement e
    JOIN recipients_entitlementversion v ON v.entitlement_id = e.id AND v.component = %(component)s"""
_IN_PERIOD = f"""e.policy_id = %(policy)s AND e.county_code = %(county)s AND NOT {_over("e", _PERIOD)}
      AND v.valid && ({_PERIOD} * daterange(NULL, e.ends_on))"""
DUE = f"{_RIGHTS} WHERE {_IN_PERIOD}"

# (reason of RosterOmission, column and words of a fault, condition). Aliases: d the right with the `days` of the line,
# b the beneficiary, p the payee, a the payee's account in use. A roster leaves these people out, with the first reason;
# submission asks again, since the registry may have changed meanwhile.
UNPAYABLE = (
    ("suspended", "享受资格", "已暂停", "d.suspended"),
    ("record", "享受人", "人员档案已停用或作废", "b.status <> 'normal'"),
    ("record", "收款人", "人员档案已停用或作废", "p.id <> b.id AND p.status <> 'normal'"),
    # until when the right of the dead is paid, its stop rule says
    (
        "dead",
        "享受人",
        "在发放期开始前已登记死亡",
        "b.died_on < lower(d.days) AND d.ends_on IS NULL",
    ),
    (
        "dead",
        "收款人",
        "已登记死亡，请先改户主（家里另一个人的档案，点“改为户主”）",
        "p.id <> b.id AND p.died_on IS NOT NULL",
    ),
    ("no_account", "银行账号", "收款人没有在用的银行账户", "a.id IS NULL"),
)

# full months of the days that a line covers; stop rules cut entitlements at month ends, so none is lost
_MONTHS = """greatest(0, (extract(year FROM upper(d.days)) * 12 + extract(month FROM upper(d.days)))
    - (extract(year FROM lower(d.days) + interval '1 month - 1 day') * 12
       + extract(month FROM lower(d.days) + interval '1 month - 1 day')))"""


def by_month(version: PolicyVersion) -> bool:
    """A rule that counts months pays each stretch of the right; any other pays the period once, by its latest version."""
    return amounts.counts_months(version)


def amount_sql(rule: Rule) -> tuple[str, dict[str, Any]]:
    """The amount of d (period, days, quantity, facts) for b, with the values it binds; NULL where a fact is missing."""
    return amounts.amount_sql(rule, line="d", person="b", first_day="lower(d.period)", months=_MONTHS)


def later_heads(*, months: bool) -> str:
    """As heads: the days of other members of the household who come before version v of right e in being paid, and which
    of them are `due`: not forfeited.

    Who is head now comes before who was, and of those who were whose version was made later: heads follow one another by
    changes, and by declarations of their own.

    OFFSET 0 keeps the order of looking up, right by right: of tables that nobody has analysed yet the planner would read
    all versions for each.
    """
    lost = f"SELECT {_suspension(months=months)} AND x.entitlement_id = o.id"
    return f"""LEFT JOIN LATERAL (SELECT range_agg(n.valid) AS days,
                range_agg(datemultirange(n.valid) - coalesce(stopped.lost, '{{}}')) AS due
            FROM (SELECT o.id, o.beneficiary_id FROM recipients_entitlement o
                  WHERE o.house = e.house AND o.policy_id = e.policy_id AND o.id <> e.id OFFSET 0) o
            CROSS JOIN LATERAL (SELECT (y.is_holder AND y.status <> 'void') AS heads_now,
                         (x.is_holder AND x.status <> 'void') AS mine FROM recipients_person x, recipients_person y
                  WHERE x.id = e.beneficiary_id AND y.id = o.beneficiary_id OFFSET 0) y
            CROSS JOIN LATERAL (SELECT n.id, n.valid FROM recipients_entitlementversion n
                  WHERE n.entitlement_id = o.id AND n.component = v.component
                  AND (y.heads_now, n.id) > (y.mine, v.id) OFFSET 0) n
            CROSS JOIN LATERAL ({lost}) stopped) heads ON true"""  # noqa: S608 -- constants of ours


def _heads(version: PolicyVersion) -> str:
    if version.policy.object_type != Policy.ObjectType.HOUSEHOLD:
        return "CROSS JOIN (SELECT NULL::datemultirange AS days, NULL::datemultirange AS due) heads"
    return later_heads(months=by_month(version))


def left_by_heads(days: str, span: str, *, whole: bool) -> str:
    """Of the multirange `days` those that no later head has.

    A rule that pays `span` once is paid to the later head who has a day in it that is due; where all that one's are
    forfeited (停发), to the earlier head for the days before, as it would be paid without a change of the head.
    """
    left = f"({days} - coalesce(heads.days, '{{}}'))"
    return f"CASE WHEN heads.due && {span} THEN '{{}}' ELSE {left} END" if whole else left


def due_now(version: PolicyVersion, *, also: str = "", less: str = "", shut: str = "NULL") -> str:
    """SELECT of what is due in the period: a row for every line of a list. `also` narrows the rights e, versions v.

    A rule that counts months pays the days that no other right of the same recipient has claimed, and none of the
    multirange `shut` (of right e); `less` goes on from what is left, to the stretches that are asked for. Of who is
    suspended for all of it, or has nothing left, there is a row, for which a reason is found.
    """
    whole = not by_month(version)
    shown, asked, others = _PERIOD, f"datemultirange({_PERIOD})", ""
    if not whole:
        shown = _in_right(_PERIOD)
        asked = f"CASE WHEN m.days <@ others.days THEN m.days ELSE (m.days - others.days) {less} END"
        paid = f"coalesce({paid_to_others('e.id', 'v.component', _PERIOD)}, '{{}}')"
        others = (
            f"CROSS JOIN LATERAL (SELECT {paid} + coalesce({shut}, '{{}}'::datemultirange) AS days) others"
        )
    return f"""SELECT {"DISTINCT ON (e.id)" if whole else ""} e.id AS entitlement_id, v.id AS version_id, v.quantity,
        v.facts, {payee_of()} AS payee_id, e.beneficiary_id, {suspended(_PERIOD)} AS suspended, e.division_code, {_PERIOD} AS period,
        e.ends_on, t.days
    FROM {_RIGHTS} {of_right(months=not whole)} {_heads(version)}
    CROSS JOIN LATERAL (SELECT {left_by_heads(days_of(_PERIOD), _PERIOD, whole=whole)} AS days) m
    {others}
    CROSS JOIN LATERAL unnest(CASE WHEN isempty(m.days) THEN datemultirange({shown}) ELSE {asked} END) AS t(days)
    WHERE {_IN_PERIOD} AND (NOT isempty(m.days) OR {suspended(_PERIOD)}) {also}
    {"ORDER BY e.id, isempty(m.days), lower(v.valid) DESC" if whole else ""}"""  # noqa: S608 -- constants of ours


def is_owed(line: str, right: str, component: str, days: str, *, months: bool) -> str:
    """Whether right `right` is due any of the range `days` of a line that no other line of the recipient's has a claim for.

    What failed money is asked: where it is not so, another line paid it, or it is nobody's any more. Who cannot be paid just
    now (no account, a pause, a stop) is owed it all the same. The columns given are of other aliases than e and v.
    """
    left = left_by_heads(days_of(days), days, whole=not months)
    own = f"""(SELECT range_agg(c.period_range) FROM disbursement_claim c WHERE c.entitlement_id = {right}
        AND c.component = {component} AND c.period_range && {days} AND c.line_id <> {line})"""  # noqa: S608 -- columns of ours
    paid = f"(coalesce({own}, '{{}}') + coalesce({paid_to_others(right, component, days)}, '{{}}'))"
    owed = f"NOT isempty({left} - {paid})" if months else f"NOT isempty({left}) AND isempty({paid})"
    return f"""EXISTS (SELECT FROM recipients_entitlement e
        JOIN recipients_entitlementversion v ON v.entitlement_id = e.id AND v.component = {component}
        {of_right(months=months)} {later_heads(months=months)}
        WHERE e.id = {right} AND NOT {_over("e", days)} AND {owed})"""


def still_owed(line: str, right: str, component: str, days: str, version: str) -> str:
    """The same of a line that was made by the rule of policy version `version`; given columns."""
    by_months = (
        f"(SELECT {amounts.counts_months_in_sql('q')} FROM subsidies_policyversion q WHERE q.id = {version})"  # noqa: S608
    )
    return f"""CASE WHEN {by_months} THEN {is_owed(line, right, component, days, months=True)}
        ELSE {is_owed(line, right, component, days, months=False)} END"""


def counts_months(roster: str) -> str:
    """Whether the batch of this roster pays by a rule that counts months: each stretch of a right, not the period once."""
    return f"""(SELECT {amounts.counts_months_in_sql("y")} FROM disbursement_roster o
        JOIN disbursement_batch t ON t.id = o.batch_id JOIN subsidies_policyversion y ON y.id = t.version_id
        WHERE o.id = {roster})"""  # noqa: S608 -- a column of ours


# the reason for which a roster leaves somebody out, or NULL
REASON = "CASE " + " ".join(f"WHEN {wrong} THEN '{reason}'" for reason, _, _, wrong in UNPAYABLE) + " END"


def lines_today(version: PolicyVersion) -> str:
    """FROM clause: lines l of lists r that count, of batches t of this version, with what they would be today.

    That is d (suspended, period, days, quantity, facts), with b, p, a as in UNPAYABLE. A line of a rule that counts months
    keeps its days while all of them are due; what is due besides is 应发未发. Of a rule that pays once, a line has no days
    any more when a later version n takes its place; a line may then stand there more than once.
    """
    months = by_month(version)
    left = left_by_heads(days_of("t.period_range"), "t.period_range", whole=not months)
    later, stays = "", "l.period_range <@ m.days"
    if not months:
        # ||: no column of the exclusion constraint's index, which a planner without statistics would read by component alone
        later = f"""LEFT JOIN recipients_entitlementversion n ON n.entitlement_id = l.entitlement_id
        AND n.component || '' = v.component AND lower(n.valid) > lower(v.valid)
        AND NOT isempty({days_of("t.period_range", version="n")})"""
        stays = "n.id IS NULL AND NOT isempty(m.days) AND l.period_range = t.period_range"
    return f"""{LIVE}
    JOIN disbursement_batch t ON t.id = r.batch_id
    JOIN recipients_person b ON b.id = l.beneficiary_id
    JOIN recipients_entitlementversion v ON v.id = l.entitlement_version_id
    JOIN recipients_entitlement e ON e.id = l.entitlement_id
    {_of_lines(months=months)}
    {later} {_heads(version)}
    CROSS JOIN LATERAL (SELECT {left} AS days) m
    CROSS JOIN LATERAL (SELECT {suspended("l.period_range")} AS suspended, e.status, e.ends_on, v.quantity,
        v.facts, t.period_range AS period,
        CASE WHEN {stays} THEN l.period_range ELSE 'empty'::daterange END AS days) d
    JOIN recipients_person p ON p.id = {payee_of()}
    LEFT JOIN recipients_account a ON a.person_id = p.id AND a.is_active"""


_OTHER_DAYS = "isempty(d.days)"
Fault = tuple[str, str, str]


def _other_amount(version: PolicyVersion) -> tuple[str, dict[str, Any]]:
    amount, values = amount_sql(amounts.rule_of(version))
    return f"NOT {_OTHER_DAYS} AND {amount} IS DISTINCT FROM l.amount", values


def other_than_due(version: PolicyVersion) -> tuple[str, dict[str, Any]]:
    """Whether a line of lines_today would come out with other days or another amount today, and the values bound."""
    other, values = _other_amount(version)
    return f"{_OTHER_DAYS} OR {other}", values


def faults(version: PolicyVersion) -> tuple[tuple[Fault, ...], dict[str, Any]]:
    """(column, words, condition) of lines_today, with the values that are bound: who is unpayable, whose right has ended,
    and whose days or amount a list made today would say otherwise."""
    other_amount, values = _other_amount(version)
    over = _over("d", "l.period_range")
    return (
        *(fault[1:] for fault in UNPAYABLE),
        ("享受资格", "已终止", over),
        (
            "应发期间",
            "已变，资格在这一期内终止、停发或变更过",
            f"NOT {over} AND NOT d.suspended AND {_OTHER_DAYS}",
        ),
        ("应发金额", "已变，与按现在的资格算出的不同", other_amount),
    ), values


def as_rows(found: Iterable[Fault]) -> str:
    """The faults as rows (column, words, is it so) of a VALUES list: each fault of a line is found."""
    return ",\n    ".join(f"('{column}', '{words}', {wrong})" for column, words, wrong in found)
