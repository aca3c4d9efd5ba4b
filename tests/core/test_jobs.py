"""Long work: offered once, held by lease and fence, done with one effect, whatever dies on the way."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from huimin.core import tasks
from huimin.core.authority.roles import Area, Role
from huimin.core.errors import FileRefused, Refused, RowError, StepRefused
from huimin.core.models import AuditEvent, Job, Notification, Outbox
from huimin.core.records import proofs
from huimin.core.work import jobs
from tests.factories import COUNTY, OTHER_TOWN, TOWN, UserFactory

KIND = "tests.thing"
steps: dict = {}


@pytest.fixture(autouse=True)
def handler(monkeypatch):
    """One kind of job whose work is the function in steps["do"]."""
    monkeypatch.setitem(jobs._handlers, KIND, lambda run: steps["do"](run))  # noqa: PLW0108 -- looked up late
    monkeypatch.setitem(jobs._areas, KIND, Area.ROSTER)
    steps["do"] = lambda run: None


def submit(actor=None, key="k1", place=TOWN):
    with transaction.atomic():
        return jobs.submit(
            KIND,
            title="试一试",
            key=key,
            actor=actor or UserFactory(),
            division_code=place,
            county_code=COUNTY,
        )


def expire(job):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_job SET lease_until = now() - interval '1 second' WHERE id = %s", [job.pk]
        )


@pytest.mark.django_db
class TestOneConnection:
    def test_the_same_key_gives_the_first_job_back(self):
        actor = UserFactory()
        assert submit(actor).pk == submit(actor).pk
        assert Outbox.objects.count() == 1

    def test_a_job_is_done_once_however_often_it_is_offered(self):
        done = []
        steps["do"] = lambda run: done.append(1)
        job = submit()
        assert jobs.run(job.pk) == "done"
        assert jobs.run(job.pk) == "busy"
        assert done == [1]

    def test_who_waits_for_a_job_that_a_worker_has_taken_gets_its_end(self, monkeypatch):
        job = submit()
        jobs._claim(job.pk)

        def meanwhile(seconds):
            Job.objects.filter(pk=job.pk).update(state=Job.State.DONE, message="办好了")

        monkeypatch.setattr(jobs.time, "sleep", meanwhile)
        jobs.run_to_end(job)
        assert (job.state, job.message) == (Job.State.DONE, "办好了")

    def test_what_was_sent_long_ago_is_forgotten_and_what_waits_is_not(self):
        submit()
        waiting = Outbox.objects.get()
        sent = Outbox.objects.create(topic="job", ref=1, sent_at=timezone.now() - timedelta(days=2))
        jobs.sweep()
        assert Outbox.objects.filter(pk=waiting.pk).exists()
        assert not Outbox.objects.filter(pk=sent.pk).exists()

    def test_a_running_job_is_not_claimed_by_a_second_worker(self):
        job = submit()
        assert jobs._claim(job.pk) == 1
        assert jobs.run(job.pk) == "busy"

    def test_a_lease_that_ran_out_is_claimed_again_with_the_next_fence(self):
        job = submit()
        jobs._claim(job.pk)
        expire(job)
        assert jobs._claim(job.pk) == 2

    def test_the_sweeper_offers_a_lost_lease_once(self):
        job = submit()
        Outbox.objects.all().delete()
        jobs._claim(job.pk)
        assert jobs.sweep() == 0
        expire(job)
        assert jobs.sweep() == 1
        assert jobs.sweep() == 0
        assert Outbox.objects.get().ref == job.pk

    def test_a_queued_job_whose_message_never_arrived_is_offered_again(self):
        job = submit()
        Outbox.objects.all().delete()
        assert jobs.sweep() == 0
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE core_job SET created_at = now() - interval '1 minute' WHERE id = %s", [job.pk]
            )
        assert jobs.sweep() == 1

    def test_a_job_that_kills_its_worker_ends_after_three_attempts(self):
        job = submit()
        for _ in range(jobs.MAX_ATTEMPTS):
            jobs._claim(job.pk)
            expire(job)
        assert jobs.run(job.pk) == "failed"
        job.refresh_from_db()
        assert "连续中断 3 次" in job.message

    def test_a_refusal_is_shown_and_a_fault_is_numbered(self):
        def refuse(run):
            raise Refused("第 3 行错了。")

        steps["do"] = refuse
        job = submit()
        jobs.run(job.pk)
        job.refresh_from_db()
        assert (job.state, job.message) == ("failed", "第 3 行错了。")
        steps["do"] = lambda run: 1 / 0
        other = submit(key="k2")
        jobs.run(other.pk)
        other.refresh_from_db()
        assert f"J{other.pk}" in other.message
        assert "division" not in other.message

    def test_a_job_asked_to_stop_ends_at_its_next_safe_point(self):
        actor = UserFactory()
        job = submit(actor)
        jobs.ask_to_stop(job, actor=actor)
        written = []

        def work(run):
            with run.transaction():
                written.append(1)

        steps["do"] = work
        assert jobs.run(job.pk) == "stopped"
        assert written == []
        assert AuditEvent.objects.filter(action="job.stop", actor=actor).exists()

    def test_a_proof_asked_to_stop_ends_before_the_next_one(self, monkeypatch):
        begun = []

        def asked_meanwhile():
            begun.append(1)
            monkeypatch.setattr(jobs.JobRun, "stop_if_asked", stopped)
            return 1, []

        def stopped(run):
            raise jobs.Stopped

        monkeypatch.setattr(proofs, "_checks", [("一", asked_meanwhile), ("二", asked_meanwhile)])
        monkeypatch.setitem(jobs._handlers, KIND, tasks.prove)
        assert jobs.run(submit().pk) == "stopped"
        assert begun == [1]

    def test_a_job_of_one_piece_may_be_stopped_before_it_begins_and_not_afterwards(self, monkeypatch):
        monkeypatch.setattr(jobs, "_wholes", {KIND})
        job = submit()
        tried = []

        def work(run):
            running = Job.objects.get(pk=job.pk)
            with pytest.raises(StepRefused, match="不能停"):
                jobs.ask_to_stop(running, actor=run.actor)
            tried.append(jobs.may_stop(running))

        steps["do"] = work
        assert jobs.may_stop(job)
        assert jobs.run(job.pk) == "done"
        assert tried == [False]
        jobs.ask_to_stop(other := submit(key="k2"), actor=job.created_by)
        assert Job.objects.get(pk=other.pk).stop_asked

    def test_the_faults_of_a_refused_file_stay_with_its_job_without_numbers(self):
        def refuse(run):
            raise FileRefused("有 1 处不符。", [RowError(3, "账号", "账号6217000000000000123不同。")])

        steps["do"] = refuse
        job = submit()
        assert jobs.run(job.pk) == "failed"
        job.refresh_from_db()
        (fault,) = jobs.faults_of(job)
        assert (fault.row, fault.column) == (3, "账号")
        assert "6217000000000000123" not in fault.message

    def test_whoever_asked_is_told_when_it_is_done(self):
        actor = UserFactory()
        job = submit(actor)
        jobs.run(job.pk)
        note = Notification.objects.get(user=actor)
        assert note.title == "试一试：已办结"
        assert note.url == f"/desk/jobs/{job.pk}/"

    @pytest.mark.parametrize(
        ("role", "at", "sees"),
        [
            (Role.TOWNSHIP_REVIEWER, TOWN, True),
            (Role.FINANCE_CLERK, COUNTY, True),
            (Role.TOWNSHIP_REVIEWER, OTHER_TOWN, False),
            (Role.VILLAGE_CLERK, TOWN, False),
            (Role.SYSTEM_ADMIN, COUNTY, False),
        ],
    )
    def test_others_see_a_job_by_its_area_and_place(self, role, at, sees):
        job = submit()
        assert jobs.visible_to(UserFactory(role=role, at=at)).filter(pk=job.pk).exists() is sees

    def test_a_job_without_an_area_is_its_owners_alone(self, monkeypatch):
        monkeypatch.setitem(jobs._areas, KIND, "")
        owner = UserFactory()
        job = submit(owner)
        assert jobs.visible_to(owner).get() == job
        assert not jobs.visible_to(UserFactory(role=Role.FINANCE_CLERK)).exists()


def test_a_request_succeeds_while_the_broker_is_away_and_the_outbox_keeps_the_row(committed_db, monkeypatch):
    def away(*args, **kwargs):
        raise ConnectionError("no broker")

    monkeypatch.setattr("huimin.core.work.jobs.current_app.send_task", away)
    job = submit()
    row = Outbox.objects.get(ref=job.pk)
    assert row.sent_at is None
    assert row.attempts == 1
    monkeypatch.setattr("huimin.core.work.jobs.current_app.send_task", lambda *args, **kwargs: None)
    assert jobs.relay() == 1
    assert jobs.relay() == 0


def test_a_worker_that_wakes_late_is_refused_at_commit(committed_db):
    """The first worker sleeps in its transaction past its lease; a second one does the job; the first may not commit."""
    job = submit()
    asleep, taken_over = threading.Event(), threading.Event()
    states = []

    def work(run):
        with run.transaction():
            AuditEvent.objects.create(
                subject="x:1", action=f"effect{run._fence}", business_at="2026-01-01T00:00Z"
            )
            if run._fence == 1:
                asleep.set()
                assert taken_over.wait(30)

    steps["do"] = work

    def first_worker():
        try:
            states.append(jobs.run(job.pk))
        finally:
            connection.close()

    thread = threading.Thread(target=first_worker)
    thread.start()
    assert asleep.wait(30)
    expire(job)
    assert jobs.run(job.pk) == "done"
    taken_over.set()
    thread.join(30)
    assert states == ["busy"]
    effects = AuditEvent.objects.filter(action__startswith="effect").values_list("action", flat=True)
    assert list(effects) == ["effect2"]
    assert Job.objects.get().state == "done"


def test_two_workers_at_once_do_a_job_once(committed_db, run_in_threads):
    job = submit()

    def work(run):
        with run.transaction():
            AuditEvent.objects.create(subject="x:1", action="effect", business_at="2026-01-01T00:00Z")

    steps["do"] = work
    results = run_in_threads(lambda index: jobs.run(job.pk), 4)
    assert sorted(results) == ["busy", "busy", "busy", "done"]
    assert AuditEvent.objects.filter(action="effect").count() == 1
