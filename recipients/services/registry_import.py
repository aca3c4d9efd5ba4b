"""补贴对象导入: one workbook, taken in whole or not at all, in a fixed number of statements.

Checked row by row in files.registry, copied as ciphertext into a temporary table, compared there with itself and
with the registry, then written by INSERT … SELECT in the job's transaction.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.binary_copy import copy_rows
from huimin.core.errors import FileRefused, RowError, StepRefused
from huimin.core.models import AuditEvent, BankBranch, Job, StoredFile
from huimin.core.records import audit, files
from huimin.core.sheets.guard import check_envelope
from huimin.core.sheets.reader import SheetRows
from huimin.core.sheets.template import error_workbook
from huimin.core.sheets.writer import XLSX
from huimin.core.work import jobs
from recipients import queries
from recipients.files import registry
from recipients.files.registry import Findings
from recipients.models import RegistryImport
from recipients.rules import RELATION_LENGTH, strangers_in_sql
from recipients.services.banks import banks_at, hold_banks
from recipients.services.places import county_of_home, home_of, places_for
from recipients.states import IMPORT_ROLES, RECORD_FLOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from huimin.core.models import User
    from huimin.core.work.jobs import JobRun

KIND = queries.IMPORT_JOB
FOREIGN_A_DAY = 20  # rows registered in other places of which one person is told by row and name in a day
KEPT = 500  # faults kept on the row for the page; the error workbook has them all


@transaction.atomic
def submit_import(content: bytes, *, filename: str, actor: User) -> tuple[RegistryImport, Job | None]:
    """Take a workbook in and ask for its import. The same bytes as an applied import give that one and no job.

    Raises FileRefused when the bytes are no workbook, StepForbidden when the person may not import anywhere.
    """
    home = home_of(actor, IMPORT_ROLES)
    check_envelope(io.BytesIO(content), filename)  # the job looks inside, once
    if earlier := applied_before(content, actor=actor):
        return earlier, None
    digest = files.digest_of(content)
    place = {"county_code": county_of_home(home), "division_code": home}
    stored = files.store(
        content, name=filename, purpose="registry_import", content_type=XLSX, actor=actor, **place
    )
    one = RegistryImport.objects.create(file=stored, sha256=digest, created_by=actor, **place)
    audit.record(one, action="registry.upload", actor=actor, label="上传采集表")
    job = jobs.submit(
        KIND,
        title=f"导入采集表 {stored.name}"[:120],
        key=f"{KIND}:{one.pk}",
        actor=actor,
        payload={"import": one.pk},
        county_code=one.county_code,
        division_code=home,
    )
    return one, job


def applied_before(content: bytes, *, actor: User) -> RegistryImport | None:
    """The import that already took these bytes into this person's county."""
    county = county_of_home(home_of(actor, IMPORT_ROLES))
    applied = RegistryImport.objects.filter(status=RegistryImport.Status.APPLIED)
    return (
        applied.select_related("created_by")
        .filter(county_code=county, sha256=files.digest_of(content))
        .first()
    )


def already_applied(one: RegistryImport) -> str:
    """What is said when the same bytes come again."""
    at = timezone.localtime(one.created_at)
    return f"该文件已于{at.month}月{at.day}日由{one.created_by}导入，本次没有重复写入。"


def run_import(run: JobRun) -> None:
    """The job: safe to run again from the start, since everything is written in one transaction at the end."""
    one = RegistryImport.objects.select_related("file").get(pk=run.payload["import"])
    if one.status != RegistryImport.Status.CHECKING:
        run.message = one.result_note
        return
    content = files.read(one.file)
    findings, duplicate, table = Findings(), False, None
    try:
        table, ordered = registry.open_registry(io.BytesIO(content), one.file.name)
        with run.transaction():
            _stage_and_apply(one, table, ordered, findings, run)
    except FileRefused as refused:
        findings.errors = findings.errors or refused.errors
    except IntegrityError as error:
        # between check and write somebody else registered one of these people, or applied the same file
        duplicate = "registry_file_applied_once" in str(error)
        if not duplicate:
            findings.errors = [RowError(None, "", "导入时有人刚登记了名单里的人，请重新上传再核对一遍。")]
    if duplicate:
        _close_as_repeated(one, run)
    elif findings.errors:
        _refuse(one, table, findings, run)


def _stage_and_apply(
    one: RegistryImport, table: SheetRows, ordered: registry.InOrder, findings: Findings, run: JobRun
) -> None:
    reader = registry.RowReader(
        places_for(run.actor, IMPORT_ROLES),
        _branches(),
        today=clock.today(),
        findings=findings,
    )
    rows = ((number, ordered(cells)) for number, cells in table.rows)

    def watch(done: int) -> None:
        run.stop_if_asked()  # nothing of a file that was not read to its end is written
        run.progress(done, done * 2)

    with connection.cursor() as cursor:
        staged = _copy(cursor, registry.staged_rows(rows, reader, watch))
        _compare(cursor, one.county_code, findings, sorted(reader.faulty_codes), run.actor)
        if findings.errors:
            raise FileRefused(f"有 {len(findings.errors)} 处要改，没有导入任何数据。", findings.errors)
        if not staged:
            raise FileRefused("表里没有数据行。", [RowError(None, "", "表里没有数据行，请填写后再上传。")])
        households, people = _write(cursor, one, run.actor)
    run.progress(people * 2, people * 2)
    findings.warnings.extend(RowError(None, "", note) for note in table.notes)
    _close_as_applied(one, households, people, findings, run)


def _branches() -> dict[str, str]:
    found: dict[str, str] = {}
    for code, name in BankBranch.objects.values_list("code", "name"):
        found[name] = "" if name in found else code  # a name of two branches says nothing
    return found


def _copy(cursor: Any, rows: Iterator[tuple[Any, ...]]) -> int:
    declared = ", ".join(f"{name} {kind}" for name, kind in registry.STAGED)
    cursor.execute("DROP TABLE IF EXISTS pg_temp.registry_stage")
    cursor.execute(f"CREATE TEMPORARY TABLE registry_stage ({declared}) ON COMMIT DROP")
    count = copy_rows(cursor, "registry_stage", registry.STAGED, rows)
    # the columns that are compared; statistics of ciphertext would take longer than all comparisons
    cursor.execute("ANALYZE registry_stage (row_no, code, id_key, account_key)")
    return count


_TOLD_APART = "确实同名的，在姓名后加“（大）”“（小）”。"
# each selects row_no, column, message; the wording is complete, rows are numbers of the file
_FAULTS = (
    """SELECT row_no, '身份证号', CASE WHEN name = first_name
           THEN '与第' || first_row || '行是同一人，只能保留一行。'
           ELSE '与第' || first_row || '行身份证号相同但姓名不同（' || first_name || '/' || name || '），请核对。' END
       FROM (SELECT row_no, name, id_key, first_value(row_no) OVER w AS first_row,
                    first_value(name) OVER w AS first_name
             FROM registry_stage WINDOW w AS (PARTITION BY id_key ORDER BY row_no)) AS seen
       WHERE row_no <> first_row""",
    """SELECT s.row_no, '身份证号', '这个人在系统中(' || coalesce(c.name, '') || '-' || coalesce(t.name, '')
           || ')已存在！请从表里删去这一行。' || CASE WHEN p.division_code = s.village
           THEN '资料有变的，在“家庭与个人”里改档案；换了卡的，申请换卡。'
           ELSE '户口确已迁来的，请与原建档的村核对，由一边申报，不要两边都报。' END
       FROM registry_stage s
       JOIN recipients_person p ON p.county_code = %(county)s AND p.id_key = s.id_key AND p.status <> 'void'
       LEFT JOIN core_division t ON t.code = left(p.division_code, 9) || '000'
       LEFT JOIN core_division c ON c.code = p.county_code
       WHERE p.division_code LIKE ANY(%(reach)s)""",
    """SELECT s.row_no, '农户编码', '农户编码已是' || coalesce(t.name, '') || coalesce(v.name, '')
           || '另一户的，户主或村不同，请核对。户主变了的，在新户主的个人档案里办“改为户主”。'
       FROM registry_stage s
       JOIN recipients_household h ON h.county_code = %(county)s AND h.code = s.code AND h.status <> 'void'
       LEFT JOIN core_division v ON v.code = h.division_code
       LEFT JOIN core_division t ON t.code = left(h.division_code, 9) || '000'
       WHERE h.division_code LIKE ANY(%(reach)s) AND (h.division_code <> s.village OR EXISTS (
           SELECT FROM recipients_person p WHERE p.household_id = h.id AND p.is_holder AND p.status <> 'void'
           AND p.id_key <> s.holder_key))""",
    """SELECT row_no, '农户编码', '与第' || first_row || '行农户编码相同，' || CASE
           WHEN village <> first_village THEN '村不同' WHEN group_name <> first_group THEN '小组不同'
           WHEN holder_key <> first_key THEN '户主身份证号不同' ELSE '户主姓名不同' END || '，请核对。'
       FROM (SELECT *, first_value(row_no) OVER w AS first_row, first_value(village) OVER w AS first_village,
                    first_value(group_name) OVER w AS first_group, first_value(holder_key) OVER w AS first_key,
                    first_value(holder_name) OVER w AS first_holder
             FROM registry_stage WINDOW w AS (PARTITION BY code ORDER BY row_no)) AS seen
       WHERE (village, group_name, holder_key, holder_name)
             IS DISTINCT FROM (first_village, first_group, first_key, first_holder)""",
    """SELECT min(s.row_no), '户主身份证号', '这一户没有户主本人的行，请补上户主，与户主关系填“本人”。'
       FROM registry_stage s WHERE s.code <> ALL(%(faulty)s)
         AND NOT EXISTS (SELECT FROM recipients_household h
                         JOIN recipients_person p ON p.household_id = h.id AND p.is_holder AND p.status <> 'void'
                         WHERE h.county_code = %(county)s AND h.code = s.code AND h.status <> 'void')
       GROUP BY s.code HAVING NOT bool_or(s.is_holder)""",
)
# two of one name in a household: as a rule one human being, with a number typed wrongly
# the name without what tells namesakes apart; one who bears it bare is nobody's namesake but the same human being, as a rule
_BARE = "regexp_replace({name}, '（[大小]）$', '')"
_SAME_NAME = (
    f"""SELECT row_no, '姓名', '与第' || first_row || '行同户同名，身份证号不同。如果是一个人，只留身份证号对的那一行；{_TOLD_APART}'
       FROM (SELECT row_no, id_key, first_value(row_no) OVER w AS first_row, first_value(id_key) OVER w AS first_key,
                    bool_or(name = bare) OVER (PARTITION BY code, bare) AS is_bare,
                    row_number() OVER (PARTITION BY code, name ORDER BY row_no) AS place
             FROM (SELECT *, {_BARE.format(name="name")} AS bare FROM registry_stage) AS named
             WINDOW w AS (PARTITION BY code, bare ORDER BY row_no)) AS seen
       WHERE row_no <> first_row AND id_key <> first_key AND (is_bare OR place > 1)""",  # noqa: S608 -- a constant of ours
    f"""SELECT s.row_no, '姓名', '这一户在系统中已有同名的人，身份证号不同。如果是一个人，请从表里删去这一行，'
           || '身份证号登错的请办“更正身份证号”；{_TOLD_APART}'
       FROM registry_stage s
       JOIN recipients_household h ON h.county_code = %(county)s AND h.code = s.code AND h.status <> 'void'
       JOIN recipients_person p ON p.household_id = h.id AND p.id_key <> s.id_key AND p.status <> 'void'
            AND {_BARE.format(name="p.name")} = {_BARE.format(name="s.name")}
            AND (p.name = s.name OR {_BARE.format(name="s.name")} IN (p.name, s.name))
       WHERE h.division_code LIKE ANY(%(reach)s)""",  # noqa: S608 -- a constant of ours
)
# accounts named after neither the person nor the head of the household, as it is registered or is to be: in which relation
# that one stands is in 备注, as a change of account asks for it
_STRANGERS = f"""FROM registry_stage s
       LEFT JOIN recipients_household h ON h.county_code = %(county)s AND h.code = s.code AND h.status <> 'void'
       LEFT JOIN recipients_person p ON p.household_id = h.id AND p.is_holder AND p.status <> 'void'
       WHERE {strangers_in_sql("s.account_name", "s.name", "coalesce(p.name, s.holder_name)")}"""
_UNEXPLAINED = f"""SELECT s.row_no, '账户名称', '账户户名“' || s.account_name
           || '”不是本人也不是户主，请在备注里写明与本人关系，例如：监护人、儿子。'
       {_STRANGERS} AND s.note = ''"""
_EXPLAINED = f"""SELECT s.row_no, '账户名称', '账户户名“' || s.account_name || '”不是本人也不是户主，备注写的是“' || left(s.note, {RELATION_LENGTH})
           || '”，会作为与本人关系登记，请核对。'
       {_STRANGERS} AND s.note <> ''"""
# the same outside the importer's own places: of somebody whom they cannot name they learn nothing but that the row
# is not new, and of all together only FOREIGN_A_DAY a day
_FOREIGN = (
    """SELECT s.row_no, '身份证号', CASE WHEN p.name = s.name
           THEN '这个人在系统中(' || coalesce(c.name, '') || '-' || coalesce(t.name, '')
               || ')已存在！请从表里删去。户口确已迁来的，请与原建档的乡镇核对，由一边申报，不要两边都报。'
           ELSE '这个身份证号在本县别处已登记，姓名与表里的不同。请核对证件；没有填错的，请联系县级主管部门。' END
       FROM registry_stage s
       JOIN recipients_person p ON p.county_code = %(county)s AND p.id_key = s.id_key AND p.status <> 'void'
       LEFT JOIN core_division t ON t.code = left(p.division_code, 9) || '000'
       LEFT JOIN core_division c ON c.code = p.county_code
       WHERE p.division_code NOT LIKE ALL(%(reach)s)""",
    """SELECT min(s.row_no), '农户编码', '农户编码在本县别处已有另一户用了，请核对。'
       FROM registry_stage s
       JOIN recipients_household h ON h.county_code = %(county)s AND h.code = s.code AND h.status <> 'void'
       WHERE h.division_code NOT LIKE ALL(%(reach)s) GROUP BY s.code""",
)
_FOREIGN_ACCOUNTS = """SELECT count(DISTINCT s.account_key) FROM registry_stage s
       JOIN recipients_account a ON a.number_key = s.account_key AND a.is_active
       JOIN recipients_person p ON p.id = a.person_id AND p.county_code = %(county)s
            AND p.division_code NOT LIKE ALL(%(reach)s)
       JOIN recipients_household h ON h.id = p.household_id AND h.code <> s.code"""
_WARNINGS = (
    """SELECT row_no, '银行账号', '银行账号与第' || first_row || '行另一户的相同，请确认是否同户代领。'
       FROM (SELECT row_no, code, first_value(row_no) OVER w AS first_row, first_value(code) OVER w AS first_code
             FROM registry_stage WINDOW w AS (PARTITION BY account_key ORDER BY row_no)) AS seen
       WHERE code <> first_code""",
    """SELECT DISTINCT s.row_no, '银行账号', '银行账号在系统中另一户也在用，请确认是否同户代领。'
       FROM registry_stage s
       JOIN recipients_account a ON a.number_key = s.account_key AND a.is_active
       JOIN recipients_person p ON p.id = a.person_id AND p.county_code = %(county)s
            AND p.division_code LIKE ANY(%(reach)s)
       JOIN recipients_household h ON h.id = p.household_id AND h.code <> s.code""",
)


def _compare(cursor: Any, county: str, findings: Findings, faulty: list[str], actor: User) -> None:
    """Rows against one another and against the registry: one statement per kind of fault, whatever the number of rows."""
    given = {"county": county, "faulty": faulty, "reach": scope.patterns(actor, IMPORT_ROLES)}
    both = (
        ((*_FAULTS, *_SAME_NAME, _UNEXPLAINED), findings.errors),
        ((*_WARNINGS, _EXPLAINED), findings.warnings),
    )
    for statements, into in both:
        for sql in statements:
            cursor.execute(sql, given)
            into.extend(RowError(*row) for row in cursor.fetchall())
    _tell_of_others(cursor, given, findings, actor)
    _name_rows(cursor, findings)


def _name_rows(cursor: Any, findings: Findings) -> None:
    """Put to each fault the name in its row, as the reader of the rows does."""
    both = (findings.errors, findings.warnings)
    rows = {one.row for found in both for one in found if one.row is not None and not one.who}
    cursor.execute("SELECT row_no, name FROM registry_stage WHERE row_no = ANY(%s)", [list(rows)])
    names = dict(cursor.fetchall())
    for found in both:
        found[:] = [one if one.who else replace(one, who=names.get(one.row, "")) for one in found]


def _tell_of_others(cursor: Any, given: dict[str, Any], findings: Findings, actor: User) -> None:
    """Rows registered out of the importer's reach: the first of the day by name and row, the rest only that there are some."""
    cursor.execute(_FOREIGN_ACCOUNTS, given)
    findings.foreign_accounts = cursor.fetchone()[0]
    found = []
    for sql in _FOREIGN:
        cursor.execute(sql, given)
        found += [RowError(*row) for row in cursor.fetchall()]
    told = found[: max(0, FOREIGN_A_DAY - _told_today(actor))]
    findings.errors += told
    findings.foreign, findings.foreign_told = len(found), len(told)
    if len(found) > len(told):
        words = (
            f"还有行与管辖范围以外的登记重复。一天最多告知 {FOREIGN_A_DAY} 行，其余请联系县级主管部门核对。"
        )
        findings.errors.append(RowError(None, "身份证号", words))


def _told_today(actor: User) -> int:
    told = AuditEvent.objects.filter(
        actor__person_key=actor.person_key, action="registry.refuse", at__gte=clock.midnight()
    )
    return sum(detail.get("foreign_told", 0) for detail in told.values_list("detail", flat=True))


_BANKS = banks_at("SELECT %(county)s::text AS county_code, branch_code, bank_name FROM registry_stage")


def _write(cursor: Any, one: RegistryImport, actor: User) -> tuple[int, int]:
    """Households, people and accounts, in three statements; (households, people)."""
    hold_banks()
    given = {"county": one.county_code, "actor": actor.pk, "today": clock.today()}
    cursor.execute(
        """INSERT INTO recipients_household (county_code, division_code, code, group_name, status)
           SELECT DISTINCT ON (s.code) %(county)s, s.village, s.code, s.group_name, 'normal' FROM registry_stage s
           WHERE NOT EXISTS (SELECT FROM recipients_household h
                             WHERE h.county_code = %(county)s AND h.code = s.code AND h.status <> 'void')
           ORDER BY s.code, s.row_no""",
        given,
    )
    households = int(cursor.rowcount)
    cursor.execute(
        """INSERT INTO recipients_person (county_code, division_code, household_id, is_holder, relation, name,
               name_key, id_number, id_key, commit_salt, id_commitment, birth_date, sex, phone, is_low_income,
               is_rural, is_poverty_relief, is_extreme_poverty, note, status, resident_since, created_by_id)
           SELECT %(county)s, s.village, h.id, s.is_holder, s.relation, s.name, s.name_key, s.id_number, s.id_key,
               s.commit_salt, s.id_commitment, s.birth_date, s.sex, s.phone, s.is_low_income, s.is_rural,
               s.is_poverty_relief, s.is_extreme_poverty, s.note, 'normal', %(today)s, %(actor)s
           FROM registry_stage s
           JOIN recipients_household h ON h.county_code = %(county)s AND h.code = s.code AND h.status <> 'void'
           ORDER BY s.row_no""",
        given,
    )
    people = int(cursor.rowcount)
    cursor.execute(
        f"""INSERT INTO recipients_account (person_id, kind, holder_name, number, number_key, commit_salt,
               number_commitment, tail, branch_code, bank_name, bank_id, is_active, holder_relation)
           SELECT p.id, s.kind, s.account_name, s.account, s.account_key, s.account_salt, s.account_commitment,
               s.tail, s.branch_code, s.bank_name, w.bank_id, true,
               CASE WHEN {strangers_in_sql("s.account_name", "p.name", "h.name")}
                    THEN left(s.note, {RELATION_LENGTH}) ELSE '' END
           FROM registry_stage s
           JOIN recipients_person p ON p.county_code = %(county)s AND p.id_key = s.id_key AND p.status <> 'void'
           LEFT JOIN recipients_person h ON h.household_id = p.household_id AND h.is_holder AND h.status <> 'void'
           JOIN {_BANKS} w ON (w.branch_code, w.bank_name) = (s.branch_code, s.bank_name)
           ORDER BY s.row_no""",  # noqa: S608 -- a constant of ours
        given,
    )
    _pause(cursor, one, actor)
    return households, people


# of the people of this workbook alone: nobody else of the county has one of their numbers
_PAUSED = """FROM registry_stage s
           JOIN recipients_person p ON p.county_code = %(county)s AND p.id_key = s.id_key AND p.status <> 'void'
           WHERE s.status = 'suspended'"""


def _pause(cursor: Any, one: RegistryImport, actor: User) -> None:
    """Who stands as 停用 in the workbook is put out of use by the importer; another person puts them back."""
    given = {"county": one.county_code, "actor": actor.pk, "import": one.pk, "reason": "采集表登记为停用"}
    cursor.execute(f"SELECT count(*) {_PAUSED}", given)
    (people,) = cursor.fetchone()
    if not people:
        return
    step = RECORD_FLOW["pause"]
    audit.record(one, action="pause", actor=actor, label=step.label, detail={"people": people})
    cursor.execute(
        f"""WITH made AS (
               INSERT INTO recipients_recordpause (county_code, division_code, person_id, status, reason,
                   registry_import_id, made_by_id, lift_reason)
               SELECT p.county_code, p.division_code, p.id, 'standing', %(reason)s, %(import)s, %(actor)s, ''
               {_PAUSED} ORDER BY p.id RETURNING id)
           INSERT INTO core_involvement (subject, duty, user_id, inherited, person_key, conflicts)
           SELECT {RECORD_FLOW.subject_sql("made")}, %(duty)s, %(actor)s, false, ''::bytea, '{{}}' FROM made""",  # noqa: S608
        given | {"duty": str(step.duty)},
    )


def _close_as_applied(
    one: RegistryImport, households: int, people: int, findings: Findings, run: JobRun
) -> None:
    note = f"已导入 {households:,} 户、{people:,} 人。"
    if findings.warnings:
        note += f"另有 {len(findings.warnings)} 处请核对。"
    one.status, one.result_note = RegistryImport.Status.APPLIED, note
    one.row_count, one.household_count = people, households
    one.warnings = _listed(findings.warnings)
    one.save(update_fields=["status", "result_note", "row_count", "household_count", "warnings"])
    audit.record(
        one,
        action="registry.import",
        actor=run.actor,
        label="导入采集表",
        before=RegistryImport.Status.CHECKING,
        after=RegistryImport.Status.APPLIED,
        detail={"households": households, "people": people, "warnings": len(findings.warnings)}
        | _foreign(findings),
    )
    run.message = note


def _close_as_repeated(one: RegistryImport, run: JobRun) -> None:
    earlier = RegistryImport.objects.select_related("created_by").get(
        county_code=one.county_code, sha256=one.sha256, status=RegistryImport.Status.APPLIED
    )
    with run.transaction():
        one.status, one.result_note = RegistryImport.Status.REFUSED, already_applied(earlier)
        one.save(update_fields=["status", "result_note"])
        audit.record(
            one,
            action="registry.repeated",
            actor=run.actor,
            label="采集表已导入过，没有重复写入",
            before=RegistryImport.Status.CHECKING,
            after=RegistryImport.Status.REFUSED,
        )
    run.message = one.result_note


def _refuse(one: RegistryImport, table: SheetRows | None, findings: Findings, run: JobRun) -> None:
    """Nothing was written; keep the list of faults and the workbook to mend. Raises what the job page says."""
    findings.errors.sort(key=lambda error: (error.row or 0, error.column))
    note = f"有 {len(findings.errors)} 处要改，没有导入任何数据。改好后请把整份表重新上传。"
    with run.transaction():
        one.error_file = _error_file(one, table, findings.errors, run.actor)
        one.status, one.result_note = RegistryImport.Status.REFUSED, note
        one.error_count = len(findings.errors)
        one.errors, one.warnings = _listed(findings.errors), _listed(findings.warnings)
        one.save(update_fields=["status", "result_note", "error_count", "errors", "warnings", "error_file"])
        audit.record(
            one,
            action="registry.refuse",
            actor=run.actor,
            label="采集表不符，未导入",
            before=RegistryImport.Status.CHECKING,
            after=RegistryImport.Status.REFUSED,
            detail={"errors": len(findings.errors)} | _foreign(findings),
        )
    raise StepRefused(note)  # the import itself keeps its faults


def _foreign(findings: Findings) -> dict[str, int]:
    """What the import met beyond its reach, for the audit administrators; empty when nothing."""
    met = {name: getattr(findings, name) for name in ("foreign", "foreign_told", "foreign_accounts")}
    return met if any(met.values()) else {}


def _error_file(
    one: RegistryImport, table: SheetRows | None, errors: list[RowError], actor: User
) -> StoredFile | None:
    """The faulty rows with their reasons; None when the fault lies in the file as a whole."""
    if table is None or not any(error.row for error in errors):
        return None
    return files.store(
        error_workbook(table.header, table.again(), errors),
        name=f"待改正-{one.file.name.rpartition('.')[0]}.xlsx",
        purpose="registry_errors",
        content_type=XLSX,
        actor=actor,
        county_code=one.county_code,
        division_code=one.division_code,
    )


def _listed(errors: list[RowError]) -> list[dict[str, Any]]:
    return [
        {"row": one.row, "column": one.column, "message": one.message, "who": one.who}
        for one in errors[:KEPT]
    ]


def import_now(content: bytes, *, filename: str, actor: User) -> RegistryImport:
    """Upload and import in one go, for commands; raises FileRefused with every fault."""
    one, job = submit_import(content, filename=filename, actor=actor)
    if job is None:
        return one
    jobs.run(job.pk)
    one.refresh_from_db()
    if one.status == RegistryImport.Status.REFUSED:
        kept = [RowError(**error) for error in one.errors]
        raise FileRefused(one.result_note, kept)
    if one.status != RegistryImport.Status.APPLIED:
        job.refresh_from_db()
        raise StepRefused(job.message or "导入没有办成，请稍后重试。")
    return one
