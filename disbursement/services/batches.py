"""Batches: made for a policy and a period, issued to the townships, closed when every line has an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.urls import reverse

from disbursement.models import Batch, Roster
from disbursement.queries import StateTotal, state_totals
from disbursement.queries.due import DUE
from disbursement.services import generation, rosters
from disbursement.services.numbers import BATCH, next_number
from disbursement.states import BATCH_FLOW, BatchStatus, RosterStatus
from huimin.core import clock
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import Job
from huimin.core.records import audit
from huimin.core.values import privacy
from huimin.core.work import jobs, workflow
from huimin.core.work.jobs import JobRun
from huimin.core.work.verbs import advances
from subsidies.models import PaymentRound, Policy
from subsidies.services import round_of, standard_as_read, version_for
from subsidies.states import FINISHING, PolicyStatus

if TYPE_CHECKING:
    from huimin.core.models import User
    from huimin.core.values.periods import Period

GENERATE = "disbursement.generate_rosters"


class AlreadyMade(StepRefused):
    """The period has its batch; `batch` is that one, on whose page a 补发 is made."""

    def __init__(self, message: str, batch: Batch) -> None:
        super().__init__(message)
        self.batch = batch


@transaction.atomic
def make_batch(policy: Policy, period: str, *, actor: User, title: str = "", early: str = "") -> Batch:
    """A draft batch of a published policy; refused when the period is not one of the policy's or already has one.

    `early` is the reason to pay a period that has not begun, and stays on the batch; without one it is refused, since
    some are going to die or move before, and the claims shut out the true period.
    """
    one = BATCH_FLOW["make"]
    require_role(actor, one.roles, division_code=policy.county_code, policy_id=policy.pk, act=one.label)
    wanted, version = version_for(policy, period, act="建批次")
    early = _early(wanted, early)
    opened = round_of(policy, wanted)
    try:
        with standard_as_read():
            batch = Batch.objects.create(
                county_code=policy.county_code,
                division_code=policy.county_code,
                number=next_number(BATCH, county_code=policy.county_code, year=wanted.first.year),
                policy=policy,
                version=version,
                period=wanted.text,
                period_range=wanted.days,
                payment_round=opened,
                component=wanted.component,
                title=(privacy.hide_digits(title.strip()) or _title(policy, wanted, opened))[:120],
                reason=early,
                made_by=actor,
            )
    except IntegrityError as error:
        if "batch_once" not in str(error):
            raise
        made = Batch.objects.exclude(status=BatchStatus.CANCELLED).get(
            policy=policy,
            kind=Batch.Kind.REGULAR,
            period=wanted.text,
            component=wanted.component,
        )
        raise AlreadyMade(
            f"“{policy}”{wanted.label}的批次已经有了（{made.number}），不能再建一个。"
            "有人漏发、晚确认的，在那个批次的页面建补发批次。",
            made,
        ) from error
    workflow.take_duty(batch, one.duty, actor=actor)
    audit.record(batch, action=one.name, actor=actor, label=one.label, after=batch.status, note=early)
    return batch


def _title(policy: Policy, wanted: Period, opened: PaymentRound | None) -> str:
    """2026年第1季度耕地地力保护补贴; of a one-off with what happened: 2026年第2次临时救助金（7月洪灾救助）."""
    return f"{wanted.label}{policy.name}" + (f"（{opened.title}）" if opened else "")


def _early(wanted: Period, reason: str) -> str:
    """The reason that is kept: none for a period that has begun."""
    if wanted.has_begun(clock.today()):
        return ""
    if not reason.strip():
        raise BadInput(
            f"{wanted.label}还没有开始，请看期次有没有选错。确实要提前发的，写明提前发的原因。",
            field="period",
        )
    return reason.strip()


@advances("disbursement.batch")
@transaction.atomic
def advance_batch(pk: int, step: str, *, actor: User, note: str = "") -> Batch:
    """Issue a batch, cancel a draft, take back what was issued, or close it."""
    batch: Batch = Batch.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=pk)
    acts = {"issue": _issue, "cancel": _cancel, "take_back": _take_back, "close": _close}
    if step not in acts:
        raise BadInput(f"批次没有“{step}”这一步。")
    acts[step](batch, actor=actor, note=note)
    return batch


def issue_batch(pk: int, *, actor: User) -> tuple[Batch, Job]:
    """Give the batch to every township with somebody to pay, and ask for its rosters (one job)."""
    batch = advance_batch(pk, "issue", actor=actor)
    job = generation_job(batch)
    assert job is not None  # noqa: S101 -- issuing has just submitted it
    return batch, job


def generation_job(batch: Batch) -> Job | None:
    """The newest job that generates the batch's rosters."""
    return Job.objects.filter(key__startswith=f"{GENERATE}:{batch.pk}:").order_by("-pk").first()


def why_not_again(batch: Batch) -> str:
    """Why the generation of the batch's rosters cannot be started again; empty when it can."""
    job = generation_job(batch)
    if batch.status != BatchStatus.ISSUED or job is None:
        return "批次没有在生成花名册。"
    if not job.is_finished:
        return "花名册正在生成，请等它结束。"
    if not Roster.objects.filter(batch=batch, generated_at=None, status=RosterStatus.ISSUED).exists():
        return "各乡镇的花名册都已生成。"
    return ""


@transaction.atomic
def generate_again(pk: int, *, actor: User) -> Job:
    """A generation that was stopped or broke down goes on: another job for the townships that have no list yet."""
    batch: Batch = Batch.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).get(pk=pk)
    one = BATCH_FLOW["generate_again"]
    require_role(
        actor, one.roles, division_code=batch.division_code, policy_id=batch.policy_id, act=one.label
    )
    why = why_not_again(batch)
    if why:
        raise StepRefused(why)
    workflow.take_duty(batch, one.duty, actor=actor)
    audit.record(batch, action=one.name, actor=actor, label=one.label)
    return _submit(batch, actor=actor)


def _submit(batch: Batch, *, actor: User) -> Job:
    tries = Job.objects.filter(key__startswith=f"{GENERATE}:{batch.pk}:").count()
    return jobs.submit(
        GENERATE,
        title=f"生成花名册：{batch.title}"[:120],
        key=f"{GENERATE}:{batch.pk}:{tries}",
        actor=actor,
        division_code=batch.division_code,
        county_code=batch.county_code,
        payload={"batch": batch.pk},
        total=Roster.objects.filter(batch=batch, generated_at=None).count(),
    )


def _issue(batch: Batch, *, actor: User, note: str) -> None:
    _require_in_force(batch)
    workflow.move(batch, BATCH_FLOW["issue"], actor=actor, note=note)
    is_supplement = batch.kind == Batch.Kind.SUPPLEMENT
    if not (_make_supplementary_rosters(batch) if is_supplement else _make_rosters(batch)):
        raise StepRefused(
            "这一期现在没有应发未发的人，没有可下达的乡镇。这个补发批次可以作废。"
            if is_supplement
            else "这一期没有享受资格有效的人，没有可下达的乡镇。请先确认申报册。"
        )
    _submit(batch, actor=actor)


def _require_in_force(batch: Batch) -> None:
    """A regular batch lists people anew, for which a policy must be in force; a supplement ends what was begun."""
    allowed = FINISHING if batch.kind == Batch.Kind.SUPPLEMENT else {PolicyStatus.PUBLISHED}
    if batch.policy.status not in allowed:
        raise StepRefused(f"“{batch.policy}”现在是“{batch.policy.get_status_display()}”，批次不能再下达。")


def _make_supplementary_rosters(batch: Batch) -> int:
    """One roster per township where somebody is due and not paid; a county has a few dozen townships."""
    return len(
        Roster.objects.bulk_create(
            Roster(batch=batch, policy_id=batch.policy_id, county_code=batch.county_code, division_code=town)
            for town in generation.unpaid(batch)
        )
    )


def _make_rosters(batch: Batch) -> int:
    """One roster per township where somebody is due."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO disbursement_roster (batch_id, policy_id, county_code, division_code, revision, status,
                      line_count, total, content_hash)
               SELECT %(batch)s, %(policy)s, %(county)s, town, 0, 'issued', 0, 0, ''
               FROM (SELECT DISTINCT left(e.division_code, 9) || '000' AS town FROM {DUE}) towns
               ORDER BY town""",  # noqa: S608 -- a constant of ours
            {
                "batch": batch.pk,
                "policy": batch.policy_id,
                "county": batch.county_code,
                "period": batch.period_range,
                "component": batch.component,
            },
        )
        return int(cursor.rowcount)


@jobs.handler(GENERATE)
def generate_rosters(run: JobRun) -> None:
    """Every township in a transaction of its own; one that has its roster is left alone, so a rerun goes on."""
    batch = Batch.objects.get(pk=run.payload["batch"])
    waiting = list(Roster.objects.filter(batch=batch).order_by("division_code").values_list("pk", flat=True))
    lines, refused = 0, []
    for done, pk in enumerate(waiting):
        run.progress(done, len(waiting), f"已生成 {done} 个乡镇，{lines:,} 笔")
        try:
            with run.transaction():
                lines += rosters.generate_first(pk, actor=run.actor)
        except StepRefused as refusal:  # the other townships get theirs
            refused.append(f"{Roster.objects.get(pk=pk)}：{refusal}")
    if refused:
        raise StepRefused(f"有 {len(refused)} 个乡镇没有生成，其余的已生成。{'；'.join(refused[:3])}")
    run.progress(len(waiting), len(waiting), f"{len(waiting)} 个乡镇的花名册已生成，共 {lines:,} 笔")
    run.result(url=reverse("disbursement:batch-detail", args=[batch.pk]))


def _cancel(batch: Batch, *, actor: User, note: str) -> None:
    workflow.move(batch, BATCH_FLOW["cancel"], actor=actor, note=note)


def _take_back(batch: Batch, *, actor: User, note: str) -> None:
    """The batch and its rosters are given up; what they had claimed is free for the right ones."""
    why = why_not_take_back(batch)
    if why:
        raise StepRefused(why)
    workflow.move(batch, BATCH_FLOW["take_back"], actor=actor, note=note)
    waiting = Roster.objects.filter(batch=batch, status=RosterStatus.ISSUED).order_by("pk")
    for pk in list(waiting.values_list("pk", flat=True)):
        rosters.advance_roster(pk, "cancel", actor=actor, note=note)
    if Roster.objects.filter(batch=batch).exclude(status=RosterStatus.CANCELLED).exists():
        raise StepRefused(_SENT_ON)


_SENT_ON = "已有乡镇送审，批次不能整个收回。送审的请审核人退回，再由部门逐份作废花名册。"


def why_not_take_back(batch: Batch) -> str:
    """Why an issued batch stays; empty while no 补发 stands on it and every roster of it still lies with its township."""
    if batch.status != BatchStatus.ISSUED:
        return ""
    branches = Batch.objects.filter(Q(supplements=batch) | Q(corrects=batch))
    if branch := branches.exclude(status=BatchStatus.CANCELLED).first():
        kind = branch.get_kind_display()
        return f"这一期还有{kind}批次 {branch.number}，不能收回。请先作废或收回那个批次。"
    lying = {RosterStatus.ISSUED, RosterStatus.CANCELLED}
    if Roster.objects.filter(batch=batch).exclude(status__in=lying).exists():
        return _SENT_ON
    job = generation_job(batch)
    return "花名册正在生成，请等它结束，或先停下它。" if job and not job.is_finished else ""


def _close(batch: Batch, *, actor: User, note: str) -> None:
    """Only when every line has an outcome; failed money may still wait for a correction batch of its own."""
    why = why_not_close(batch)
    if why:
        raise StepRefused(why)
    workflow.move(batch, BATCH_FLOW["close"], actor=actor, note=note)


def why_not_close(batch: Batch, totals: list[StateTotal] | None = None) -> str:
    """What is still open, in one sentence; empty when the batch can be closed.

    `totals` are those of all its lines by state, when the caller has read them already.
    """
    if batch.status != BatchStatus.ISSUED:
        return ""
    states = list(Roster.objects.filter(batch=batch).values_list("status", flat=True))
    unfinished = sum(1 for state in states if state not in {RosterStatus.APPROVED, RosterStatus.CANCELLED})
    if unfinished:
        return f"还有 {unfinished} 个乡镇的花名册没有终审，不能关账。"
    if totals is None:
        totals = state_totals("r.batch_id = %s", [batch.pk])
    waiting = sum(one.count for one in totals if one.state.is_open)
    return f"还有 {waiting:,} 笔没有结果（待发、已申请或已送盘），不能关账。" if waiting else ""
