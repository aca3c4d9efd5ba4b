"""Invented households are whole, unlike each other, the same for the same seed, and belong to nobody."""

import io
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from huimin.core.sheets.header import match_header
from huimin.core.sheets.reader import read_rows
from huimin.core.values.identity import age_on, check_digits_ok, luhn_ok
from huimin.demo import people
from huimin.demo.people import (
    Village,
    bad_rows,
    generate_households,
    registry_rows,
    write_registry,
)
from recipients.files.columns import TITLES

VILLAGES = [Village(f"3415241002{n:02d}", f"余岭{n}村") for n in range(7)]
ON = date(2026, 6, 1)


@pytest.fixture(scope="module")
def households():
    return list(generate_households(11, VILLAGES, 3_000, on=ON))


@pytest.fixture(scope="module")
def members(households):
    return [member for house in households for member in house.members]


def test_the_same_seed_gives_the_same_people_and_another_seed_others():
    first = list(generate_households(5, VILLAGES, 50))
    assert first == list(generate_households(5, VILLAGES, 50))
    assert first != list(generate_households(6, VILLAGES, 50))


def test_households_are_spread_over_all_villages(households):
    counts = Counter(house.village for house in households)
    assert set(counts) == set(VILLAGES)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len({house.code for house in households}) == 3_000


def test_id_numbers_are_valid_unassigned_and_unique(members):
    numbers = [member.id_number for member in members]
    assert len(set(numbers)) == len(numbers)
    assert all(check_digits_ok(number) and number.startswith("99") for number in numbers)
    for member in members:
        assert member.id_number[6:14] == member.birth_date.strftime("%Y%m%d")
        assert (int(member.id_number[16]) % 2 == 1) == (member.sex == "1")


def test_phones_and_accounts_are_invented_and_unique(households, members):
    phones = [member.phone for member in members if member.phone]
    assert all(len(phone) == 11 and phone.startswith("199") for phone in phones)
    assert len(set(phones)) == len(phones)
    assert len({house.account for house in households}) == len(households)
    for house in households:
        assert (
            (len(house.account), luhn_ok(house.account)) == (19, True)
            if house.account_is_card
            else (17, house.account[:2] == "10")
        )
    assert 0.8 < sum(house.account_is_card for house in households) / 3_000 < 0.9


def test_ages_look_like_a_village(households, members):
    ages = [age_on(member.birth_date, ON) for member in members]
    assert min(ages) >= 0
    assert max(ages) < 112
    assert 0.05 < sum(age < 16 for age in ages) / len(ages) < 0.3
    assert 0.12 < sum(age >= 60 for age in ages) / len(ages) < 0.45
    assert all(age_on(house.holder.birth_date, ON) >= 18 for house in households)
    assert all(house.holder.relation == people.HEAD for house in households)
    assert all(sum(member.relation == people.HEAD for member in house.members) == 1 for house in households)
    assert 2 < len(members) / len(households) < 4.5


def test_children_are_younger_than_the_holder_and_parents_older(households):
    for house in households:
        for member in house.members:
            if member.relation in {people.SON, people.DAUGHTER, people.GRANDSON}:
                assert member.birth_date > house.holder.birth_date
            if member.relation in {people.FATHER, people.MOTHER}:
                assert member.birth_date < house.holder.birth_date


def test_names_hold_double_surnames_dots_and_rare_characters(members):
    names = [member.name for member in members]
    rare = sum(any(letter in name for letter in people.RARE) for name in names)
    assert 1 / 900 < rare / len(names) < 1 / 200
    assert any("·" in name for name in names)
    assert any(name.startswith(people.DOUBLE_SURNAMES) for name in names)


def test_land_and_hardship_are_within_reason(households, members):
    assert all(
        Decimal("0.40") <= house.area <= 20 and house.area.as_tuple().exponent == -2 for house in households
    )
    assert 0.02 < sum(bool(house.low_income_grade) for house in households) / 3_000 < 0.1
    assert any(house.destitute_grade for house in households)
    assert not any(house.destitute_grade and house.low_income_grade for house in households)
    assert all(bool(member.disability_kind) == bool(member.disability_grade) for member in members)


def test_the_registry_has_its_24_columns_in_order_and_comes_back_as_written(households):
    some = households[:40]
    out = io.BytesIO()
    count = write_registry(out, some, on=ON)
    table = read_rows(out, "采集表.xlsx", expected=TITLES)
    assert tuple(table.header) == TITLES
    assert match_header(table.header, TITLES)["创建人"] == 23
    rows = [cells for _, cells in table.rows]
    assert rows == list(registry_rows(some, on=ON))
    assert count == len(rows)
    required = [
        TITLES.index(title) for title in ("农户编码", "户主姓名", "身份证号", "与户主关系", "银行账号")
    ]
    assert all(row[place] for row in rows for place in required)


def test_the_injected_faults_are_all_different_and_known(households):
    rows = list(registry_rows(households[:30]))
    changed, errors = bad_rows(rows, seed=3)
    assert sorted(error.message for error in errors) == sorted(people.FAULTS)
    assert len({error.row for error in errors}) == len(people.FAULTS)
    touched = [number for number, (old, new) in enumerate(zip(rows, changed, strict=True), 2) if old != new]
    assert touched == [error.row for error in errors]
    by_fault = {error.message: changed[error.row - 2] for error in errors}
    assert not check_digits_ok(by_fault["check_digit"][5])
    assert "E+17" in by_fault["float_id"][5]
    assert by_fault["missing_name"][4] == ""
    assert [row[5] for row in changed].count(by_fault["duplicate"][5]) == 2


def test_people_need_a_village_and_faults_need_room(households):
    with pytest.raises(ValueError, match="village"):
        next(generate_households(1, [], 5))
    with pytest.raises(ValueError, match="twenty rows"):
        bad_rows(list(registry_rows(households[:1]))[:3], seed=1)
