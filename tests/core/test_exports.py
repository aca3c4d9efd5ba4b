"""Every list that leaves the house leaves a trace, and none is endless."""

from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import get_resolver, reverse
from django.utils import timezone
from python_calamine import CalamineWorkbook

from huimin.core.authority.roles import Role
from huimin.core.desk import exports
from huimin.core.models import AuditEvent, Grant, Job
from huimin.core.models.work import FILE_LASTS
from huimin.core.work import jobs
from tests.factories import COUNTY, TOWN, UserFactory

pytestmark = pytest.mark.django_db

# who may open each list; the lists of one object are asked for with an object in their own tests
LISTS = {
    "core:job-export": Role.FINANCE_CLERK,
    "core:audit-export": Role.AUDIT_ADMIN,
    "core:staff-export": Role.SECURITY_ADMIN,
    "subsidies:policy-export": Role.FINANCE_CLERK,
    "subsidies:indicator-export": Role.FINANCE_CLERK,
    "recipients:person-export": Role.FINANCE_CLERK,
    "recipients:number-export": Role.FINANCE_CLERK,
    "recipients:declaration-export": Role.FINANCE_CLERK,
    "recipients:head-export": Role.FINANCE_CLERK,
    "recipients:change-export": Role.FINANCE_CLERK,
    "recipients:notice-export": Role.FINANCE_CLERK,
    "recipients:objection-export": Role.FINANCE_CLERK,
    "recipients:entitlement-export": Role.FINANCE_CLERK,
    "disbursement:batch-export": Role.FINANCE_CLERK,
    "disbursement:roster-list-export": Role.FINANCE_CLERK,
    "disbursement:order-export": Role.FINANCE_CLERK,
    "disbursement:return-export": Role.FINANCE_CLERK,
    "disbursement:correction-export": Role.FINANCE_CLERK,
    "disbursement:failed-export": Role.FINANCE_CLERK,
    "disbursement:ledger-export": Role.FINANCE_CLERK,
    "publicity:desk-export": Role.FINANCE_CLERK,
}
OF_ONE_OBJECT = {"recipients:declaration-lines-export", "disbursement:roster-export"}


def export_names():
    for app in ("core", "subsidies", "recipients", "disbursement", "publicity"):
        names = get_resolver().namespace_dict[app][1].reverse_dict
        yield from (f"{app}:{name}" for name in names if isinstance(name, str) and name.endswith("export"))


def taken(answer):
    """The whole file, read to its end as a browser does."""
    return b"".join(answer.streaming_content).startswith(b"PK")


def test_no_list_export_is_forgotten_here():
    assert set(export_names()) == set(LISTS) | OF_ONE_OBJECT


@pytest.mark.parametrize("name", LISTS)
def test_every_list_export_writes_one_event(client, name):
    user = UserFactory(role=LISTS[name])
    client.force_login(user)
    assert taken(client.get(reverse(name)))
    told = AuditEvent.objects.get(action="list.export")
    assert (told.actor, told.subject, told.division_code) == (user, f"list:{name}", COUNTY)
    assert set(told.detail) == {"list", "filter", "rows"}


def test_only_the_shared_helper_writes_list_workbooks():
    """A list written beside the helper would leave without a trace."""
    root = Path(settings.BASE_DIR)
    beside = [
        str(path.relative_to(root))
        for app in ("huimin", "subsidies", "recipients", "disbursement", "publicity")
        for path in (root / app).rglob("views/*.py")
        if "write_rows" in path.read_text(encoding="utf-8")
    ]
    assert beside == []


def test_a_private_number_typed_into_a_filter_does_not_rest_in_the_event(client):
    client.force_login(UserFactory(role=Role.FINANCE_CLERK))
    assert taken(client.get(reverse("recipients:person-export"), {"q": "13987654321"}))
    assert "13987654321" not in str(AuditEvent.objects.get(action="list.export").detail)


def cells(content):
    return CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0).to_python()


@pytest.fixture
def guard(client):
    """A security administrator, signed in, who sees some accounts."""
    user = UserFactory(role=Role.SECURITY_ADMIN)
    UserFactory.create_batch(3, role=Role.TOWNSHIP_CLERK, at=TOWN)
    client.force_login(user)
    return user


@pytest.fixture
def long_list(client, guard, monkeypatch):
    """The job to which a list of too many rows was handed, and the same list as it is given at once."""
    direct = b"".join(client.get(reverse("core:staff-export"), {"sort": "name"}).streaming_content)
    monkeypatch.setattr(exports, "MOST_ROWS", 1)
    answer = client.get(reverse("core:staff-export"), {"sort": "name"})
    job = Job.objects.get(kind=exports.JOB)
    assert answer.url == reverse("core:job", args=[job.pk])
    return job, direct


def finished(job):
    state = jobs.run(job.pk)
    job.refresh_from_db()
    return state


def test_a_list_of_too_many_rows_is_written_by_a_job_as_it_would_be_at_once(client, guard, long_list):
    job, direct = long_list
    assert finished(job) == "done"
    page = client.get(reverse("core:job", args=[job.pk])).content.decode()
    assert reverse("core:job-file", args=[job.pk]) in page
    answer = client.get(reverse("core:job-file", args=[job.pk]))
    assert cells(b"".join(answer.streaming_content)) == cells(direct)
    told = AuditEvent.objects.filter(action="list.export").latest("pk")
    assert (told.actor, told.subject) == (guard, "list:core:staff-export")
    assert told.detail["rows"] == len(cells(direct)) - 1


def test_a_long_list_is_for_whoever_asked_alone(client, long_list):
    job, _ = long_list
    finished(job)
    client.force_login(UserFactory(role=Role.SECURITY_ADMIN))
    assert client.get(reverse("core:job", args=[job.pk])).status_code == 404
    assert client.get(reverse("core:job-file", args=[job.pk])).status_code == 404


def test_a_long_list_is_given_out_for_some_days(client, long_list):
    job, _ = long_list
    finished(job)
    Job.objects.filter(pk=job.pk).update(finished_at=job.finished_at - FILE_LASTS[exports.JOB])
    assert client.get(reverse("core:job-file", args=[job.pk])).status_code == 404
    assert "文件已过期" in client.get(reverse("core:job", args=[job.pk])).content.decode()


def test_who_lost_the_post_meanwhile_gets_no_list(guard, long_list):
    job, _ = long_list
    Grant.objects.filter(user=guard).update(revoked_at=timezone.now())
    assert finished(job) == "failed"
    assert job.message == "您现在看不到这份清单，没有导出。"
    assert job.result_file is None


def test_who_lost_the_post_after_the_list_was_written_gets_it_no_more(client, guard, long_list):
    job, _ = long_list
    finished(job)
    file = reverse("core:job-file", args=[job.pk])
    assert client.get(file).status_code == 200
    Grant.objects.filter(user=guard).update(revoked_at=timezone.now())
    answer = client.get(file, follow=True)
    assert not answer.streaming
    assert "授权有变动，这份文件不再给出" in answer.content.decode()


def test_the_same_long_list_asked_for_twice_is_one_job(client, long_list):
    client.get(reverse("core:staff-export"), {"sort": "name"})
    assert Job.objects.filter(kind=exports.JOB).count() == 1
    finished(long_list[0])
    client.get(reverse("core:staff-export"), {"sort": "name"})
    assert Job.objects.filter(kind=exports.JOB).count() == 2


def test_a_list_that_no_sheet_holds_is_refused_by_the_job(long_list, monkeypatch):
    monkeypatch.setattr(exports, "MOST_IN_JOB", 1)
    assert finished(long_list[0]) == "failed"
    assert "一个表格放不下" in long_list[0].message


def test_a_long_list_filtered_by_a_number_makes_no_job(client, monkeypatch):
    """The job's parameters would keep the number for ever."""
    monkeypatch.setattr(exports, "MOST_ROWS", -1)
    client.force_login(UserFactory(role=Role.FINANCE_CLERK))
    answer = client.get(
        reverse("recipients:person-export"),
        {"q": "13987654321"},
        headers={"referer": "http://testserver/desk/staff/?q="},
    )
    assert answer.url == "/desk/staff/?q="
    assert not Job.objects.exists()


def test_a_long_list_stops_when_asked_to(long_list, monkeypatch):
    monkeypatch.setattr(exports, "_ROWS_AT_ONCE", 1)
    monkeypatch.setattr(jobs.JobRun, "progress", lambda run, *_, **__: setattr(run, "_stop_asked", True))
    assert finished(long_list[0]) == "stopped"
    assert long_list[0].result_file is None


GROWING = [
    "recipients:declaration-export",
    "recipients:notice-export",
    "recipients:objection-export",
    "core:audit-export",
    "recipients:person-export",
    "recipients:entitlement-export",
    "disbursement:ledger-export",
]


@pytest.mark.parametrize("name", GROWING)
def test_of_a_list_that_may_be_too_long_no_row_is_written_before_that_is_known(client, monkeypatch, name):
    client.force_login(UserFactory(role=LISTS[name], at=COUNTY))
    monkeypatch.setattr(exports, "MOST_ROWS", -1)
    monkeypatch.setattr(exports, "write_rows", None)
    answer = client.get(reverse(name))
    assert answer.url == reverse("core:job", args=[Job.objects.get(kind=exports.JOB).pk])
