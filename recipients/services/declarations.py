"""Compiling a declaration: one policy, one period, one village, and its lines while it is a draft."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Count, Max, Sum

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.duties import Duty
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, FileRefused, RowError, StepRefused
from huimin.core.models import Division, Level
from huimin.core.records import audit, files
from huimin.core.sheets.refusals import refused_rows
from huimin.core.sheets.writer import XLSX
from huimin.core.work import workflow
from recipients.files import declaration as sheet
from recipients.files.declaration import LineInput
from recipients.models import Declaration, DeclarationLine
from recipients.rules import amounts
from recipients.states import DECLARATION_FLOW, MAKER_ROLES, DeclarationStatus
from subsidies.models import Policy, PolicyVersion
from subsidies.services import refuse_too_early, round_of, standard_as_read, version_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from huimin.core.models import User


@transaction.atomic
def make_declaration(
    policy: Policy,
    *,
    period: str,
    division_code: str,
    actor: User,
    another: bool = False,
    reference: str = "",
) -> Declaration:
    """An empty draft for a village. `another` makes a second book of the same period (补报), else one is enough.

    Raises BadInput for a period the policy does not pay by or that no published version covers.
    """
    _require_maker(policy, division_code, actor)
    if not Division.objects.filter(pk=division_code, level=Level.VILLAGE).exists():
        raise BadInput("申报册按村编制，请选村。", field="division")
    when, version = version_for(policy, period, act="申报")
    refuse_too_early(when, act="申报", today=clock.today())
    books = Declaration.objects.filter(policy=policy, period=when.text, division_code=division_code).exclude(
        status=DeclarationStatus.WITHDRAWN
    )
    last = books.aggregate(last=Max("serial"))["last"] or 0
    if last and not another:
        raise StepRefused(f"这个村{when.label}的申报册已经有了；还要补报，请选“另立一册”。")
    with standard_as_read():
        made = Declaration.objects.create(
            policy=policy,
            version=version,
            period=when.text,
            period_range=when.days,
            payment_round=round_of(policy, when),
            serial=last + 1,
            made_by=actor,
            reference=reference,
            county_code=scope.county_of(division_code),
            division_code=division_code,
        )
    workflow.take_duty(made, DECLARATION_FLOW["make"].duty, actor=actor)
    audit.record(made, action="make", actor=actor, label="编制申报册", after=DeclarationStatus.DRAFT)
    return made


def _require_maker(policy: Policy, division_code: str, actor: User) -> None:
    require_role(
        actor, MAKER_ROLES, division_code=division_code, policy_id=policy.pk, act="编制这个村的申报册"
    )


def draft_for(pk: int, actor: User) -> Declaration:
    """The locked draft that this person may change; raises Refused otherwise."""
    one: Declaration = (
        Declaration.objects.visible_to(actor)
        .select_related("policy", "version")
        .select_for_update(of=("self",), no_key=True)
        .get(pk=pk)
    )
    _require_maker(one.policy, one.division_code, actor)
    if one.status != DeclarationStatus.DRAFT:
        raise StepRefused("申报册已送审，明细不能再改；要改请先退回。")
    workflow.take_duty(one, Duty.DECLARATION_MAKE, actor=actor)
    return one


# --- lines -----------------------------------------------------------------------------------------------------------------

_STAGE = """CREATE TEMPORARY TABLE declaration_stage (row_no int4, name text, id_key bytea, payee_name text,
    quantity numeric, facts text) ON COMMIT DROP"""
# who the line means, who is paid, and what it comes to; one row per staged line, missing people as NULL
_MATCHED = """CREATE TEMPORARY TABLE declaration_matched ON COMMIT DROP AS
    SELECT s.row_no, s.name, s.payee_name, s.quantity, s.facts, s.id_key, p.id AS person_id, p.name AS known_name,
           p.status, p.died_on, p.is_holder,
           CASE WHEN s.payee_name = '' THEN CASE WHEN %(to_household)s THEN h.id ELSE p.id END
                WHEN s.payee_name = p.name THEN p.id WHEN s.payee_name = h.name THEN h.id END AS payee_id
    FROM (SELECT row_no, name, id_key, payee_name, quantity, facts::jsonb AS facts FROM declaration_stage) s
    LEFT JOIN recipients_person p ON p.county_code = %(county)s AND p.id_key = s.id_key AND p.status <> 'void'
                                  AND p.division_code = %(division)s
    LEFT JOIN recipients_person h ON h.household_id = p.household_id AND h.is_holder AND h.status <> 'void'"""
_FAULTS = (
    """SELECT row_no, '享受人身份证号', '这个人不在本村的补贴对象里，请先导入采集表；已在别的村建档的，由建档的村申报。'
       FROM declaration_matched WHERE person_id IS NULL""",
    """SELECT row_no, '享受人姓名', '姓名与系统登记的不同，请核对。'
       FROM declaration_matched WHERE person_id IS NOT NULL AND name <> known_name""",
    """SELECT row_no, '享受人姓名', CASE WHEN died_on IS NOT NULL
           THEN '此人已于' || died_on || '登记死亡，请核实。' ELSE '此人已停用，请先在个人档案里恢复。' END
       FROM declaration_matched WHERE died_on IS NOT NULL OR status = 'suspended'""",
    """SELECT row_no, '享受人姓名', '这项补贴发到户，享受人应填户主。户主变了的，先在新户主的个人档案里办“改为户主”。'
       FROM declaration_matched WHERE %(to_household)s AND NOT is_holder""",
    """SELECT row_no, '收款人姓名', '收款人只能是享受人本人或本户户主。'
       FROM declaration_matched WHERE person_id IS NOT NULL AND payee_id IS NULL""",
    """SELECT row_no, '享受人身份证号', '与第' || first_row || '行是同一人、同一项目、同一期次，只能保留一行。'
       FROM (SELECT row_no, first_value(row_no) OVER (PARTITION BY id_key ORDER BY row_no) AS first_row
             FROM declaration_matched) AS seen WHERE row_no <> first_row""",
    """SELECT m.row_no, '享受人身份证号', CASE WHEN d.id = %(declaration)s THEN '这个人已在本册第' || l.line_no || '行。'
           ELSE '这个人已在同一期的另一册申报里，不能重复。' END
       FROM declaration_matched m JOIN recipients_declarationline l ON l.beneficiary_id = m.person_id
       JOIN recipients_declaration d ON d.id = l.declaration_id
       WHERE d.policy_id = %(policy)s AND d.period = %(period)s AND d.status <> 'withdrawn'
         AND (d.id = %(declaration)s OR l.excluded_at_level = '')""",
)


@transaction.atomic
def load_lines(
    declaration_id: int, lines: Sequence[LineInput], *, actor: User, faults: Sequence[RowError] = ()
) -> int:
    """Add many lines in a fixed number of statements, all or none; FileRefused lists every fault by row.

    `faults` are those of rows that could not be read at all: one list, so that nobody mends a file twice.
    """
    declaration = draft_for(declaration_id, actor)
    if not lines and not faults:
        raise FileRefused("没有数据行。", [RowError(None, "", "没有数据行，请填写后再上传。")])
    given = _given(declaration)
    with connection.cursor() as cursor:
        _stage(cursor, lines, given)
        errors = list(faults)
        for sql in _FAULTS:
            cursor.execute(sql, given)
            errors += [RowError(*row) for row in cursor.fetchall()]
        errors += _work_out(cursor, declaration)
        if errors:
            raise refused_rows(sorted(errors, key=lambda error: error.row or 0))
        cursor.execute(
            """INSERT INTO recipients_declarationline (declaration_id, line_no, beneficiary_id, payee_id, quantity,
                   facts, amount, excluded_at_level, excluded_reason)
               SELECT %(declaration)s, row_number() OVER (ORDER BY row_no) + coalesce(
                          (SELECT max(line_no) FROM recipients_declarationline
                           WHERE declaration_id = %(declaration)s), 0),
                      person_id, payee_id, quantity, facts, amount, '', '' FROM declaration_matched""",
            given,
        )
        added = int(cursor.rowcount)
    audit.record(declaration, action="lines.add", actor=actor, label="录入明细", detail={"lines": added})
    return added


def _given(declaration: Declaration) -> dict[str, Any]:
    policy = declaration.policy
    return {
        "declaration": declaration.pk,
        "policy": policy.pk,
        "period": declaration.period,
        "county": declaration.county_code,
        "division": declaration.division_code,
        "to_household": policy.object_type == Policy.ObjectType.HOUSEHOLD,
    }


def _stage(cursor: Any, lines: Sequence[LineInput], given: Mapping[str, Any]) -> None:
    cursor.execute("DROP TABLE IF EXISTS pg_temp.declaration_stage, pg_temp.declaration_matched")
    cursor.execute(_STAGE)
    columns = "row_no, name, id_key, payee_name, quantity, facts"
    with cursor.copy(f"COPY declaration_stage ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text", "bytea", "text", "numeric", "text"])
        for one in lines:
            facts = json.dumps(one.facts, ensure_ascii=False)
            copy.write_row((one.row, one.name, one.id_key, one.payee_name, one.quantity, facts))
    cursor.execute(_MATCHED, given)


def _work_out(cursor: Any, declaration: Declaration) -> list[RowError]:
    """Put the amounts beside the matched lines; what comes to nothing is a fault."""
    period = declaration.when
    text, params = amounts.amount_sql(
        amounts.rule_of(declaration.version),
        line="m",
        person="p",
        first_day=f"date '{period.first}'",
        months=str(period.months),
    )
    cursor.execute("ALTER TABLE declaration_matched ADD COLUMN amount numeric(14, 2)")
    cursor.execute(
        f"""UPDATE declaration_matched AS target SET amount = worked.amount
            FROM (SELECT m.row_no, {text} AS amount FROM declaration_matched m
                  JOIN recipients_person p ON p.id = m.person_id) AS worked
            WHERE worked.row_no = target.row_no""",  # noqa: S608 -- columns are ours, values travel as parameters
        params,
    )
    cursor.execute(
        """SELECT row_no, '数量', '按标准算出的金额是0或算不出来，请核对数量和所填情况。'
           FROM declaration_matched WHERE person_id IS NOT NULL AND coalesce(amount, 0) <= 0"""
    )
    return [RowError(*row) for row in cursor.fetchall()]


def add_line(
    declaration_id: int,
    *,
    name: str,
    id_number: str,
    payee_name: str = "",
    quantity: str,
    facts: Mapping[str, str],
    actor: User,
) -> None:
    """One line typed in a form; BadInput with the first fault."""
    version = PolicyVersion.objects.get(declaration__pk=declaration_id)
    errors: list[RowError] = []
    values = {sheet.NAME: name, sheet.ID: id_number, sheet.PAYEE: payee_name, sheet.QUANTITY: quantity}
    asked = sheet.asked_facts(amounts.facts_of(version))
    line = sheet.parse_line(1, values, facts, asked, errors, today=clock.today())
    if line is None:
        raise BadInput(errors[0].message, field=errors[0].column)
    try:
        load_lines(declaration_id, [line], actor=actor)
    except FileRefused as refused:
        raise BadInput(refused.errors[0].message, field=refused.errors[0].column) from refused


def _line_for(line_id: int, actor: User) -> tuple[Declaration, DeclarationLine]:
    """The locked draft and its line as it is now; StepRefused when somebody else has just taken it off."""
    book = DeclarationLine.objects.filter(pk=line_id).values_list("declaration_id", flat=True).first()
    declaration = draft_for(book, actor) if book is not None else None
    line = DeclarationLine.objects.select_related("beneficiary").filter(pk=line_id).first()
    if declaration is None or line is None:
        raise StepRefused("这一行刚刚被删去了，请回到申报册再看。")
    return declaration, line


@transaction.atomic
def change_line(line_id: int, *, quantity: str, facts: Mapping[str, str], actor: User) -> DeclarationLine:
    """Another quantity or other facts; the amount follows by the rule."""
    declaration, line = _line_for(line_id, actor)
    rule = amounts.rule_of(declaration.version)
    before = line.amount
    line.quantity = sheet.parse_quantity(quantity)
    line.facts = sheet.parse_facts(sheet.asked_facts(rule.facts), facts)
    line.amount = amounts.work_out(
        rule,
        declaration.when,
        quantity=line.quantity,
        facts=line.facts,
        born=line.beneficiary.birth_date,
    ).amount
    line.save(update_fields=["quantity", "facts", "amount"])
    audit.record(
        declaration,
        action="lines.change",
        actor=actor,
        label=f"改第 {line.line_no} 行",
        detail={"line": line.line_no, "before": str(before), "after": str(line.amount)},
    )
    return line


@transaction.atomic
def remove_line(line_id: int, *, actor: User) -> None:
    """Take a line off a draft."""
    declaration, line = _line_for(line_id, actor)
    line.delete()
    audit.record(
        declaration,
        action="lines.remove",
        actor=actor,
        label=f"删第 {line.line_no} 行",
        detail={"line": line.line_no},
    )


@transaction.atomic
def clear_lines(declaration_id: int, *, note: str, actor: User) -> int:
    """Take all lines off a draft, because the list was the wrong one; the trail keeps how many, how much and why."""
    declaration = draft_for(declaration_id, actor)
    one = DECLARATION_FLOW["clear"]
    if refusal := workflow.why_not(declaration, one, actor=actor, note=note):
        raise refusal
    lines = DeclarationLine.objects.filter(declaration=declaration)
    found = lines.aggregate(count=Count("pk"), total=Sum("amount"))
    if not found["count"]:
        raise StepRefused("册里没有明细，不用清空。")
    lines.delete()
    audit.record(
        declaration,
        action=one.name,
        actor=actor,
        label=one.label,
        note=note,
        detail={"lines": found["count"], "total": str(found["total"])},
    )
    return int(found["count"])


@transaction.atomic
def prefill(declaration_id: int, *, actor: User) -> int:
    """Take over who had the right before, with last quantity, facts and payee; the dead and the moved are left out."""
    declaration = draft_for(declaration_id, actor)
    given = _given(declaration) | {"first": declaration.period_range.lower}
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.declaration_matched")
        cursor.execute(
            """CREATE TEMPORARY TABLE declaration_matched ON COMMIT DROP AS
               SELECT DISTINCT ON (e.beneficiary_id) (row_number() OVER ())::int AS row_no, v.quantity, v.facts,
                      p.id AS person_id, CASE WHEN h.id = v.payee_id THEN h.id ELSE p.id END AS payee_id
               FROM recipients_entitlement e JOIN recipients_entitlementversion v ON v.entitlement_id = e.id
               JOIN recipients_person p ON p.id = e.beneficiary_id AND p.status = 'normal' AND p.died_on IS NULL
               LEFT JOIN recipients_person h ON h.household_id = p.household_id AND h.is_holder AND h.status <> 'void'
               WHERE e.policy_id = %(policy)s AND p.division_code = %(division)s AND e.status <> 'ended'
                 AND lower(v.valid) < %(first)s
                 AND (p.is_holder OR NOT %(to_household)s)
                 AND NOT EXISTS (SELECT FROM recipients_declarationline l
                                 JOIN recipients_declaration d ON d.id = l.declaration_id
                                 WHERE l.beneficiary_id = p.id AND d.policy_id = %(policy)s
                                   AND d.period = %(period)s AND d.status <> 'withdrawn')
               ORDER BY e.beneficiary_id, lower(v.valid) DESC""",
            given,
        )
        _work_out(cursor, declaration)
        cursor.execute(
            """INSERT INTO recipients_declarationline (declaration_id, line_no, beneficiary_id, payee_id, quantity,
                   facts, amount, excluded_at_level, excluded_reason)
               SELECT %(declaration)s, row_number() OVER (ORDER BY p.household_id, p.id) + coalesce(
                          (SELECT max(line_no) FROM recipients_declarationline
                           WHERE declaration_id = %(declaration)s), 0),
                      m.person_id, m.payee_id, m.quantity, m.facts, m.amount, '', ''
               FROM declaration_matched m JOIN recipients_person p ON p.id = m.person_id WHERE m.amount > 0""",
            given,
        )
        added = int(cursor.rowcount)
    audit.record(
        declaration, action="lines.prefill", actor=actor, label="从上期带入", detail={"lines": added}
    )
    return added


def import_lines(
    declaration_id: int, content: bytes, *, filename: str, actor: User, replace: bool = False
) -> int:
    """The lines of a workbook into a draft, all or none; 0 when this very file is what the draft holds.

    With `replace` they stand in place of what is there, which stays when the workbook is refused.
    """
    with transaction.atomic():
        declaration = draft_for(declaration_id, actor)
        source, holds = declaration.source_file, declaration.lines.exists()
        if holds and not replace and source and source.sha256 == files.digest_of(content):
            return 0
        facts = amounts.facts_of(declaration.version)
        lines, faults = sheet.read_lines(io.BytesIO(content), filename, facts, today=clock.today())
        if replace and holds:
            clear_lines(declaration.pk, note="用新表替换全册", actor=actor)
        added = load_lines(declaration.pk, lines, actor=actor, faults=faults)
        keep_source(declaration, content, filename=filename, content_type=XLSX, actor=actor)
    return added


def keep_source(
    declaration: Declaration, content: bytes, *, filename: str, content_type: str, actor: User
) -> None:
    """What the lines were read from stays with the declaration, encrypted."""
    declaration.source_file = files.store(
        content,
        name=filename,
        purpose="declaration",
        content_type=content_type,
        actor=actor,
        county_code=declaration.county_code,
        division_code=declaration.division_code,
    )
    declaration.save(update_fields=["source_file"])
