import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.range import DateRange

from huimin.core.errors import BadInput
from huimin.core.values.periods import Frequency, Period

REGULAR = st.builds(
    Period.containing,
    st.dates(date(2000, 1, 1), date(2090, 12, 31)),
    st.sampled_from([f for f in Frequency if f != Frequency.ONE_OFF]),
)
ONE_OFF = st.builds(
    lambda year, number: Period.parse(f"{year}#{number}"), st.integers(2000, 2090), st.integers(1, 900)
)


@pytest.mark.parametrize(
    ("text", "first", "last", "months", "label"),
    [
        ("2026", (2026, 1, 1), (2026, 12, 31), 12, "2026年"),
        ("2026H1", (2026, 1, 1), (2026, 6, 30), 6, "2026年上半年"),
        ("2026H2", (2026, 7, 1), (2026, 12, 31), 6, "2026年下半年"),
        ("2026Q1", (2026, 1, 1), (2026, 3, 31), 3, "2026年第1季度"),
        ("2026Q4", (2026, 10, 1), (2026, 12, 31), 3, "2026年第4季度"),
        ("2026-02", (2026, 2, 1), (2026, 2, 28), 1, "2026年2月"),
        ("2024-02", (2024, 2, 1), (2024, 2, 29), 1, "2024年2月"),
        ("2026#3", (2026, 1, 1), (2026, 12, 31), 0, "2026年第3次"),
    ],
)
def test_a_period_knows_its_days_months_and_label(text, first, last, months, label):
    period = Period.parse(text)
    assert (period.text, str(period)) == (text, text)
    assert (period.first, period.last) == (date(*first), date(*last))
    assert (period.months, period.label) == (months, label)


@given(REGULAR | ONE_OFF)
def test_text_and_label_are_read_back(period):
    assert Period.parse(period.text) == period
    assert Period.parse(period.label) == period


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" 2026q1 ", "2026Q1"),
        ("２０２６Ｈ２", "2026H2"),
        ("2026年02月", "2026-02"),
        ("2026年一季度", "2026Q1"),
        ("2026年第四季度", "2026Q4"),
        ("2026年", "2026"),
    ],
)
def test_other_spellings_become_canonical(text, canonical):
    assert Period.parse(text).text == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "26",
        "2026Q5",
        "2026Q0",
        "2026H3",
        "2026-13",
        "2026-00",
        "2026-2",
        "2026#0",
        "2026#1000000",
        "1989",
        "2100",
        "2026-02-01",
        "٢٠٢٦",
    ],
)
def test_what_is_no_period_is_refused_with_examples(text):
    with pytest.raises(BadInput, match=re.escape("不认识，应填如2026、2026H1、2026Q1、2026-01或2026#1。")):
        Period.parse(text)


@pytest.mark.parametrize("text", ["46023", "46023.0"])
def test_a_date_number_of_a_spreadsheet_is_named_as_such(text):
    with pytest.raises(BadInput, match=re.escape(f"期次“{text}”是Excel日期序号，应填如2026-01。")):
        Period.parse(text)


@given(
    st.dates(date(2000, 1, 1), date(2090, 12, 31)),
    st.sampled_from([f for f in Frequency if f != Frequency.ONE_OFF]),
)
def test_a_day_lies_in_its_period_and_in_no_neighbour(day, frequency):
    period = Period.containing(day, frequency)
    assert period.first <= day <= period.last
    assert period.frequency == frequency


def test_a_day_does_not_tell_a_one_off():
    with pytest.raises(ValueError, match="number"):
        Period.containing(date(2026, 1, 1), Frequency.ONE_OFF)


@given(REGULAR)
def test_the_next_period_begins_on_the_next_day(period):
    following = period.next()
    assert following.first == period.last + timedelta(days=1)
    assert following.frequency == period.frequency
    assert period < following


def test_a_one_off_has_the_day_of_its_round_and_keeps_its_name():
    period = Period.parse("2026#12").on(date(2026, 7, 10))
    assert (period.first, period.last, period.text) == (date(2026, 7, 10), date(2026, 7, 10), "2026#12")
    assert period.days == DateRange(date(2026, 7, 10), date(2026, 7, 11))
    assert (period.has_begun(date(2026, 7, 9)), period.has_begun(date(2026, 7, 10))) == (False, True)


def test_a_regular_period_is_the_same_on_any_day_and_shares_one_component():
    period = Period.parse("2026Q1")
    assert period.on(date(2026, 7, 10)) == period
    assert (period.component, Period.parse("2026#12").component) == ("regular", "#12")


def test_the_next_one_off_has_the_next_number():
    assert Period.parse("2026#3").next() == Period.parse("2026#4")


def test_periods_sort_by_first_day_with_the_longer_first():
    texts = ["2026-02", "2026Q2", "2026#2", "2026", "2026-01", "2026Q1", "2026H1", "2025-12", "2026#10"]
    ordered = [str(p) for p in sorted(map(Period.parse, texts))]
    assert ordered == [
        "2025-12",
        "2026",
        "2026H1",
        "2026Q1",
        "2026-01",
        "2026#2",
        "2026#10",
        "2026-02",
        "2026Q2",
    ]


def test_frequencies_have_chinese_labels():
    assert dict(Frequency.choices)["half_yearly"] == "按半年"
