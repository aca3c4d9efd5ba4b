"""A large return is kept at once and taken in by a job: the same checks, the same end, nobody's page waiting."""

import io
import textwrap

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from disbursement import services
from disbursement.models import ReturnFile, ReturnLine
from disbursement.services import intake
from huimin.core.accounts.services import issue_credential
from huimin.core.errors import StepForbidden
from huimin.core.models import FileChunk, Job, Notification, StoredFile
from huimin.core.work import jobs
from tests.disbursement import factories as make
from tests.disbursement.test_bulk import command
from tests.disbursement.test_pages import page_of
from tests.disbursement.test_races import CLICKS, KILL, effects, killed_worker, lease_ended

PEOPLE = 6


@pytest.fixture(autouse=True)
def every_file_is_large(monkeypatch):
    monkeypatch.setattr(intake, "BYTES_AT_ONCE", 10)


def handed_in(here, data, who="reconciler"):
    return services.hand_in_return(io.BytesIO(data), "回盘.txt", size=len(data), actor=here[who])


def sent(**kwargs):
    here = make.world(PEOPLE)
    return here, make.answer(make.sent_order(here), **kwargs)


def change_one(line):
    return line._replace(amount=line.amount + 1) if int(line.serial) == 2 else line


@pytest.mark.django_db
class TestOneConnection:
    def test_a_small_one_is_still_taken_in_at_once(self, monkeypatch):
        here, data = sent()
        monkeypatch.setattr(intake, "BYTES_AT_ONCE", len(data))
        assert handed_in(here, data).return_file.line_count == PEOPLE
        assert not Job.objects.filter(kind=intake.TAKE).exists()

    def test_the_request_keeps_the_file_encrypted_and_reads_no_line_of_it(self, monkeypatch):
        here, data = sent()
        monkeypatch.setattr("disbursement.services.returns._read", None)
        handed_in(here, data)
        stored = StoredFile.objects.get(purpose="return_file")
        assert stored.size == len(data)
        kept = b"".join(bytes(one.data) for one in FileChunk.objects.filter(stored_as=stored.stored_as))
        assert data[:40] not in kept
        assert not ReturnFile.objects.exists()

    def test_the_job_takes_in_what_a_request_would_and_keeps_one_copy(self):
        here, data = sent(fail={0}, leave_out={1})
        job = handed_in(here, data)
        assert jobs.run(job.pk) == "done"
        found = ReturnFile.objects.get()
        assert (found.paid_count, found.failed_count, found.open_count) == (4, 1, 1)
        assert found.uploaded_by == here["reconciler"]
        assert StoredFile.objects.filter(purpose="return_file").count() == 1
        job.refresh_from_db()
        assert job.result_url == reverse("disbursement:return-detail", args=[found.pk])
        assert "校验相符" in job.message
        services.confirm_return(found.pk, actor=here["reconciler2"])

    def test_a_refused_one_tells_every_fault_by_line_on_the_page_of_its_job(self):
        here, data = sent(change=change_one)
        client = page_of(here["reconciler"])
        answer = client.post(
            reverse("disbursement:return-upload"),
            {"file": SimpleUploadedFile("r.txt", data.replace(b"P0000", b"P9999"))},
        )
        job = Job.objects.get(kind=intake.TAKE)
        assert answer.url == reverse("core:job", args=[job.pk])
        assert jobs.run(job.pk) == "failed"
        assert not ReturnFile.objects.exists()
        assert not ReturnLine.objects.exists()
        page = client.get(answer.url).content.decode()
        assert page.count("不是这笔支付申请里的明细") >= PEOPLE
        assert all(f'<td class="num">{row}</td>' in page for row in range(2, PEOPLE + 2))
        told = Notification.objects.filter(user=here["reconciler"]).latest("pk")
        assert told.url == answer.url
        assert "没有改动任何数据" in told.body
        again = handed_in(here, data.replace(b"P0000", b"P9999"))
        assert again.pk != job.pk, "a refused file may be handed in again"
        assert StoredFile.objects.filter(purpose="return_file").count() == 1

    def test_nobody_else_sees_the_faults(self):
        here, data = sent()
        job = handed_in(here, data)
        assert page_of(here["reconciler2"]).get(reverse("core:job", args=[job.pk])).status_code == 404

    def test_the_same_bytes_twice_change_nothing(self):
        here, data = sent()
        job = handed_in(here, data)
        assert handed_in(here, data).pk == job.pk, "under way it is the same job"
        jobs.run(job.pk)
        again = handed_in(here, data)
        assert again.is_repeat
        assert "没有变化" in again.message
        assert Job.objects.filter(kind=intake.TAKE).count() == 1

    def test_the_same_answer_in_other_bytes_ends_in_the_one_that_was_taken_in(self):
        here, data = sent()
        jobs.run(handed_in(here, data).pk)
        job = handed_in(
            here, data.replace(b"\n", b"\r\n") if b"\r\n" not in data else data.replace(b"\r", b"")
        )
        assert jobs.run(job.pk) == "done"
        job.refresh_from_db()
        assert "没有变化" in job.message
        assert services.taken_by(job).is_repeat
        assert ReturnFile.objects.count() == 1

    def test_who_uploads_nowhere_leaves_no_file(self):
        here, data = sent()
        with pytest.raises(StepForbidden):
            handed_in(here, data, "finance")
        assert not StoredFile.objects.filter(purpose="return_file").exists()

    def test_who_lost_the_post_while_the_job_waited_takes_nothing_in(self):
        here, data = sent()
        job = handed_in(here, data)
        here["reconciler"].grants.update(revoked_at="2026-01-01T00:00Z")
        assert jobs.run(job.pk) == "failed"
        assert not ReturnFile.objects.exists()

    def test_the_command_does_the_job_itself_and_names_the_faults(self, tmp_path):
        here, data = sent()
        path = tmp_path / "r.txt"
        path.write_bytes(data.replace(b"P0000", b"P9999"))
        out = io.StringIO()
        from django.core.management import call_command

        with pytest.raises(SystemExit):
            call_command("import_return", path, username=here["reconciler"].username, json=True, stdout=out)
        assert out.getvalue().count("不是这笔支付申请里的明细") >= PEOPLE
        path.write_bytes(data)
        assert command("import_return", path, user=here["reconciler"])["paid"] == PEOPLE

    def test_the_bank_asks_for_the_end_of_its_job(self):
        here, data = sent()
        credential, secret = issue_credential(here["bank"], scopes=["return_file"], actor=None)
        head = {"HTTP_AUTHORIZATION": f"Huimin {credential.key_id}:{secret}"}

        def ends(body):
            file = SimpleUploadedFile("r.txt", body)
            asked = Client().post("/api/v1/return-files/", {"file": file}, **head)
            assert asked.status_code == 202
            address = f"/api/v1/return-files/jobs/{asked.json()['job']}/"
            assert Client().get(address, **head).json()["state"] == "queued"
            jobs.run(asked.json()["job"])
            return Client().get(address, **head)

        refused = ends(data.replace(b"P0000", b"P9999"))
        assert refused.status_code == 422
        assert [one["row"] for one in refused.json()["errors"]] == list(range(2, PEOPLE + 2))
        taken = ends(data)
        assert (taken.status_code, taken.json()["paid"]) == (201, PEOPLE)
        other = Job.objects.get(pk=handed_in(here, data + b"\n", "reconciler").pk)
        assert Client().get(f"/api/v1/return-files/jobs/{other.pk}/", **head).status_code == 404


def test_sixteen_clicks_keep_one_copy_and_ask_for_one_job(run_in_threads):
    here, data = sent()
    done = effects(run_in_threads(lambda _: handed_in(here, data), CLICKS))
    assert len({one.pk for one in done}) == 1
    assert StoredFile.objects.filter(purpose="return_file").count() == 1


def test_jobs_of_two_people_for_the_same_answer_take_it_in_once(run_in_threads):
    here, data = sent()
    made = [handed_in(here, data, who) for who in ("reconciler", "reconciler2")]
    assert run_in_threads(lambda place: jobs.run(made[place].pk), 2) == ["done", "done"]
    assert ReturnFile.objects.count() == 1
    words = [Job.objects.get(pk=one.pk).message for one in made]
    assert sum("没有变化" in one for one in words) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_killed_while_it_takes_a_return_in_leaves_nothing_or_everything(
    committed_db, owner_connection, moment
):
    here, data = sent()
    job = handed_in(here, data)
    if moment == "before":  # every line is written, nothing committed
        place = "from disbursement.services import returns as room\nname = 'inherit_duties'"
    else:  # all is committed, only the job does not know
        place = "from huimin.core.work.jobs import JobRun as room\nname = 'result'"
    patch = f"{place}\ndef dying(*_, **__):\n    {KILL}\nsetattr(room, name, dying)"
    killed_worker(committed_db, job.pk, textwrap.indent(patch, "        ").strip())
    assert ReturnFile.objects.count() == (moment == "after")
    lease_ended(owner_connection, job.pk)
    assert jobs.run(job.pk) == "done"
    assert ReturnLine.objects.count() == PEOPLE
    job.refresh_from_db()
    assert "校验相符" in job.message
