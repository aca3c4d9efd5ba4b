"""民主评议 in its time: on the submitted list, and a failed vote is not overridden the same day."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError

from huimin.core import clock
from huimin.core.errors import BadInput, StepRefused
from recipients.models import Declaration
from recipients.services import notices, review
from tests.recipients.factories import NOTHING, declaration
from tests.recipients.test_levels import MEETING, record, set_status, votes


def failed_once():
    one = declaration(**NOTHING | MEETING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    review.deliberate(one.pk, votes(9, 6), actor=one.made_by)
    return one


AGAIN = {"again_because": "剔除了有意见的人"}


def test_after_a_failed_vote_people_are_excluded_and_a_meeting_of_a_later_day_passes(move_clock):
    one = failed_once()
    review.exclude_line(one.lines.first().pk, reason="多数人不同意", actor=one.made_by)
    move_clock(1)
    assert review.deliberate(one.pk, votes(10, 5, **AGAIN), actor=one.made_by).status == "confirmed"
    assert list(one.deliberations.order_by("pk").values_list("passed", flat=True)) == [False, True]


@pytest.mark.parametrize(
    ("days", "given", "field"),
    [(0, AGAIN, "held_on"), (1, {}, "again_because"), (1, {"again_because": " "}, "again_because")],
)
def test_a_failed_vote_is_not_overridden_on_its_day_or_without_a_reason(move_clock, days, given, field):
    one = failed_once()
    move_clock(days)
    with pytest.raises(BadInput) as caught:
        review.deliberate(one.pk, votes(10, 5, **given), actor=one.made_by)
    assert caught.value.field == field
    with pytest.raises(IntegrityError, match="以后的日子"):
        record(one, again_because=given.get("again_because", "").strip())


def test_sending_the_list_back_after_a_failed_vote_does_not_shorten_the_wait(move_clock):
    one = failed_once()
    review.take_step(one.pk, "return_deliberation", actor=one.made_by, note="有人不该列入")
    review.take_step(one.pk, "submit", actor=one.made_by)
    with pytest.raises(BadInput, match="没有通过"):
        review.deliberate(one.pk, votes(15, 0, **AGAIN), actor=one.made_by)
    move_clock(1)
    assert review.deliberate(one.pk, votes(15, 0, **AGAIN), actor=one.made_by).status == "confirmed"


@pytest.mark.django_db
def test_a_list_that_nobody_deliberated_on_is_not_sent_back_as_failed():
    one = declaration(**NOTHING | MEETING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    with pytest.raises(StepRefused, match="还没有登记过评议"):
        review.take_step(one.pk, "return_deliberation", actor=one.made_by, note="退回")


@pytest.mark.django_db
@pytest.mark.parametrize("days", [-1, 1])
def test_a_meeting_is_held_on_the_submitted_list_and_not_in_the_future(days):
    one = declaration(**NOTHING | MEETING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    day = clock.today() + timedelta(days=days)
    with pytest.raises(BadInput, match="评议日期"):
        review.deliberate(one.pk, replace(votes(15, 0), held_on=day), actor=one.made_by)
    with pytest.raises(IntegrityError, match="评议日期"):
        record(one, held_on=day)


@pytest.mark.django_db
def test_a_meeting_is_recorded_only_while_the_list_waits_for_it():
    one = declaration(**NOTHING | MEETING)
    with pytest.raises(IntegrityError, match="不在评议环节"):
        record(one)


@pytest.mark.django_db
def test_the_day_of_submission_is_the_databases_own():
    one = declaration(**NOTHING | MEETING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    one.refresh_from_db()
    dated = one.submitted_at
    Declaration.objects.filter(pk=one.pk).update(submitted_at=dated - timedelta(days=400))
    one.refresh_from_db()
    assert one.submitted_at == dated


@pytest.mark.django_db
def test_every_fault_of_a_meeting_stands_at_its_field_at_once(client):
    one = failed_once()
    client.force_login(one.made_by)
    given = {
        "held_on": "2020-01-01",
        "place": "",
        "host": "李主持",
        "members": 3,
        "representatives": 1,
        "present": 4,
    }
    given |= {"agreed": 2, "against": 1, "abstained": 0, "note": "都同意"}
    given["action_key"] = "6f1f2a34-0000-4000-8000-000000000002"
    text = client.post(f"/desk/recipients/declarations/{one.pk}/step/deliberate/", given).content.decode()
    for field in ("held_on", "place", "members", "representatives", "present", "agreed", "again_because"):
        assert f'id="id_{field}_error"' in text
    assert "有 7 处要改" in text
    assert 'value="2020-01-01"' in text
    assert "都同意" in text


def test_sql_cannot_carry_a_list_on_without_a_passed_meeting(move_clock):
    one = declaration(**NOTHING | MEETING)
    review.take_step(one.pk, "submit", actor=one.made_by)
    record(one, agreed=9, against=6, passed=False)
    with pytest.raises(IntegrityError, match="民主评议没有通过"):
        set_status(one, "confirmed")
    move_clock(1)
    record(one, again_because="核实过了")
    set_status(one, "confirmed")


def test_the_poster_tells_of_the_failed_meeting_too(move_clock, monkeypatch):
    one = declaration(**NOTHING | MEETING | {"has_village_notice": True})
    review.take_step(one.pk, "submit", actor=one.made_by)
    review.deliberate(one.pk, votes(9, 6), actor=one.made_by)
    move_clock(1)
    review.deliberate(one.pk, votes(10, 5, **AGAIN), actor=one.made_by)
    notice = notices.post_notice(one.pk, place="公开栏", actor=one.made_by)
    told = {}
    monkeypatch.setattr(notices, "render_pdf", lambda _, data: told.update(data) or b"")
    notices.poster(notice, verify_url="/")
    assert "同意9、不同意6、弃权0，没有通过；" in told["text"]
    assert "同意10、不同意5、弃权0，通过。" in told["text"]
