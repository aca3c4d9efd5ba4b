"""Sixteen clicks act once; a worker that is killed leaves nothing half done.

Real commits, real connections, a real child process that dies by SIGKILL.
"""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction

from disbursement import queries, services
from disbursement.models import (
    Batch,
    Claim,
    Correction,
    Journal,
    PaymentLine,
    PaymentOrder,
    PaymentResult,
    ReturnFile,
    Roster,
)
from huimin.core.errors import Refused
from huimin.core.models import Job, Message, StoredFile
from huimin.core.work import jobs
from subsidies.models import Indicator
from tests.disbursement import factories as make

CLICKS = 16
ROOT = Path(__file__).parents[2]


def effects(results):
    """Those that acted; every other one must have been refused in words."""
    assert all(not isinstance(one, Exception) or isinstance(one, Refused) for one in results), results
    return [one for one in results if not isinstance(one, Exception)]


def test_sixteen_clicks_issue_one_batch(run_in_threads):
    here = make.world(3)
    batch = services.make_batch(here.policy, "2026", actor=here["department"])
    done = run_in_threads(lambda _: services.issue_batch(batch.pk, actor=here["department"]), CLICKS)
    assert len(effects(done)) == 1
    assert Roster.objects.count() == 2
    assert Job.objects.count() == 1


def test_sixteen_orders_over_the_same_rosters_make_one(run_in_threads):
    here = make.world(3)
    batch = make.issued_batch(here)
    pks = [one.pk for one in make.approved(here, batch)]
    done = run_in_threads(lambda _: make.make_order(pks, actor=here["order_maker"]), CLICKS)
    assert len(effects(done)) == 1
    order = PaymentOrder.objects.get()
    assert Indicator.objects.get().frozen == order.total


def test_sixteen_sends_make_one_file_and_one_move_of_money(run_in_threads):
    here = make.world(3)
    order = make.ordered(here, make.issued_batch(here))
    signed = run_in_threads(lambda _: services.sign_order(order.pk, actor=here["treasurer"]), CLICKS)
    assert len(effects(signed)) == 1
    sent = run_in_threads(lambda _: services.send_order(order.pk, actor=here["treasurer"]), CLICKS)
    assert len(effects(sent)) == 1
    assert StoredFile.objects.filter(purpose="bank_file").count() == 1
    assert Journal.objects.filter(kind="send").count() == 2


def test_sixteen_uploads_and_confirmations_pay_once(run_in_threads):
    here = make.world(3)
    order = make.sent_order(here)
    data = make.answer(order, fail={0})
    taken = run_in_threads(lambda _: services.accept_return(data, "r.txt", actor=here["reconciler"]), CLICKS)
    assert len(effects(taken)) == CLICKS, "a repeat is told, not refused"
    assert sum(not one.is_repeat for one in taken) == 1
    found = ReturnFile.objects.get()
    done = run_in_threads(lambda _: services.confirm_return(found.pk, actor=here["reconciler2"]), CLICKS)
    assert len(effects(done)) == 1
    assert PaymentResult.objects.count() == 3
    assert Message.objects.count() == 2
    indicator = Indicator.objects.get()
    assert (indicator.frozen, indicator.paid) == (0, found.paid_total)
    corrected = run_in_threads(
        lambda _: services.make_correction(Batch.objects.get(kind="regular").pk, actor=here["department"]),
        CLICKS,
    )
    assert len(effects(corrected)) == 1
    assert Correction.objects.count() == 1


def test_stop_and_order_at_once_never_pay_a_stopped_line(run_in_threads):
    here = make.world(3)
    batch = make.issued_batch(here)
    pks = [one.pk for one in make.approved(here, batch)]
    line = PaymentLine.objects.first()

    def act(index):
        if index % 2:
            return services.stop_line(line.pk, reason="本人放弃", actor=here["town"])
        return make.make_order(pks, actor=here["order_maker"])

    effects(run_in_threads(act, 4))
    order = PaymentOrder.objects.get()
    kept = queries.lines_of_order(order.pk)
    assert order.total == sum(one.amount for one in kept)
    assert queries.to_order(pks) == {}


# --- a batch is taken back while its townships work ---------------------------------------------------------------------


def taking_back(here, batch):
    return lambda: services.advance_batch(batch.pk, "take_back", actor=here["department"], note="期次选错")


@pytest.mark.parametrize("other", ["submit", "regenerate"])
def test_a_batch_taken_back_never_waits_in_a_ring_with_a_township(run_in_threads, other):
    here = make.world(6, frequency="monthly", rule=make.MONTHLY)
    for month in range(1, 4):
        batch = make.issued_batch(here, period=f"2026-{month:02d}")
        roster = batch.rosters.order_by("pk").first()
        acts = {
            "submit": lambda pk=roster.pk: services.advance_roster(pk, "submit", actor=here["town"]),
            "regenerate": lambda pk=roster.pk: services.regenerate_roster(pk, actor=here["town"]),
        }
        back = taking_back(here, batch)
        answers = run_in_threads(lambda index, do=(back, acts[other]): do[index](), 2)
        effects(answers)
        batch.refresh_from_db()
        left = set(batch.rosters.values_list("status", flat=True))
        assert left == {"cancelled"} if batch.status == "cancelled" else "cancelled" not in left


@pytest.mark.parametrize("no_key", [True, False])
def test_a_roster_is_made_anew_while_its_batch_is_held_unless_it_is_held_with_its_key(run_in_threads, no_key):
    """Negative control: a roster's second update in a transaction looks at its batch again, so FOR UPDATE makes the ring."""
    here = make.world(3)
    batch = make.issued_batch(here)
    roster = batch.rosters.first()

    def regenerate(_):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '200ms'")
            return services.regenerate_roster(roster.pk, actor=here["town"])

    with transaction.atomic():
        Batch.objects.select_for_update(of=("self",), no_key=no_key).get(pk=batch.pk)
        (answer,) = run_in_threads(regenerate, 1)
    assert isinstance(answer, Roster if no_key else OperationalError), answer


def test_a_batch_is_not_taken_back_while_a_supplement_of_it_is_made(run_in_threads):
    here = make.world(6, frequency="monthly", rule=make.MONTHLY)
    for month in range(1, 4):
        batch = make.issued_batch(here, period=f"2026-{month:02d}")
        roster = batch.rosters.order_by("pk").first()
        services.advance_roster(roster.pk, "cancel", actor=here["department"], note="重做")
        acts = (
            taking_back(here, batch),
            lambda pk=batch.pk: services.make_supplement(pk, reason="补发", actor=here["department"]),
        )
        assert len(effects(run_in_threads(lambda index, do=acts: do[index](), 2))) == 1


def test_without_the_exclusion_constraint_two_batches_would_pay_twice(committed_db, owner_connection):
    """Negative control: the guard under test is the constraint, not the order of our statements."""
    here = make.world(2)
    make.issued_batch(here)
    claim = Claim.objects.first()
    other = PaymentLine.objects.exclude(pk=claim.pk).first()
    insert = """INSERT INTO disbursement_claim (line_id, entitlement_id, component, period_range)
                SELECT %s, entitlement_id, component, period_range FROM disbursement_claim WHERE line_id = %s"""
    owner_connection.execute("DELETE FROM disbursement_claim WHERE false")
    owner_connection.execute("ALTER TABLE disbursement_claim DISABLE TRIGGER USER")
    owner_connection.execute("DELETE FROM disbursement_claim WHERE line_id = %s", [other.pk])
    with pytest.raises(Exception, match="never_paid_twice"), owner_connection.transaction():
        owner_connection.execute(insert, [other.pk, claim.pk])
    owner_connection.execute("ALTER TABLE disbursement_claim DROP CONSTRAINT never_paid_twice")
    owner_connection.execute(insert, [other.pk, claim.pk])
    owner_connection.rollback()


# --- killed workers ---------------------------------------------------------------------------------------------------


def killed_worker(database, job_id, patch):
    """Run a job in a process of its own that kills itself with SIGKILL where `patch` says; returns its signal."""
    settings = connection.settings_dict
    code = textwrap.dedent(
        f"""
        import os, signal
        import django
        django.setup()
        from django.db import connections
        from huimin.core.work import jobs
        {patch}
        jobs.run({job_id})
        """
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "huimin.settings",
        "DATABASE_URL": _url(settings, database),
        "HUIMIN_ENV": "test",
    }
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, timeout=90, check=False
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()[-2000:]


def _url(settings, database):
    from launcher.database import with_database

    assert settings["NAME"] == database
    return with_database(os.environ["DATABASE_URL"], database)


def lease_ended(owner_connection, job_id):
    owner_connection.execute(
        "UPDATE core_job SET lease_until = clock_timestamp() - interval '1 second' WHERE id = %s", [job_id]
    )
    owner_connection.commit()


KILL = "os.kill(os.getpid(), signal.SIGKILL)"


def test_a_worker_killed_between_townships_goes_on_where_it_was(committed_db, owner_connection):
    here = make.world(6)
    batch = services.make_batch(here.policy, "2026", actor=here["department"])
    batch, job = services.issue_batch(batch.pk, actor=here["department"])
    patch = f"""
        from disbursement.services import rosters
        real, calls = rosters.generate_first, []
        def dying(pk, **kw):
            calls.append(pk)
            if len(calls) == 2:
                {KILL}
            return real(pk, **kw)
        rosters.generate_first = dying
    """
    killed_worker(committed_db, job.pk, textwrap.indent(textwrap.dedent(patch), "        ").strip())
    first = PaymentLine.objects.count()
    assert 0 < first < 6
    assert jobs.run(job.pk) == "busy", "the lease has not run out"
    lease_ended(owner_connection, job.pk)
    assert jobs.run(job.pk) == "done"
    assert PaymentLine.objects.count() == 6 == Claim.objects.count()
    assert set(Roster.objects.values_list("revision", flat=True)) == {1}


def test_a_worker_killed_inside_the_reconciliation_leaves_nothing_and_the_rerun_everything(
    committed_db, owner_connection, monkeypatch
):
    here = make.world(6)
    order = make.sent_order(here)
    taken = services.accept_return(make.answer(order, fail={0}), "r.txt", actor=here["reconciler"])
    monkeypatch.setattr("disbursement.services.confirming.LINES_AT_ONCE", 1)
    services.confirm_return(taken.return_file.pk, actor=here["reconciler2"])
    job = Job.objects.latest("pk")
    patch = f"""
        from disbursement.services import notices
        def dying(found):
            {KILL}
        notices.queue_paid = dying
    """
    killed_worker(committed_db, job.pk, textwrap.indent(textwrap.dedent(patch), "        ").strip())
    assert not PaymentResult.objects.exists()
    assert Claim.objects.count() == 6
    assert ReturnFile.objects.get().status == "uploaded"
    assert Indicator.objects.get().paid == 0
    lease_ended(owner_connection, job.pk)
    assert jobs.run(job.pk) == "done"
    assert jobs.run(job.pk) == "busy"
    assert PaymentResult.objects.count() == 6
    assert Claim.objects.count() == 5
    assert ReturnFile.objects.get().status == "confirmed"
    assert Message.objects.count() == 5
