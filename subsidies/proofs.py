"""What `prove` recomputes for policies and indicators."""

from huimin.core.authority.duties import Duty
from huimin.core.records.proofs import proof, rows
from subsidies.queries import digest, public_facts

_COUNT = "SELECT count(*) FROM subsidies_indicator"


@proof("每笔指标：下达＝可用＋冻结＋已支付")
def indicators_add_up() -> tuple[int, list[str]]:
    return rows(
        """SELECT document_number || ' ' || name FROM subsidies_indicator
           WHERE issued <> available + frozen + paid OR least(available, frozen, paid) < 0""",
        count=_COUNT,
    )


@proof("每笔指标的四个数与其变动记录逐笔相加相符")
def indicators_follow_their_moves() -> tuple[int, list[str]]:
    return rows(
        """SELECT i.document_number || ' ' || i.name FROM subsidies_indicator i
           LEFT JOIN LATERAL (
               SELECT coalesce(sum(amount) FILTER (WHERE kind = 'issue'), 0) AS issued,
                      coalesce(sum(amount) FILTER (WHERE kind = 'freeze'), 0) AS frozen,
                      coalesce(sum(amount) FILTER (WHERE kind = 'pay'), 0) AS paid,
                      coalesce(sum(amount) FILTER (WHERE kind = 'release'), 0) AS released,
                      coalesce(sum(amount) FILTER (WHERE kind = 'reopen'), 0) AS reopened
               FROM subsidies_indicatormove m WHERE m.indicator_id = i.id
           ) m ON true
           WHERE (i.issued, i.available, i.frozen, i.paid) IS DISTINCT FROM
                 (m.issued, m.issued - m.frozen + m.released + m.reopened,
                  m.frozen - m.paid - m.released, m.paid - m.reopened)""",
        count=_COUNT,
    )


@proof("没有用过未经第二人确认的指标")
def only_confirmed_money_moves() -> tuple[int, list[str]]:
    return rows(
        """SELECT document_number || ' ' || name FROM subsidies_indicator
           WHERE status <> 'confirmed' AND (frozen <> 0 OR paid <> 0)""",
        count=_COUNT,
    )


@proof("同一政策已发布的版本执行期间互不重叠")
def versions_never_overlap() -> tuple[int, list[str]]:
    return rows(
        """SELECT p.name || '第 ' || a.number || ' 版与第 ' || b.number || ' 版' FROM subsidies_policyversion a
           JOIN subsidies_policyversion b ON b.policy_id = a.policy_id AND b.id > a.id AND b.valid && a.valid
           JOIN subsidies_policy p ON p.id = a.policy_id
           WHERE a.published_at IS NOT NULL AND b.published_at IS NOT NULL""",
        count="SELECT count(*) FROM subsidies_policyversion WHERE published_at IS NOT NULL",
    )


@proof("已发布的版本与发布时留痕的标准一致")
def published_versions_as_published() -> tuple[int, list[str]]:
    return rows(
        """SELECT p.name || '第 ' || v.number || ' 版' FROM subsidies_policyversion v
           JOIN subsidies_policy p ON p.id = v.policy_id
           WHERE v.published_at IS NOT NULL AND NOT EXISTS (
               SELECT FROM core_auditevent e
               WHERE e.subject = 'subsidies.policyversion:' || v.id AND e.action = 'publish'
                 AND (e.detail ->> 'version')::int = v.number AND e.detail ->> 'standard' = v.standard_text
                 AND e.detail ->> 'rule' = encode(sha256(convert_to(v.amount_rule::text, 'UTF8')), 'hex'))""",
        count="SELECT count(*) FROM subsidies_policyversion WHERE published_at IS NOT NULL",
    )


@proof("发布过的政策，登记的事项就是发布时的，加上审批通过的更正")
def public_facts_are_as_published_and_corrected() -> tuple[int, list[str]]:
    """Column by column: as the newest approved change that names it says, or else as it was published."""
    public = "p.status NOT IN ('draft', 'submitted')"
    return rows(
        f"""SELECT p.code || ' ' || p.name || '：' || f.key FROM subsidies_policy p
            CROSS JOIN LATERAL (SELECT e.detail -> 'facts' AS facts FROM core_auditevent e
                WHERE e.subject = 'subsidies.policy:' || p.id AND e.action = 'publish' ORDER BY e.id LIMIT 1) told
            CROSS JOIN jsonb_each_text({public_facts("p")}) f
            LEFT JOIN LATERAL (SELECT c.facts ->> f.key AS value FROM subsidies_policychange c
                WHERE c.policy_id = p.id AND c.status = 'approved' AND c.facts ? f.key ORDER BY c.id DESC LIMIT 1) c ON true
            WHERE {public} AND coalesce({digest("c.value")}, told.facts ->> f.key) IS DISTINCT FROM {digest("f.value")}
            UNION ALL SELECT p.code || ' ' || p.name || '：没有发布的留痕' FROM subsidies_policy p
            WHERE {public} AND NOT EXISTS (SELECT FROM core_auditevent e
                WHERE e.subject = 'subsidies.policy:' || p.id AND e.action = 'publish')""",  # noqa: S608
        count=f"SELECT count(*) FROM subsidies_policy p WHERE {public}",  # noqa: S608 -- a constant of ours
    )


@proof("开过的每一次发放都有开它的人和留痕，放弃了的都有放弃的留痕")
def rounds_were_opened_by_somebody() -> tuple[int, list[str]]:
    """Its day decides the standard: who opened it stands behind its lists, by the duty that they inherit."""
    told = """EXISTS (SELECT FROM core_auditevent e WHERE e.subject = 'subsidies.policy:' || o.policy_id AND e.action = '{act}'
        AND e.actor_id = o.{by} AND e.detail ->> 'round' = o.year || '#' || o.number AND e.detail ->> 'day' = o.day::text)"""
    return rows(
        f"""SELECT p.name || ' ' || o.year || '#' || o.number FROM subsidies_paymentround o
            JOIN subsidies_policy p ON p.id = o.policy_id JOIN core_user u ON u.id = o.opened_by_id
            WHERE NOT {told.format(act="open_round", by="opened_by_id")}
               OR NOT EXISTS (SELECT FROM core_involvement i WHERE i.subject = 'subsidies.paymentround:' || o.id
                              AND i.duty = '{Duty.BATCH_MAKE}' AND i.person_key = u.person_key)
               OR (o.given_up_at IS NOT NULL AND NOT {told.format(act="discard_round", by="given_up_by_id")})""",  # noqa: S608
        count="SELECT count(*) FROM subsidies_paymentround",
    )
