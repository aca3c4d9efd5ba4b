"""Workbench, inbox, search, jobs, trail and proofs on screen."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from huimin.core import clock
from huimin.core.authority.roles import Area, Role
from huimin.core.desk import figures, searching, todos
from huimin.core.desk.figures import Figure
from huimin.core.desk.searching import Hit
from huimin.core.desk.todos import Todo
from huimin.core.models import AuditEvent, Job, Notification
from huimin.core.records import audit, files
from huimin.core.work import jobs
from tests.factories import COUNTY, OTHER_TOWN, TOWN, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(client):
    user = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    client.force_login(user)
    return user


@pytest.fixture
def supervisor(client):
    user = UserFactory(role=Role.SUPERVISOR)
    client.force_login(user)
    return user


def make_job(user, number=1, **more):
    facts = {"kind": "tests.none", "title": f"事项{number}", "key": f"k{number}", "created_by": user}
    return Job.objects.create(**facts | {"county_code": COUNTY, "division_code": TOWN} | more)


def test_the_workbench_says_the_most_urgent_thing_first(client, person, monkeypatch):
    today = clock.today()
    late = Todo("耕地地力保护补贴待复核", 2, "/x/", "去复核", due=today - timedelta(days=3))
    soon = Todo("公示期满", 1, "/y/", "去确认", due=today + timedelta(days=9))
    monkeypatch.setattr(todos, "_sources", [lambda user: [soon, late]])
    monkeypatch.setattr(
        figures, "_sources", [lambda user: [Figure("专户余额", "1.00", "万元", "今日", "/z/", is_key=True)]]
    )
    page = client.get("/desk/").content.decode()
    assert "耕地地力保护补贴待复核（2 件），已超期 3 天" in page
    assert "还有 9 天" in page
    assert "专户余额" in page


def test_an_empty_workbench_says_so(client, person, monkeypatch):
    monkeypatch.setattr(todos, "_sources", [])
    assert "现在没有要您办的事" in client.get("/desk/").content.decode()


def test_the_inbox_shows_own_messages_only_and_opening_marks_them_read(client, person):
    mine = Notification.objects.create(user=person, title="花名册被退回", url="/desk/jobs/")
    other = Notification.objects.create(user=UserFactory(), title="别人的消息")
    page = client.get("/desk/inbox/").content.decode()
    assert "花名册被退回" in page
    assert "别人的消息" not in page
    assert client.get(f"/desk/inbox/{mine.pk}/").url == "/desk/jobs/"
    mine.refresh_from_db()
    assert mine.read_at
    assert client.get(f"/desk/inbox/{other.pk}/").status_code == 404


def test_a_message_never_leads_away_from_the_site(client, person):
    mine = Notification.objects.create(user=person, title="x", url="https://evil.example/")
    assert client.get(f"/desk/inbox/{mine.pk}/").url == "/desk/inbox/"


def test_all_messages_are_read_at_once(client, person):
    Notification.objects.create(user=person, title="x")
    client.post("/desk/inbox/read/")
    assert not Notification.objects.filter(user=person, read_at__isnull=True).exists()


def test_search_asks_only_what_the_role_may_open(client, person, monkeypatch):
    monkeypatch.setattr(searching, "_sources", [])
    searching.source("对象", area=Area.REGISTRY)(
        lambda user, words: [Hit(f"{words}{n}", "/x/") for n in range(20)]
    )
    searching.source("专户账", area=Area.LEDGER)(lambda user, words: [Hit("不该看到", "/y/")])
    page = client.get("/desk/search/?q=王").content.decode()
    assert "请至少写两个字" in page
    page = client.get("/desk/search/?q=王建").content.decode()
    assert "王建9" in page
    assert "王建10" not in page
    assert "不该看到" not in page


@pytest.mark.parametrize("count", [1, 50])
def test_the_job_list_costs_the_same_for_one_and_for_fifty(
    client, person, count, django_assert_max_num_queries
):
    for number in range(count):
        make_job(person, number)
    with django_assert_max_num_queries(15):
        assert client.get("/desk/jobs/?size=50").status_code == 200


def test_somebody_elses_job_is_the_same_404_as_none(client, person):
    hidden = client.get(f"/desk/jobs/{make_job(UserFactory()).pk}/")
    none = client.get("/desk/jobs/999999/")
    assert hidden.status_code == none.status_code == 404
    assert hidden.content == none.content


def test_htmx_gets_the_changing_part_alone(client, person):
    job = make_job(person)
    part = client.get(f"/desk/jobs/{job.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<section")
    assert "<html" not in part
    assert "<html" in client.get(f"/desk/jobs/{job.pk}/").content.decode()


def test_only_whoever_asked_stops_a_job(client, person, monkeypatch):
    mine, other = make_job(person, 1), make_job(UserFactory(), 2)
    client.post(f"/desk/jobs/{mine.pk}/stop/")
    assert client.post(f"/desk/jobs/{other.pk}/stop/").status_code == 404
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.stop_asked, other.stop_asked) == (True, False)


def test_the_page_of_a_job_of_one_piece_says_that_it_cannot_be_stopped(client, person, monkeypatch):
    job = make_job(person, state="running")
    address = f"/desk/jobs/{job.pk}/"
    assert f"{address}stop/" in client.get(address).content.decode()
    monkeypatch.setattr(jobs, "_wholes", {job.kind})
    page = client.get(address).content.decode()
    assert "开始以后不能停" in page
    assert f"{address}stop/" not in page
    told = client.post(f"{address}stop/", follow=True).content.decode()
    assert "这项任务整份一起办" in told
    job.refresh_from_db()
    assert not job.stop_asked


def test_a_result_file_goes_to_its_owner_with_a_trace_and_to_nobody_else(client, person):
    stored = files.store(
        "结果".encode(), name="结果.txt", purpose="export", content_type="text/plain", actor=person
    )
    job = make_job(person, kind="core.export", result_file=stored, state="done")
    answer = client.get(f"/desk/jobs/{job.pk}/file/")
    assert b"".join(answer.streaming_content).decode() == "结果"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert AuditEvent.objects.filter(action="file.download", actor=person).exists()
    client.force_login(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    assert client.get(f"/desk/jobs/{job.pk}/file/").status_code == 404


@pytest.mark.parametrize(("purpose", "mine"), [("bank_file", True), ("export", False)])
def test_no_file_but_its_own_is_made_the_result_of_a_job_nor_is_the_job_made_anothers(person, purpose, mine):
    other = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    given = {"name": "x", "content_type": "text/plain", "actor": person if mine else other}
    stored = files.store(b"x", purpose=purpose, **given)
    job = make_job(person)
    with pytest.raises(IntegrityError, match="不是本任务的结果文件"), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(result_file=stored)
    with pytest.raises(IntegrityError, match="不能修改"), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(created_by=other)


def test_a_job_without_result_has_no_file(client, person):
    assert client.get(f"/desk/jobs/{make_job(person).pk}/file/").status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.SUPERVISOR, Role.AUDIT_ADMIN}])
@pytest.mark.parametrize("page", ["audit", "audit/export", "proof"])
def test_the_trail_is_closed_to_other_roles(client, role, page):
    client.force_login(UserFactory(role=role))
    assert client.get(f"/desk/{page}/").status_code == 403


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", True),
        ("actor=老马", True),
        ("actor=老牛", False),
        ("subject=core.user:7", True),
        ("subject=core.user", True),
        ("subject=core.job", False),
        ("action=approve", True),
        ("first=2999-01-01", False),
        ("last=2000-01-01", False),
    ],
)
def test_the_trail_is_filtered(client, supervisor, query, shown):
    audit.record(
        "core.user:7", action="approve", label="同意某事", actor=UserFactory(name="老马"), division_code=TOWN
    )
    assert ("同意某事" in client.get(f"/desk/audit/?{query}").content.decode()) is shown


def test_the_trail_of_another_place_is_not_shown(client):
    client.force_login(UserFactory(role=Role.SUPERVISOR, at=OTHER_TOWN))
    audit.record("core.user:7", action="approve", label="同意某事", actor=None, division_code=TOWN)
    assert "同意某事" not in client.get("/desk/audit/").content.decode()


def test_exporting_the_trail_leaves_a_trace(client, supervisor):
    audit.record("core.user:7", action="approve", actor=None, division_code=TOWN)
    assert b"".join(client.get("/desk/audit/export/?actor=x").streaming_content)[:2] == b"PK"
    told = AuditEvent.objects.get(action="list.export").detail
    assert (told["list"], told["filter"]) == ("审计日志", {"actor": "x"})


def test_the_proof_page_asks_for_one_run_and_shows_its_lines(client, supervisor):
    key = uuid4()
    first = client.post("/desk/proof/run/", {"action_key": key})
    job = Job.objects.get(kind="core.prove")
    assert first.url == f"/desk/jobs/{job.pk}/"
    assert client.post("/desk/proof/run/", {"action_key": uuid4()}).url == first.url
    assert jobs.run(job.pk) == "done"
    page = client.get("/desk/proof/").content.decode()
    assert "审计链环环相扣" in page
    assert "账是平的" in page


def test_a_proof_without_a_form_key_is_not_run(client, supervisor):
    assert client.post("/desk/proof/run/", {}).url == "/desk/proof/"
    assert not Job.objects.exists()
