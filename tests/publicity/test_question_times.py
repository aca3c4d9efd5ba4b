"""The measure by which the answers of 我的补贴 are held against a clock; the clock itself is in no test."""

import pytest

from publicity.models import QueryLog, QueryMiss
from publicity.services import Question
from tests.publicity.factories import paid_world
from tools import question_times


def test_alike_is_likely_and_a_small_shift_of_many_is_not():
    left = [n % 97 for n in range(1_000)]
    assert question_times.mann_whitney(left, left) == (1.0, 0.5)
    p, slower = question_times.mann_whitney(left, [n + 8 for n in left])
    assert p < 1e-6
    assert slower > 0.55


def test_the_known_example_of_two_samples():
    p, slower = question_times.mann_whitney([1.1, 2.2, 3.3, 4.4], [2.5, 3.5, 4.5, 5.5])
    assert slower == 13 / 16
    assert p == pytest.approx(0.1489, abs=1e-4)


@pytest.mark.django_db
def test_a_measured_question_leaves_nothing_behind():
    paid_world(4)
    assert question_times.seconds_of(Question("张三", "990001199001010015", "0000", "10.1.1.1")) > 0
    assert not QueryLog.objects.exists()
    assert not QueryMiss.objects.exists()
