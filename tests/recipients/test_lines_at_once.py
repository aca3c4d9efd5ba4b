"""Two people at the lines of one draft: one is told, nothing breaks, and the trail says what was done once."""

from decimal import Decimal

import pytest

from huimin.core.errors import Refused, StepRefused
from huimin.core.models import AuditEvent
from recipients.services import declarations
from tests.recipients.factories import NOTHING, declaration


def change(one, line):
    return declarations.change_line(line.pk, quantity="7", facts={}, actor=one.made_by)


def remove(one, line):
    return declarations.remove_line(line.pk, actor=one.made_by)


def clear(one, _line):
    return declarations.clear_lines(one.pk, note="填错了", actor=one.made_by)


@pytest.mark.parametrize("other", [remove, clear], ids=["remove", "clear"])
def test_a_line_is_changed_while_it_is_taken_off(run_in_threads, other):
    for _ in range(4):
        one = declaration(**NOTHING)
        line = one.lines.first()
        answers = run_in_threads(lambda index, do=(change, other), of=(one, line): do[index](*of), 2)
        broken = [
            found for found in answers if isinstance(found, Exception) and not isinstance(found, Refused)
        ]
        assert not broken, broken
        assert not one.lines.filter(pk=line.pk).exists()


def test_a_line_is_taken_off_once_by_two_people(run_in_threads):
    one = declaration(**NOTHING)
    line = one.lines.first()
    answers = run_in_threads(lambda _: remove(one, line), 2)
    (told,) = [found for found in answers if isinstance(found, Exception)]
    assert isinstance(told, StepRefused)
    assert AuditEvent.objects.filter(action="lines.remove").count() == 1


@pytest.mark.django_db
def test_who_comes_to_a_line_that_is_gone_is_told_so():
    one = declaration(**NOTHING)
    line = one.lines.first()
    remove(one, line)
    for act in (change, remove):
        with pytest.raises(StepRefused, match="刚刚被删去"):
            act(one, line)


@pytest.mark.django_db
def test_a_change_stands_on_the_line_as_it_is_now():
    one = declaration(**NOTHING)
    line = one.lines.first()
    change(one, line)
    line.refresh_from_db()
    assert line.quantity == Decimal(7)
