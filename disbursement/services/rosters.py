"""Rosters: made from entitlements, checked against the registry, passed from desk to desk, lines stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from disbursement.models import Batch, PaymentLine, PaymentResult, Roster
from disbursement.queries import content_of, lines_in_full, live_lines, order_of
from disbursement.queries.due import as_rows, faults, lines_today
from disbursement.services import copying, generation
from disbursement.services.inherited import ANEW, SENT_BACK, TO_ROSTER, inherit_duties
from disbursement.services.origins import origins_of
from disbursement.states import ROSTER_FLOW, RosterStatus
from huimin.core import clock
from huimin.core.authority.duties import ROSTER_CHECKS
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, FileRefused, RowError, StepRefused
from huimin.core.records import audit
from huimin.core.values import privacy
from huimin.core.work import workflow
from huimin.core.work.verbs import advances

if TYPE_CHECKING:
    from huimin.core.models import User

MOST_ERRORS = 500

# 送审校验: what a line says against the registry of today; a line that was stopped is not asked
ERRORS = """
SELECT DISTINCT l.line_no, f.field, f.message FROM {lines}
CROSS JOIN LATERAL (VALUES
    {faults},
    ('享受人', '姓名或身份证号与补贴对象库不一致，请重新生成花名册', b.name <> l.beneficiary_name OR b.id_key <> l.beneficiary_key),
    ('收款人', '姓名或身份证号与补贴对象库不一致，请重新生成花名册', p.name <> l.payee_name OR p.id <> l.payee_id OR p.id_key <> l.payee_key),
    ('收款人', '不是享受人本人，也不是本户的人', p.id <> b.id AND p.household_id <> b.household_id),
    ('银行账号', '收款人已换卡，请重新生成花名册',
     a.number_key <> l.account_key OR a.holder_name <> l.account_name OR a.bank_name <> l.bank_name),
    ('账户名称', '含有银行认不出的字，请登记替代写法', l.account_name ~ %(unwritable)s),
    ('小组', '没有填村（居）民小组', btrim(l.group_name) = '')
) AS f (field, message, wrong)
WHERE r.id = %(roster)s AND f.wrong
  AND NOT EXISTS (SELECT FROM disbursement_paymentresult x WHERE x.line_id = l.id AND x.kind = 'stopped')
ORDER BY l.line_no, f.field, f.message LIMIT %(most)s
"""
# private use areas, separators of bank files, control characters: no bank shows them as they were meant
UNWRITABLE = "[\ue000-\uf8ff\U000f0000-\U0010fffd|\x01-\x1f\x7f]"


def generate_first(pk: int, *, actor: User) -> int:
    """For the job: write a roster that was never made; 0 when it was. The caller is in a transaction."""
    roster = Roster.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
    if roster.generated_at is not None or roster.status != RosterStatus.ISSUED:
        return 0
    _write(roster, actor=actor)
    return roster.line_count


@transaction.atomic
def regenerate_roster(pk: int, *, actor: User) -> Roster:
    """Make the list anew from today's entitlements and accounts; the old lines' claims are released first."""
    roster = _locked(pk, actor)
    one = ROSTER_FLOW["regenerate"]
    require_role(
        actor, one.roles, division_code=roster.division_code, policy_id=roster.policy_id, act=one.label
    )
    if roster.status not in one.sources:
        raise StepRefused("花名册已送审，名单已锁定。要改名单，请先由审核人退回。")
    workflow.take_duty(roster, one.duty, actor=actor)
    _write(roster, actor=actor)
    return roster


def _write(roster: Roster, *, actor: User) -> None:
    """A new revision with lines, claims and omissions; what is counted here is recomputed at every later step."""
    batch = Batch.objects.select_related("version", "policy").get(pk=roster.batch_id)
    Roster.objects.filter(pk=roster.pk).update(revision=F("revision") + 1, generated_at=None)
    roster.revision += 1
    _release(roster)
    if batch.kind == Batch.Kind.CORRECTION:
        count, total, root = copying.copy_again(roster)
    else:
        count, total, root = generation.write_lines(roster, batch)
    roster.line_count, roster.total, roster.content_hash = count, total, root
    roster.generated_at = clock.now()
    roster.save(update_fields=["line_count", "total", "content_hash", "generated_at"])
    audit.record(
        roster,
        action="generate",
        actor=actor,
        label="生成花名册",
        detail={"revision": roster.revision, "count": count, "total": str(total), "root": root},
    )


def _release(roster: Roster) -> None:
    """Claims and takeovers of lines that no longer count; triggers check that they do not."""
    stale = "SELECT id FROM disbursement_paymentline WHERE roster_id = %s"
    params: list[int] = [roster.pk]
    if roster.status != RosterStatus.CANCELLED:
        stale += " AND revision < %s"
        params.append(roster.revision)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM disbursement_claim WHERE line_id IN ({stale})", params)  # noqa: S608
        cursor.execute(f"DELETE FROM disbursement_correction WHERE new_line_id IN ({stale})", params)  # noqa: S608


def _locked(pk: int, actor: User) -> Roster:
    roster: Roster = Roster.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=pk)
    return roster


@advances("disbursement.roster")
@transaction.atomic
def advance_roster(
    pk: int, step: str, *, actor: User, note: str = "", content_hash: str | None = None
) -> Roster:
    """Take a step of ROSTER_FLOW. `content_hash` is what the checker saw; another list is refused.

    FileRefused, with the faulty lines, when the list does not agree with the registry at submission.
    """
    roster = _locked(pk, actor)
    one = next((known for known in ROSTER_FLOW.steps if known.name == step), None)
    if one is None:
        raise BadInput(f"花名册没有“{step}”这一步。")
    if content_hash is not None and content_hash != roster.content_hash:
        raise StepRefused("名单在您打开页面以后变过，请刷新页面，核对现在这一版再办理。")
    refusal = workflow.why_not(roster, one, actor=actor, note=note)
    if refusal:
        raise refusal
    if step == "submit":
        _before_submission(roster)
    elif one.target == RosterStatus.APPROVED:
        require_same_content(roster)
    if one.duty in ROSTER_CHECKS:  # what was given back since the list was handed in counts as well
        inherit_duties(roster, origins_of(roster), TO_ROSTER, remedy=SENT_BACK)
    detail = {
        "revision": roster.revision,
        "count": roster.line_count,
        "total": str(roster.total),
        "root": roster.content_hash,
    }
    with explained():
        workflow.move(roster, one, actor=actor, note=note, detail=detail)
    if step == "cancel":
        _release(roster)
    return roster


@contextmanager
def explained() -> Iterator[None]:
    """What the triggers say who add up a list at its submission and an order at its sending, as a refusal."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        said = str(error).partition("\n")[0]
        if "合计与明细不符" not in said and "没有占用期次" not in said:
            raise
        raise StepRefused(f"{said}。已停止办理，请报告审计管理员。") from error


def require_same_content(roster: Roster) -> None:
    """Recompute the list, to the fen and to the letter, where a word of ours stands behind it from then on.

    That is the county's final approval and the sending to the bank; at submission a trigger does the same. In between
    the lines cannot change for the app role, and what the owner of the database changes is found before it is paid.
    """
    if not content_of(roster).agrees(roster):
        raise StepRefused(
            f"“{roster}”的明细与送审时的名单指纹不一致，可能被改动过。已停止办理，请报告审计管理员。"
        )


def _before_submission(roster: Roster) -> None:
    if roster.generated_at is None:
        raise StepRefused("花名册还在生成，请稍候再送审。")
    if not roster.line_count:
        raise StepRefused("花名册里没有人，不能送审。没有人可发的，请部门经办作废这份花名册。")
    if roster.policy.is_protected and lines_in_full(roster).exists():
        raise StepRefused("政策已改为保护隐私，只公示姓氏，这份名单写着全名。请重新生成花名册，再送审。")
    errors = roster_errors(roster)
    if errors:
        shown = f"{MOST_ERRORS} 处以上" if len(errors) >= MOST_ERRORS else f"{len(errors)} 处"
        raise FileRefused(
            f"送审校验没有通过，有 {shown}与补贴对象库不符。改正后重新生成花名册，再送审。", errors
        )
    sources = [audit.subject_of(roster.batch), *origins_of(roster), *_earlier(roster)]
    inherit_duties(roster, sources, TO_ROSTER, remedy=ANEW)


def roster_errors(roster: Roster) -> list[RowError]:
    """信息校验日志: at most 500 faults by line number; names no private value."""
    version = roster.batch.version
    found, values = faults(version)
    sql = ERRORS.format(lines=lines_today(version), faults=as_rows(found))
    values |= {"roster": roster.pk, "unwritable": UNWRITABLE, "most": MOST_ERRORS}
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [
            RowError(row, field, f"第 {row} 行{field}{message}。")
            for row, field, message in cursor.fetchall()
        ]


def _earlier(roster: Roster) -> list[str]:
    """The roster's earlier revisions, by their names in the record of duties."""
    present = roster.duty_subject
    return [f"{present.rpartition('#')[0]}#{revision}" for revision in range(1, roster.revision)]


@transaction.atomic
def stop_line(pk: int, *, reason: str, actor: User) -> PaymentResult:
    """停发 one line before the order is made; its claim is free again, the roster's list stays as it was checked."""
    if not reason.strip():
        raise BadInput("停发要写明原因。", field="reason")
    line: PaymentLine = (
        PaymentLine.objects.visible_to(actor).defer("beneficiary_id_number", "payee_id_number").get(pk=pk)
    )
    roster = _locked(line.roster_id, actor)
    one = ROSTER_FLOW["stop_line"]
    require_role(actor, one.roles, division_code=line.division_code, policy_id=line.policy_id, act=one.label)
    if not live_lines().filter(pk=pk).exists():
        raise StepRefused("这一行不在现在的花名册里，请刷新页面后再看。")
    if order_of(line) is not None:
        raise StepRefused("这一行已编入支付申请，不能再停发。已到账的，请办退款；没有到账的，等银行回盘。")
    if PaymentResult.objects.filter(line=line).exists():
        raise StepRefused("这一行已经停发过了。")
    today = clock.today()
    workflow.take_duty(roster, one.duty, actor=actor)
    audit.record(
        roster,
        action=one.name,
        actor=actor,
        label=f"第 {line.line_no} 行停发",
        note=reason.strip(),
        detail={"line": line.pk, "amount": str(line.amount)},
    )
    result = PaymentResult.objects.create(
        line=line,
        kind=PaymentResult.Kind.STOPPED,
        note=privacy.hide_digits(reason.strip())[:200],
        actor=actor,
        business_on=today,
    )
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM disbursement_claim WHERE line_id = %s", [line.pk])
        cursor.execute("DELETE FROM disbursement_correction WHERE new_line_id = %s", [line.pk])
    return result
