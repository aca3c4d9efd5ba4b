"""What must hold of people, reviews and rights, recomputed by `prove`."""

from __future__ import annotations

from huimin.core import crypto
from huimin.core.authority.duties import Duty
from huimin.core.records.proofs import proof, rows
from recipients.models import Account, Notice, Person
from recipients.rules import commit
from recipients.services.banks import OTHERWISE
from recipients.services.notices import digest_of
from recipients.states import DECLARATION_FLOW, POSTS, REVIEW_ORDER, DeclarationStatus
from subsidies.rules.levels import SWITCHED, switch_of

_FAULTS_SHOWN = 20
_SUBJECT = DECLARATION_FLOW.subject_sql("d")


@proof("每一段享受资格都来自一行已确认、没有剔除的申报")
def versions_have_their_line() -> tuple[int, list[str]]:
    return rows(
        """SELECT '享受资格 ' || v.entitlement_id || ' 的版本 ' || v.id FROM recipients_entitlementversion v
           JOIN recipients_entitlement e ON e.id = v.entitlement_id
           JOIN recipients_declarationline l ON l.id = v.source_line_id
           JOIN recipients_declaration d ON d.id = l.declaration_id
           WHERE d.status <> 'confirmed' OR l.excluded_at_level <> '' OR d.policy_id <> e.policy_id
              OR l.quantity <> v.quantity
              OR CASE WHEN v.succession_id IS NULL THEN l.beneficiary_id <> e.beneficiary_id ELSE NOT EXISTS (
                     SELECT FROM recipients_succession s JOIN recipients_entitlementversion o
                          ON o.entitlement_id = s.earlier_id AND o.source_line_id = v.source_line_id
                     WHERE s.id = v.succession_id AND s.later_id = v.entitlement_id) END""",
        count="SELECT count(*) FROM recipients_entitlementversion",
    )


@proof("更正过身份证号的档案，号码、出生日期、性别是最近一次复核通过的更正所定的")
def numbers_are_as_corrected() -> tuple[int, list[str]]:
    return rows(
        """SELECT '人员 ' || p.id FROM (
               SELECT DISTINCT ON (x.id) x.* FROM (
                   SELECT c.person_id AS id, c.id AS change, c.id_key, c.birth_date, c.sex, c.status
                   FROM recipients_numberchange c
                   UNION ALL SELECT c.other_id, c.id, c.old_key, c.old_birth_date, c.old_sex, c.status
                   FROM recipients_numberchange c WHERE c.other_id IS NOT NULL) x
               WHERE x.status = 'approved' ORDER BY x.id, x.change DESC) c
           JOIN recipients_person p ON p.id = c.id
           WHERE (p.id_key, p.birth_date, p.sex) <> (c.id_key, c.birth_date, c.sex)""",
        count="SELECT count(*) FROM recipients_numberchange WHERE status = 'approved'",
    )


@proof("每一户的户主，是建档时的户主，或者最近一次复核通过的户主变更所定的人")
def heads_have_their_source() -> tuple[int, list[str]]:
    return rows(
        """SELECT '农户 ' || c.household_id FROM (
               SELECT DISTINCT ON (household_id) household_id, old_head_id, new_head_id FROM recipients_headchange
               WHERE status = 'approved' ORDER BY household_id, id DESC) c
           WHERE EXISTS (SELECT FROM recipients_person p WHERE p.id = c.old_head_id AND p.is_holder)
              OR EXISTS (SELECT FROM recipients_person p WHERE p.id = c.new_head_id
                         AND NOT (p.is_holder AND p.household_id = c.household_id))""",
        count="SELECT count(*) FROM recipients_headchange WHERE status = 'approved'",
    )


# days that a change of the head took from a right, or a death whose right has passed
_GONE = """SELECT g.id, g.made_at, p.household_id, e.policy_id, o.component,
        c.valid_before * daterange(g.ends_on, NULL) AS days,
        (SELECT max(x.version_id) FROM recipients_endingcut x WHERE x.ending_id = g.id) AS newest
    FROM recipients_ending g JOIN recipients_entitlement e ON e.id = g.entitlement_id
    JOIN recipients_person p ON p.id = e.beneficiary_id
    JOIN recipients_endingcut c ON c.ending_id = g.id JOIN recipients_entitlementversion o ON o.id = c.version_id
    WHERE g.head_change_id IS NOT NULL OR EXISTS (SELECT FROM recipients_succession s WHERE s.ending_id = g.id)"""
# of the same household, policy and component: what members have, what later endings took, what was declared since
_OF_HOUSEHOLD = """FROM recipients_person m JOIN recipients_entitlement w ON w.beneficiary_id = m.id
        AND w.policy_id = z.policy_id
    JOIN recipients_entitlementversion n ON n.entitlement_id = w.id AND n.component = z.component"""


@proof("随户主变更承接的享受资格，原户主、新户主的期间不重叠，截去的期间一天不少，都是这一户的")
def successions_are_whole() -> tuple[int, list[str]]:
    """What a change took somebody of the household has, or had until it ended for another cause; and nothing of it is
    the former head's any more. What was declared for that one and confirmed later is judged when it is paid."""
    return rows(
        f"""SELECT '承接 ' || s.id || '：期间重叠' FROM recipients_succession s
           JOIN recipients_entitlementversion n ON n.succession_id = s.id
           JOIN recipients_entitlementversion o ON o.entitlement_id = s.earlier_id AND o.component = n.component
                AND o.id < n.id AND o.valid && n.valid
           UNION ALL
           SELECT '终止记录 ' || z.id || '：期间没有接上' FROM ({_GONE}) z
           WHERE NOT z.days <@ (
               coalesce((SELECT range_agg(n.valid) {_OF_HOUSEHOLD} WHERE m.household_id = z.household_id), '{{}}')
             + coalesce((SELECT range_agg(t.valid_before) {_OF_HOUSEHOLD}
                         JOIN recipients_endingcut t ON t.version_id = n.id AND t.ending_id > z.id
                         WHERE m.household_id = z.household_id), '{{}}')
             + coalesce((SELECT range_agg(daterange(lower(n.valid), NULL)) {_OF_HOUSEHOLD}
                         WHERE m.household_id = z.household_id AND n.succession_id IS NULL AND NOT isempty(n.valid)
                           AND n.id > z.newest AND n.created_at > z.made_at), '{{}}'))""",  # noqa: S608 -- constants of ours
        count="SELECT count(*) FROM recipients_succession",
    )


@proof("终止的享受资格都有终止记录，停发日期由它定，以后没有有效期间")
def ended_rights_have_their_ending() -> tuple[int, list[str]]:
    return rows(
        """SELECT '享受资格 ' || e.id FROM recipients_entitlement e
           LEFT JOIN recipients_ending g ON g.entitlement_id = e.id AND g.status = 'standing'
           WHERE (e.status = 'ended') <> (g.id IS NOT NULL) OR e.ends_on IS DISTINCT FROM g.ends_on
           UNION ALL
           SELECT '享受资格 ' || e.id || ' 的版本 ' || v.id FROM recipients_entitlement e
           JOIN recipients_entitlementversion v ON v.entitlement_id = e.id AND NOT v.valid <@ daterange(NULL, e.ends_on)
           WHERE e.ends_on IS NOT NULL""",
        count="SELECT count(*) FROM recipients_entitlement",
    )


@proof("作废的档案没有享受中的资格")
def records_set_aside_have_no_right() -> tuple[int, list[str]]:
    return rows(
        """SELECT '享受资格 ' || e.id FROM recipients_entitlement e JOIN recipients_person p ON p.id = e.beneficiary_id
           WHERE p.status = 'void' AND e.status <> 'ended'""",
        count="SELECT count(*) FROM recipients_person WHERE status = 'void'",
    )


_GIVEN = """SELECT v.*, daterange(lower(d.period_range), CASE WHEN y.is_open_ended AND d.payment_round_id IS NULL THEN NULL
        ELSE upper(d.period_range) END) AS given
    FROM recipients_entitlementversion v JOIN recipients_declarationline l ON l.id = v.source_line_id
    JOIN recipients_declaration d ON d.id = l.declaration_id JOIN subsidies_policyversion y ON y.id = d.version_id
    WHERE v.succession_id IS NULL"""


@proof("每一项享受资格的有效期间，就是确认时的；短了的，是终止截去的，或由后来确认的接上")
def ranges_are_as_confirmed() -> tuple[int, list[str]]:
    """Also against who alters ranges behind the trigger's back (days_go_for_a_cause); those that passed to a head apart."""
    return rows(
        f"""SELECT '享受资格 ' || v.entitlement_id || ' 的版本 ' || v.id FROM ({_GIVEN}) v
            WHERE v.valid <> v.given AND NOT EXISTS (
                SELECT FROM recipients_endingcut c JOIN recipients_ending g ON g.id = c.ending_id
                WHERE c.version_id = v.id AND (g.status <> 'corrected' OR isempty(v.valid))
                  AND v.valid = c.valid_before * daterange(NULL, g.ends_on))
              AND NOT (lower(v.valid) = lower(v.given) AND v.valid <@ v.given AND EXISTS (
                SELECT FROM recipients_entitlementversion n LEFT JOIN recipients_endingcut c ON c.version_id = n.id
                WHERE n.entitlement_id = v.entitlement_id AND n.component = v.component AND n.id <> v.id
                  AND upper(v.valid) IN (lower(n.valid), lower(c.valid_before))))""",  # noqa: S608 -- a constant of ours
        count="SELECT count(*) FROM recipients_entitlementversion WHERE succession_id IS NULL",
    )


@proof("终止以后的日子，没有回到终止以前的享受资格里")
def ended_days_stay_ended() -> tuple[int, list[str]]:
    """An ending that was not corrected took from its day on whatever stood when it was made; what was confirmed anew
    since stands in versions of its own. Those that came by one succession were all made at once. What an earlier ending
    had taken by mistake comes back beyond the day of a death or a change of the head whose ending is over."""
    return rows(
        """SELECT DISTINCT '享受资格 ' || v.entitlement_id || ' 的版本 ' || v.id FROM recipients_ending g
           JOIN recipients_entitlementversion v ON v.entitlement_id = g.entitlement_id
                AND NOT v.valid <@ daterange(NULL, g.ends_on)
           WHERE g.status <> 'corrected' AND NOT (g.status = 'revived'
               AND (g.death_id IS NOT NULL OR g.head_change_id IS NOT NULL) AND EXISTS (
                   SELECT FROM recipients_endingcut k JOIN recipients_ending x ON x.id = k.ending_id
                   WHERE k.version_id = v.id AND v.valid <@ k.valid_before AND x.status = 'corrected' AND x.id < g.id))
             AND (v.created_at < g.made_at OR EXISTS (
               SELECT FROM recipients_endingcut c JOIN recipients_entitlementversion w ON w.id = c.version_id
               WHERE c.ending_id = g.id AND (w.id = v.id OR w.succession_id = v.succession_id)))""",
        count="SELECT count(*) FROM recipients_ending",
    )


@proof("享受资格的收款人，就是申报确认的；承接的，原户主自己收的归新户主，别人代收的不变")
def payees_are_as_declared() -> tuple[int, list[str]]:
    return rows(
        """SELECT '享受资格 ' || v.entitlement_id || ' 的版本 ' || v.id FROM recipients_entitlementversion v
           JOIN recipients_declarationline l ON l.id = v.source_line_id
           WHERE v.succession_id IS NULL AND v.payee_id <> l.payee_id
           UNION ALL
           SELECT '享受资格 ' || v.entitlement_id || ' 的版本 ' || v.id FROM recipients_entitlementversion v
           JOIN recipients_succession s ON s.id = v.succession_id
           JOIN recipients_entitlement a ON a.id = s.earlier_id JOIN recipients_entitlement b ON b.id = s.later_id
           WHERE NOT EXISTS (SELECT FROM recipients_entitlementversion o
               WHERE o.entitlement_id = s.earlier_id AND o.source_line_id = v.source_line_id
                 AND v.payee_id = CASE WHEN o.payee_id = a.beneficiary_id THEN b.beneficiary_id ELSE o.payee_id END)""",
        count="SELECT count(*) FROM recipients_entitlementversion",
    )


@proof("作废的档案都由另一个人作废，写在留痕里；没有作废了又恢复的")
def records_are_set_aside_by_another() -> tuple[int, list[str]]:
    return rows(
        """SELECT '档案 ' || p.id FROM recipients_person p LEFT JOIN core_user v ON v.id = p.voided_by_id
           WHERE p.status = 'void' AND (
               v.id IS NULL OR EXISTS (SELECT FROM core_user m WHERE m.id = p.created_by_id AND m.person_key = v.person_key)
               OR NOT EXISTS (SELECT FROM core_auditevent e WHERE e.subject = 'recipients.person:' || p.id
                              AND e.action = 'void' AND e.actor_id = v.id))
           UNION ALL
           SELECT '档案 ' || p.id || ' 作废以后又恢复' FROM recipients_person p
           WHERE p.status <> 'void' AND (p.voided_by_id IS NOT NULL OR 'recipients.person:' || p.id IN (
               SELECT e.subject FROM core_auditevent e
               WHERE e.subject LIKE 'recipients.person:%' AND e.action = 'void'))
           UNION ALL
           SELECT '农户 ' || h.id FROM recipients_household h WHERE h.status = 'void'""",
        count="SELECT count(*) FROM recipients_person WHERE status = 'void'",
    )


@proof("停用的账户，或由换卡的新账户接上，或随档案作废")
def closed_accounts_are_followed() -> tuple[int, list[str]]:
    return rows(
        """SELECT '账户 ' || a.id FROM recipients_account a JOIN recipients_person p ON p.id = a.person_id
           WHERE NOT a.is_active AND p.status <> 'void' AND NOT EXISTS (
               SELECT FROM recipients_account n WHERE n.person_id = a.person_id AND n.id > a.id AND n.change_id IS NOT NULL)""",
        count="SELECT count(*) FROM recipients_account WHERE NOT is_active",
    )


@proof("在用账户的代发银行，与按联行号、行名认定的一致")
def accounts_are_at_their_banks() -> tuple[int, list[str]]:
    """Banks and branches that were just changed are settled by a job; until it is done they may stand here."""
    return rows(
        f"SELECT '账户 ' || a.id FROM {OTHERWISE}",  # noqa: S608 -- a constant of ours
        count="SELECT count(*) FROM recipients_account WHERE is_active",
    )


@proof("暂停的享受资格都有没恢复的暂停记录，恢复了的都没有；停发的由另一个人恢复")
def suspended_rights_have_their_suspension() -> tuple[int, list[str]]:
    return rows(
        """SELECT '享受资格 ' || e.id FROM recipients_entitlement e
           LEFT JOIN recipients_suspension s ON s.entitlement_id = e.id AND s.status = 'standing'
           WHERE e.status <> 'ended' AND (e.status = 'suspended') <> (s.id IS NOT NULL)
           UNION ALL
           SELECT '暂停记录 ' || s.id FROM recipients_suspension s
           JOIN core_user m ON m.id = s.made_by_id JOIN core_user l ON l.id = s.lifted_by_id
           WHERE s.kind = 'forfeited' AND m.person_key = l.person_key
           UNION ALL
           SELECT '暂停记录 ' || s.id || ' 没有人办过' FROM recipients_suspension s JOIN core_user m ON m.id = s.made_by_id
           WHERE NOT EXISTS (SELECT FROM core_involvement i WHERE i.subject = 'recipients.suspension:' || s.id
                             AND i.duty = 'suspension.make' AND i.person_key = m.person_key)""",
        count="SELECT count(*) FROM recipients_suspension",
    )


@proof("一次性发放的享受资格、申报、批次都属于开过的那一次，只有一天")
def one_offs_are_of_their_round() -> tuple[int, list[str]]:
    return rows(
        """SELECT '申报册 ' || d.id FROM recipients_declaration d
           LEFT JOIN subsidies_paymentround o ON o.id = d.payment_round_id
           WHERE (d.period LIKE '%#%' OR o.id IS NOT NULL) AND (o.policy_id, o.year || '#' || o.number,
                 daterange(o.day, o.day + 1)) IS DISTINCT FROM (d.policy_id, d.period::text, d.period_range)
           UNION ALL
           SELECT '享受资格 ' || v.entitlement_id || ' 的版本 ' || v.id FROM recipients_entitlementversion v
           JOIN recipients_declarationline l ON l.id = v.source_line_id
           JOIN recipients_declaration d ON d.id = l.declaration_id
           LEFT JOIN subsidies_paymentround o ON o.id = d.payment_round_id
           WHERE v.component <> coalesce('#' || o.number, 'regular')
              OR (o.id IS NOT NULL AND NOT v.valid <@ d.period_range)""",
        count="SELECT count(*) FROM subsidies_paymentround",
    )


@proof("每一册确认的申报都公示满了天数，没有未答复的异议")
def confirmed_had_their_notices() -> tuple[int, list[str]]:
    return rows(
        """SELECT '申报册 ' || d.id || ' 缺' || wanted.level || '公示' FROM recipients_declaration d
           JOIN subsidies_policyversion v ON v.id = d.version_id
           CROSS JOIN LATERAL (VALUES ('village', v.has_village_notice), ('township', v.has_township_notice),
                                      ('county', v.has_county_notice)) AS wanted(level, asked)
           WHERE d.status = 'confirmed' AND wanted.asked AND NOT EXISTS (
               SELECT FROM recipients_notice n WHERE n.declaration_id = d.id AND n.revision = d.revision
               AND n.level = wanted.level AND n.withdrawn_at IS NULL
               AND n.ends_on - n.starts_on >= v.notice_days - v.notice_counts_first::int
               AND n.ends_on < (business_now() AT TIME ZONE 'Asia/Shanghai')::date
               AND NOT EXISTS (SELECT FROM recipients_objection o WHERE o.notice_id = n.id AND o.status = 'open'))""",
        count="SELECT count(*) FROM recipients_declaration WHERE status = 'confirmed'",
    )


@proof("每一册确认的申报，联审部门都签了字")
def confirmed_were_signed() -> tuple[int, list[str]]:
    return rows(
        """SELECT '申报册 ' || d.id || ' 缺 ' || wanted.party || ' 会签' FROM recipients_declaration d
           JOIN subsidies_policyversion v ON v.id = d.version_id AND v.has_county_review
           CROSS JOIN LATERAL unnest(v.joint_parties) AS wanted(party)
           WHERE d.status = 'confirmed' AND NOT EXISTS (
               SELECT FROM recipients_jointsignature s WHERE s.declaration_id = d.id AND s.revision = d.revision
               AND s.party = wanted.party)""",
        count="SELECT count(*) FROM recipients_declaration WHERE status = 'confirmed'",
    )


_ROWS = ", ".join(f"('{level}', '{party}', '{duty}', '{Duty(duty).label}')" for level, party, duty in POSTS)
_POSTS = f"(VALUES {_ROWS}) AS post(level, party, duty, label)"
_WAY = f"ARRAY[{', '.join(repr(str(state)) for state in (DeclarationStatus.DRAFT, *REVIEW_ORDER))}]"


@proof("每一册申报走过的审核、会签、异议答复，都由在岗的人办过")
def levels_have_their_people() -> tuple[int, list[str]]:
    """Levels that the version asks for and that lie behind the state; who signed or answered had the duty for it."""
    return rows(
        f"""SELECT '申报册 ' || d.id || ' 没有人办过“' || post.label || '”' FROM recipients_declaration d
            JOIN subsidies_policyversion v ON v.id = d.version_id
            JOIN {_POSTS} ON (to_jsonb(v) ->> ('has_' || post.level))::boolean
                 AND (post.party = '' OR post.party = ANY(v.joint_parties))
                 AND array_position({_WAY}, post.level) < array_position({_WAY}, d.status::text)
            WHERE NOT EXISTS (SELECT FROM core_involvement i WHERE i.subject = {_SUBJECT} AND i.duty = post.duty)
            UNION ALL
            SELECT '申报册 ' || d.id || ' 的会签人没有办过“' || post.label || '”' FROM recipients_jointsignature s
            JOIN recipients_declaration d ON d.id = s.declaration_id JOIN core_user u ON u.id = s.signed_by_id
            JOIN {_POSTS} ON post.party = s.party
            WHERE NOT EXISTS (SELECT FROM core_involvement i WHERE i.subject = {_SUBJECT} AND i.duty = post.duty
                              AND i.person_key = u.person_key)
            UNION ALL
            SELECT '异议 ' || o.id || ' 的答复人没有办过“{Duty.OBJECTION_ANSWER.label}”' FROM recipients_objection o
            JOIN recipients_notice n ON n.id = o.notice_id JOIN recipients_declaration d ON d.id = n.declaration_id
            LEFT JOIN core_user u ON u.id = o.answered_by_id
            WHERE o.status <> 'open' AND NOT EXISTS (
                SELECT FROM core_involvement i WHERE i.subject = {_SUBJECT} AND i.duty = '{Duty.OBJECTION_ANSWER}'
                AND i.person_key = u.person_key)""",  # noqa: S608 -- constants of the step table
        count="SELECT count(*) FROM recipients_declaration",
    )


_LAST_LEVEL = " ".join(f"WHEN v.{switch_of(level)} THEN '{level}'" for level in reversed(SWITCHED))


@proof("每一册确认的申报，享受的人就是最后一榜公示的人")
def rights_hung_on_the_wall() -> tuple[int, list[str]]:
    """Where the policy's last level is a notice: its lines and sum are those that gave rights, nobody came in after it."""
    return rows(
        f"""SELECT '申报册 ' || d.id || '：公示 ' || n.line_count || ' 人 ' || n.total || ' 元，确认 ' || l.n || ' 人 ' || l.s
                  || ' 元' FROM recipients_declaration d
           JOIN subsidies_policyversion v ON v.id = d.version_id
           JOIN recipients_notice n ON n.declaration_id = d.id AND n.revision = d.revision AND n.withdrawn_at IS NULL
                AND n.level || '_notice' = CASE {_LAST_LEVEL} END
           CROSS JOIN LATERAL (SELECT count(*) AS n, coalesce(sum(x.amount), 0) AS s FROM recipients_declarationline x
                               WHERE x.declaration_id = d.id AND x.excluded_at_level = '') AS l
           WHERE d.status = 'confirmed' AND (n.line_count, n.total) IS DISTINCT FROM (l.n, l.s)""",  # noqa: S608 -- constants
        count="SELECT count(*) FROM recipients_declaration WHERE status = 'confirmed'",
    )


@proof("每一册申报的人数、金额，与没有剔除的明细相加一致")
def declarations_add_up() -> tuple[int, list[str]]:
    return rows(
        """SELECT '申报册 ' || d.id FROM recipients_declaration d
           LEFT JOIN (SELECT declaration_id, count(*) AS people, sum(amount) AS total FROM recipients_declarationline
                      WHERE excluded_at_level = '' GROUP BY declaration_id) s ON s.declaration_id = d.id
           WHERE (d.people, d.total) IS DISTINCT FROM (coalesce(s.people, 0)::int, coalesce(s.total, 0))""",
        count="SELECT count(*) FROM recipients_declaration",
    )


@proof("死亡日期与死亡登记一致")
def deaths_agree() -> tuple[int, list[str]]:
    return rows(
        """SELECT '人员 ' || p.id FROM recipients_person p
           FULL JOIN (SELECT * FROM recipients_death WHERE status = 'standing') d ON d.person_id = p.id
           WHERE p.died_on IS DISTINCT FROM d.died_on""",
        count="SELECT count(*) FROM recipients_death",
    )


@proof("每一份停用的档案都有一条没有恢复的停用记录，恢复由另一个人办")
def records_are_as_paused() -> tuple[int, list[str]]:
    return rows(
        """SELECT '人员 ' || p.id FROM recipients_person p
           FULL JOIN (SELECT * FROM recipients_recordpause WHERE status = 'standing') u ON u.person_id = p.id
           WHERE (p.status = 'suspended') <> (u.id IS NOT NULL)
           UNION ALL
           SELECT '停用记录 ' || u.id FROM recipients_recordpause u
           JOIN core_user m ON m.id = u.made_by_id JOIN core_user w ON w.id = u.lifted_by_id
           WHERE m.person_key = w.person_key OR NOT EXISTS (
               SELECT FROM core_involvement i WHERE i.subject = 'recipients.recordpause:' || u.id
               AND i.duty = 'record.resume' AND i.person_key = w.person_key)""",
        count="SELECT count(*) FROM recipients_recordpause",
    )


@proof("作废的档案没有在用账户，也没有待复核的换卡")
def what_was_set_aside_has_no_account() -> tuple[int, list[str]]:
    return rows(
        """SELECT '人员 ' || p.id FROM recipients_person p WHERE p.status = 'void' AND (
               EXISTS (SELECT FROM recipients_account a WHERE a.person_id = p.id AND a.is_active)
               OR EXISTS (SELECT FROM recipients_accountchange c WHERE c.person_id = p.id AND c.status = 'asked'))""",
        count="SELECT count(*) FROM recipients_person WHERE status = 'void'",
    )


@proof("一人只有一个在用账户，一户只有一个户主")
def one_account_one_holder() -> tuple[int, list[str]]:
    return rows(
        """SELECT '人员 ' || person_id || ' 有 ' || count(*) || ' 个在用账户' FROM recipients_account
           WHERE is_active GROUP BY person_id HAVING count(*) > 1
           UNION ALL
           SELECT '农户 ' || household_id || ' 有 ' || count(*) || ' 个户主' FROM recipients_person
           WHERE is_holder AND status <> 'void' GROUP BY household_id HAVING count(*) > 1""",
        count="SELECT count(*) FROM recipients_account WHERE is_active",
    )


@proof("公示名单与张贴时的指纹、人数、金额一致")
def notice_digests() -> tuple[int, list[str]]:
    checked, faults = 0, []
    for notice in Notice.objects.order_by("pk").only("pk", "digest").iterator():
        checked += 1
        if digest_of(notice.pk) != notice.digest:
            faults.append(f"公示 {notice.pk} 的名单与指纹不符")
    _, sums = rows(
        """SELECT '公示 ' || n.id || ' 的人数或金额与名单不符' FROM recipients_notice n
           LEFT JOIN recipients_noticeline l ON l.notice_id = n.id GROUP BY n.id
           HAVING n.line_count <> count(l.id) OR n.total <> coalesce(sum(l.amount), 0)""",
        count="SELECT count(*) FROM recipients_notice",
    )
    return checked, [*faults, *sums][:_FAULTS_SHOWN]


@proof("每个在用账户都随建档登记，或者来自一次复核通过的换卡")
def accounts_have_their_source() -> tuple[int, list[str]]:
    return rows(
        """SELECT '账户 ' || a.id FROM recipients_account a JOIN recipients_person p ON p.id = a.person_id
           LEFT JOIN recipients_accountchange c ON c.id = a.change_id
           WHERE CASE WHEN a.change_id IS NULL
               THEN EXISTS (SELECT FROM recipients_account o WHERE o.person_id = a.person_id AND o.id < a.id)
               ELSE (c.status, c.person_id, c.number_key, c.holder_name)
                    IS DISTINCT FROM ('approved', a.person_id, a.number_key, a.holder_name) END""",
        count="SELECT count(*) FROM recipients_account",
    )


@proof("身份证号、账号的索引和承诺值可由原值重新算出")
def commitments() -> tuple[int, list[str]]:
    checked, faults = 0, []
    people = Person.objects.only("id_number", "id_key", "commit_salt", "id_commitment")
    for person in people.iterator(chunk_size=5_000):
        checked += 1
        number, key = person.id_number, crypto.blind_index("id_number", person.id_number)
        if (commit(person.commit_salt, number), key) != (bytes(person.id_commitment), bytes(person.id_key)):
            faults.append(f"人员 {person.pk}")
    accounts = Account.objects.only("number", "number_key", "commit_salt", "number_commitment")
    for account in accounts.iterator(chunk_size=5_000):
        checked += 1
        number, key = account.number, crypto.blind_index("account", account.number)
        kept = (bytes(account.number_commitment), bytes(account.number_key))
        if (commit(account.commit_salt, number), key) != kept:
            faults.append(f"账户 {account.pk}")
    return checked, faults[:_FAULTS_SHOWN]


@proof("到户的享受资格是档案所在那一户的，发过钱的档案没有作废")
def rights_are_of_their_recipients() -> tuple[int, list[str]]:
    """As models.parties has it: what was paid, and what was said of a death, stays under the record that it names."""
    return rows(
        """SELECT '享受资格 ' || e.id FROM recipients_entitlement e
           JOIN recipients_person p ON p.id = e.beneficiary_id JOIN subsidies_policy y ON y.id = e.policy_id
           WHERE e.house IS DISTINCT FROM CASE WHEN y.object_type = 'household' THEN p.household_id END
           UNION ALL SELECT '作废的档案 ' || p.id FROM recipients_person p WHERE p.status = 'void' AND (
               p.died_on IS NOT NULL OR EXISTS (SELECT FROM recipients_entitlement e WHERE e.beneficiary_id = p.id
                                                AND e.status <> 'ended'))""",
        count="SELECT count(*) FROM recipients_entitlement",
    )
