"""What the workbench says is due."""

from datetime import timedelta

from huimin.core import clock
from huimin.core.desk import todos
from recipients.services import notices, review
from tests.recipients.factories import NOTHING, chain, declaration


def test_the_due_day_of_a_notice_is_that_of_the_paper_that_still_hangs(committed_db, move_clock):
    people = chain()
    one = declaration(
        actor=people["village"],
        **NOTHING | {"has_village_notice": True, "has_township_review": True, "has_township_notice": True},
    )
    review.take_step(one.pk, "submit", actor=people["village"])
    first = notices.post_notice(one.pk, place="公开栏", actor=people["village"])
    move_clock(30)
    review.take_step(one.pk, "end_village_notice", actor=people["village"])
    review.take_step(one.pk, "approve_township", actor=people["township"])
    second = notices.post_notice(one.pk, place="镇公示栏", actor=people["clerk"])
    move_clock(8)
    assert first.ends_on < second.ends_on < clock.today()
    (due,) = [todo.due for todo in todos.for_user(people["clerk"]) if todo.title == "乡镇公示期满待办理"]
    assert due == second.ends_on + timedelta(days=1)


def test_a_term_in_workdays_that_ran_out_in_a_year_without_its_holidays_says_so(committed_db, move_clock):
    people = chain()
    version = NOTHING | {"has_village_notice": True, "notice_in_workdays": True, "notice_days": 5}
    one = declaration(actor=people["village"], **version)
    review.take_step(one.pk, "submit", actor=people["village"])
    notices.post_notice(one.pk, place="公开栏", actor=people["village"])
    move_clock(30)
    (todo,) = [one for one in todos.for_user(people["village"]) if one.title == "村级公示期满待办理"]
    assert "放假安排还没有公布" in todo.note
