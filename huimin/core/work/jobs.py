"""Long work: offered through the outbox, held by lease and fence, done at least once, with one effect.

An entry point calls `submit(...)` inside its transaction. On commit the outbox row is handed to the broker; if the
broker is away, the relay does it later. The worker claims the row by a conditional UPDATE. Redis may be wiped at
any moment: nothing is lost but a little time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from celery import current_app
from django.db import OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from huimin.core.authority import scope
from huimin.core.authority.roles import roles_reading
from huimin.core.errors import FileRefused, Refused, RowError, StepRefused
from huimin.core.models import Job, Outbox, StoredFile
from huimin.core.records import audit
from huimin.core.values import privacy
from huimin.core.work import messages

if TYPE_CHECKING:
    from huimin.core.models import User

log = logging.getLogger(__name__)

TASK = "core.run_job"  # by name: tasks.py imports this module
LEASE_SECONDS = 60
HEARTBEAT_SECONDS = 5
MAX_ATTEMPTS = 3
MOST_FAULTS = 500  # of a refused file are kept for the job's page
# long statements are expected in a worker; a lock held by someone else still ends the wait
WORKER_SETTINGS = "SET statement_timeout = '1800s'; SET lock_timeout = '60s'"

Handler = Callable[["JobRun"], None]
_handlers: dict[str, Handler] = {}
_areas: dict[str, str] = {}
_wholes: set[str] = set()


class LeaseLost(Exception):
    """Another worker has taken the job over; whatever this one did in the open transaction is rolled back."""


class Stopped(Exception):
    """Somebody asked for the job to stop; work committed so far stays."""


def handler(kind: str, *, area: str = "", is_whole: bool = False) -> Callable[[Handler], Handler]:
    """Register the function that does jobs of this kind; it must be safe to run again from the start.

    `is_whole`: one transaction without a safe point inside; once begun it cannot be stopped, and its page says so.

    Whoever asked for a job sees it and its result file. `area` lets the other readers of that area see it too,
    where their reach covers the job's place; leave it empty when a result shows more than those may see.
    """

    def register(function: Handler) -> Handler:
        if kind in _handlers:
            raise RuntimeError(f"two handlers for job kind {kind}")
        _handlers[kind] = function
        _areas[kind] = area
        if is_whole:
            _wholes.add(kind)
        return function

    return register


def visible_to(user: User) -> QuerySet[Job]:
    """Own jobs, and those of kinds whose area a grant of this person reads at the job's place."""
    seen = Q(created_by=user)
    for area in {area for area in _areas.values() if area}:
        kinds = [kind for kind, one in _areas.items() if one == area]
        # a result of all policies is not for somebody who sees a few of them
        here = scope.reach(user, roles_reading(area), policy=lambda _: scope.NOTHING)
        seen |= Q(kind__in=kinds) & here
    return Job.objects.filter(seen)


def submit(
    kind: str,
    *,
    title: str,
    key: str,
    actor: User,
    division_code: str,
    county_code: str,
    payload: dict[str, Any] | None = None,
    total: int = 0,
) -> Job:
    """Ask for a job once per `key`: a second request with the same key gets the first job back.

    `payload` holds ids, and of an export the address of its list; nobody's number. Call
    inside the transaction that makes the work necessary.
    """
    title = privacy.hide(title)[:120]
    job, created = Job.objects.get_or_create(
        key=key,
        defaults={
            "kind": kind,
            "title": title,
            "created_by": actor,
            "county_code": county_code,
            "division_code": division_code,
            "payload": payload or {},
            "total": total,
        },
    )
    if created:
        offer(job)
        audit.record(job, action="job.submit", actor=actor, label=title)
    return job


def offer(job: Job) -> None:
    row = Outbox.objects.create(topic="job", ref=job.pk)
    transaction.on_commit(lambda: relay(only=row.pk))


def relay(*, only: int | None = None, limit: int = 200) -> int:
    """Hand waiting outbox rows to the broker; rows locked by another relay are skipped. Returns how many went."""
    sent = 0
    with transaction.atomic():
        waiting = Outbox.objects.select_for_update(skip_locked=True).filter(
            sent_at__isnull=True, available_at__lte=timezone.now()
        )
        if only is not None:
            waiting = waiting.filter(pk=only)
        for row in waiting.order_by("pk")[:limit]:
            try:
                current_app.send_task(TASK, args=[row.ref], retry=False)
            except Exception as error:  # the broker is away: the row waits, the request goes on
                Outbox.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1)
                log.warning("broker away, job %s waits in the outbox: %s", row.ref, type(error).__name__)
                break
            Outbox.objects.filter(pk=row.pk).update(sent_at=timezone.now(), attempts=F("attempts") + 1)
            sent += 1
    return sent


def sweep() -> int:
    """Offer again what was lost: leases that ran out, and jobs whose message never arrived. Forgets what was sent long ago."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_outbox WHERE sent_at < clock_timestamp() - interval '1 day'")
        cursor.execute(
            """INSERT INTO core_outbox (topic, ref, attempts, available_at)
               SELECT 'job', j.id, 0, now() FROM core_job j
               WHERE ((j.state = 'running' AND j.lease_until < clock_timestamp())
                      OR (j.state = 'queued' AND j.created_at < clock_timestamp() - interval '30 seconds'))
                 AND NOT EXISTS (SELECT FROM core_outbox o WHERE o.topic = 'job' AND o.ref = j.id
                                 AND (o.sent_at IS NULL OR o.sent_at > clock_timestamp() - interval '30 seconds'))"""
        )
        lost = int(cursor.rowcount)
    relay()
    return lost


def run(job_id: int) -> str:
    """Claim the job and do it; returns its state afterwards, or "busy" when another worker holds it."""
    fence = _claim(job_id)
    if fence is None:
        return "busy"
    job = Job.objects.select_related("created_by").get(pk=job_id)
    with connection.cursor() as cursor:
        cursor.execute(WORKER_SETTINGS)
    this = JobRun(job, fence)
    with this.heartbeat():
        try:
            if job.attempts > MAX_ATTEMPTS:
                raise Refused("这项任务连续中断 3 次，已停下。请把任务编号告诉系统管理员。")
            _handlers[job.kind](this)
        except LeaseLost:
            return "busy"
        except OperationalError as error:
            # the database was away: the lease runs out and the sweeper offers the job again
            log.warning("job %s interrupted: %s", job.pk, type(error).__name__)
            raise
        except Stopped:
            return this.finish(Job.State.STOPPED, "已按要求停止，已完成的部分保留。")
        except Refused as refused:
            faults = refused.errors if isinstance(refused, FileRefused) else ()
            return this.finish(Job.State.FAILED, str(refused), faults=faults)
        except Exception as error:
            log.exception("job %s failed", job.pk)
            return this.finish(
                Job.State.FAILED, f"没有办成，数据没有改动。编号 J{job.pk}，错误 {type(error).__name__}。"
            )
        return this.finish(Job.State.DONE, this.message)


def run_to_end(job: Job, *, wait_seconds: float = 0.5) -> None:
    """Do the job here, or wait for the worker that was quicker; the job's row is fresh afterwards."""
    while run(job.pk) == "busy":
        job.refresh_from_db(fields=["state"])
        if job.state not in {Job.State.QUEUED, Job.State.RUNNING}:
            break
        time.sleep(wait_seconds)
    job.refresh_from_db()


def faults_of(job: Job) -> list[RowError]:
    """What was wrong with the file of a failed job; at most MOST_FAULTS."""
    return [RowError(**one) for one in job.faults]


def _kept(fault: RowError) -> dict[str, Any]:
    return {"row": fault.row, "column": fault.column, "message": privacy.hide(fault.message)}


def _claim(job_id: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE core_job SET state = 'running', fence = fence + 1, attempts = attempts + 1,
                      started_at = coalesce(started_at, clock_timestamp()),
                      lease_until = clock_timestamp() + make_interval(secs => %s)
               WHERE id = %s AND (state = 'queued' OR (state = 'running' AND lease_until < clock_timestamp()))
               RETURNING fence""",
            [LEASE_SECONDS, job_id],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def may_stop(job: Job) -> bool:
    """Whether asking it to stop has an effect: always before it begins, afterwards where it has safe points."""
    return job.state == Job.State.QUEUED or (job.state == Job.State.RUNNING and job.kind not in _wholes)


def ask_to_stop(job: Job, *, actor: User) -> None:
    """The job ends at its next safe point; what is committed stays. StepRefused when it has none."""
    if not job.is_finished and not may_stop(job):
        raise StepRefused("这项任务整份一起办，开始以后不能停。办完以后看结果。")
    states = ["queued"] if job.kind in _wholes else ["queued", "running"]  # it may have begun meanwhile
    if Job.objects.filter(pk=job.pk, state__in=states).update(stop_asked=True):
        audit.record(job, action="job.stop", actor=actor, label="要求停止")


class JobRun:
    """What a handler works with: parameters, progress, and transactions that hold only while the lease does."""

    def __init__(self, job: Job, fence: int) -> None:
        self.job = job
        self.actor = job.created_by
        self.payload = job.payload
        self.message = ""
        self._fence = fence
        self._done, self._total = 0, job.total
        self._ended = threading.Event()
        self._stop_asked = job.stop_asked

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction whose last statement proves that this worker still holds the job (fencing)."""
        self.stop_if_asked()
        with transaction.atomic():
            yield
            self._check_fence()

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Shown within seconds by the heartbeat, even while a long transaction is open."""
        self._done = done
        self._total = self._total if total is None else total
        self.message = message or self.message

    def stop_if_asked(self) -> None:
        """A safe point between two pieces of one transaction: what is open is given up."""
        if self._stop_asked:
            raise Stopped

    def result(self, *, url: str = "", file: StoredFile | None = None, message: str = "") -> None:
        self.message = message or self.message
        Job.objects.filter(pk=self.job.pk, fence=self._fence).update(
            result_url=url or F("result_url"), result_file=file or F("result_file")
        )

    def _check_fence(self) -> None:
        with connection.cursor() as cursor:
            # SHARE keeps a rival's claim waiting until this transaction has ended
            cursor.execute(
                "SELECT 1 FROM core_job WHERE id = %s AND fence = %s AND state = 'running' FOR SHARE",
                [self.job.pk, self._fence],
            )
            if cursor.fetchone() is None:
                raise LeaseLost

    def finish(self, state: str, message: str, *, faults: Sequence[RowError] = ()) -> str:
        """Close the job if it is still ours, and tell whoever asked for it; returns the state, or "busy"."""
        self._ended.set()
        with transaction.atomic():
            closed = Job.objects.filter(pk=self.job.pk, fence=self._fence, state=Job.State.RUNNING).update(
                state=state,
                message=message[:2000],
                faults=[_kept(one) for one in faults[:MOST_FAULTS]],
                done=self._total if state == Job.State.DONE else self._done,
                total=self._total,
                finished_at=timezone.now(),
                lease_until=None,
            )
            if closed:
                self._tell(state, message)
        return state if closed else "busy"

    def _tell(self, state: str, message: str) -> None:
        title = f"{self.job.title[:100]}：{Job.State(state).label}"
        messages.notify([self.actor], title=title, url=reverse("core:job", args=[self.job.pk]), body=message)

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """A thread with a connection of its own renews the lease and writes the progress."""
        parameters = connection.get_connection_params()
        target = {
            key: parameters[key]
            for key in ("dbname", "user", "password", "host", "port")
            if key in parameters
        }
        thread = threading.Thread(target=self._beat, args=(target,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(timeout=HEARTBEAT_SECONDS * 2)

    def _beat(self, target: dict[str, Any]) -> None:
        while not self._ended.wait(self._interval()):
            try:
                with psycopg.connect(**target, autocommit=True, connect_timeout=5) as own:
                    self._beat_until_ended(own)
            except psycopg.Error as error:
                log.warning("heartbeat of job %s: %s", self.job.pk, type(error).__name__)

    def _beat_until_ended(self, own: psycopg.Connection[Any]) -> None:
        while True:
            row = own.execute(
                """UPDATE core_job SET lease_until = clock_timestamp() + make_interval(secs => %s),
                          done = %s, total = %s, message = %s
                   WHERE id = %s AND fence = %s AND state = 'running' RETURNING stop_asked""",
                [LEASE_SECONDS, self._done, self._total, self.message, self.job.pk, self._fence],
            ).fetchone()
            if row:
                self._stop_asked = row[0]
            if self._ended.wait(self._interval()):
                return

    def _interval(self) -> float:
        return HEARTBEAT_SECONDS if self._done else 1
