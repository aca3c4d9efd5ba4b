from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huimin.core.values.workdays import (
    DayKind,
    NoticeDays,
    add_days,
    guessed,
    is_workday,
    planned_until,
    seed_years,
    uncertain_years,
)

SEED = list(seed_years())
CALENDAR = {day: working for day, working, _ in SEED}
NAMES = {day: name for day, _, name in SEED}
DAYS = st.dates(date(2005, 1, 1), date(2028, 12, 31))


def test_ten_natural_days_with_the_first_end_on_the_eighteenth():
    """盐池县牧草补助公示：10月9日至10月18日，10日，含起止日。"""
    notice = NoticeDays(10, DayKind.NATURAL, count_first=True)
    assert notice.last_day(date(2024, 10, 9), CALENDAR) == date(2024, 10, 18)
    assert notice.label == "10个自然日，含公示当日"


def test_seven_working_days_from_publication_are_postponed_over_holidays():
    """寻甸县草原补奖公示：7个工作日，自上网公布日起算，遇节假日顺延。"""
    notice = NoticeDays(7, DayKind.WORK, count_first=True)
    # Sunday 28 September 2025 was worked, 1 to 8 October were holidays, Saturday 11 October was worked
    assert notice.last_day(date(2025, 9, 28), CALENDAR) == date(2025, 10, 13)
    assert notice.last_day(date(2025, 11, 3), CALENDAR) == date(2025, 11, 11)
    assert notice.label == "7个工作日，含公示当日"


def test_without_the_first_day_a_term_ends_one_day_later():
    assert add_days(date(2026, 11, 2), 5, DayKind.NATURAL, CALENDAR) == date(2026, 11, 7)
    assert add_days(date(2026, 11, 2), 5, DayKind.WORK, CALENDAR) == date(2026, 11, 9)
    assert NoticeDays(5, DayKind.WORK, count_first=False).label == "5个工作日，不含公示当日"


def test_a_term_that_starts_on_a_holiday_begins_with_the_next_working_day():
    assert add_days(date(2026, 10, 1), 1, DayKind.WORK, CALENDAR, count_first=True) == date(2026, 10, 8)


@given(DAYS, st.integers(1, 40), st.booleans())
def test_a_working_term_holds_exactly_its_days_and_ends_on_one(start, days, count_first):
    last = add_days(start, days, DayKind.WORK, CALENDAR, count_first=count_first)
    first = start if count_first else start + timedelta(days=1)
    assert is_workday(last, CALENDAR)
    between = (first + timedelta(days=n) for n in range((last - first).days + 1))
    assert sum(is_workday(day, CALENDAR) for day in between) == days


@given(DAYS, st.integers(1, 400))
def test_a_natural_term_holds_exactly_its_days(start, days):
    last = add_days(start, days, DayKind.NATURAL, CALENDAR, count_first=True)
    assert (last - start).days + 1 == days


@pytest.mark.parametrize("days", [0, -7])
def test_a_term_has_at_least_one_day(days):
    with pytest.raises(ValueError, match="at least one day"):
        add_days(date(2026, 1, 1), days, DayKind.WORK, CALENDAR)


def test_unpublished_years_count_monday_to_friday_and_say_so():
    assert [is_workday(date(2027, 10, day), CALENDAR) for day in (1, 2, 3, 4)] == [True, False, False, True]
    assert uncertain_years(date(2026, 12, 30), date(2027, 1, 2), CALENDAR) == (2027,)
    assert uncertain_years(date(2026, 1, 1), date(2026, 12, 31), CALENDAR) == ()
    assert uncertain_years(date(2003, 12, 31), date(2004, 1, 1), CALENDAR) == (2003,)
    assert "2027年的放假安排" in guessed((2027,))
    assert guessed(()) == ""


def test_a_year_is_known_by_its_announced_days_alone_but_not_by_some_of_them():
    announced = dict.fromkeys([date(2027, 1, 1), date(2027, 5, 1)], False)
    assert uncertain_years(date(2027, 3, 1), date(2027, 3, 9), announced) == (2027,)
    assert uncertain_years(date(2027, 3, 1), date(2027, 3, 9), announced | {date(2027, 10, 1): False}) == ()


def test_the_next_year_is_planned_for_from_november_on():
    assert planned_until(date(2026, 10, 31)) == date(2026, 12, 31)
    assert planned_until(date(2026, 11, 1)) == date(2027, 12, 31)


def test_the_seed_has_every_day_once_and_names_holidays():
    assert len(SEED) == len(CALENDAR) == (date(2027, 1, 1) - date(2004, 1, 1)).days
    assert (CALENDAR[date(2026, 10, 1)], NAMES[date(2026, 10, 1)]) == (False, "国庆节")
    assert (CALENDAR[date(2026, 10, 10)], NAMES[date(2026, 10, 10)]) == (True, "国庆节调休上班")
    assert (CALENDAR[date(2026, 11, 21)], NAMES[date(2026, 11, 21)]) == (False, "")
    assert (CALENDAR[date(2026, 11, 20)], NAMES[date(2026, 11, 20)]) == (True, "")
