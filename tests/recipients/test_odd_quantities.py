"""A quantity far from the person's own of before, or from what is usual, is marked and listed under 要看."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as some

from recipients import queries
from recipients.rules import odd_quantity
from recipients.services import declarations, review
from tests.factories import OTHER_VILLAGE, VILLAGE
from tests.recipients.factories import NOTHING, clerk_at, declaration, household, line, policy

POSITIVE = some.decimals("0.01", "9999", places=2)


def book(quantities, *, people=None, **more):
    people = people or [household(1)[0] for _ in quantities]
    made = declaration(lines=[], **more)
    rows = [
        line(one, quantity, row)
        for row, (one, quantity) in enumerate(zip(people, quantities, strict=True), 1)
    ]
    declarations.load_lines(made.pk, rows, actor=made.made_by)
    return made, people


def odd_of(one):
    rows = queries.odd_quantities(one.lines.order_by("line_no"), one)
    words = [odd_quantity(row.quantity, earlier=row.earlier, usual=row.usual) for row in rows]
    assert [bool(word) for word in words] == [row.is_odd for row in rows]  # the rule and its SQL agree
    return words


@pytest.mark.django_db
def test_a_slip_of_the_finger_stands_out_from_the_book():
    one, _ = book(["3.5", "4", "5", "99999", "2", "4.2"])
    words = odd_of(one)
    assert "多数人在 4" in words[3]
    assert not any(words[:3] + words[4:])


@pytest.mark.django_db
@pytest.mark.parametrize(("quantity", "odd"), [("8", False), ("8.1", True), ("2", False), ("1.9", True)])
def test_a_person_is_compared_with_their_own_of_before(quantity, odd):
    chosen, clerk = policy(frequency="monthly", **NOTHING), clerk_at()
    first, people = book(["4"], chosen=chosen, actor=clerk, period="2026-01")
    review.take_step(first.pk, "submit", actor=clerk)
    second, _ = book([quantity], people=people, chosen=chosen, actor=clerk, period="2026-02")
    assert bool(odd_of(second)[0]) is odd


@pytest.mark.django_db
def test_the_page_marks_them_counts_them_and_lists_them_alone():
    one, people = book(["3.5", "4", "5", "99999", "2", "4.2"])
    client = Client()
    client.force_login(one.made_by)
    address = reverse("recipients:declaration-detail", args=[one.pk])
    assert "差得多" in client.get(address).content.decode()
    page = client.get(address, {"state": "look"})
    assert [row.beneficiary for row in page.context["page"]] == [people[3]]
    (stat,) = [stat for stat in page.context["stats"] if stat.label == "要看"]
    assert stat.value == "1"


@given(POSITIVE, POSITIVE)
def test_nobody_is_odd_who_has_what_they_had(quantity, usual):
    assert not odd_quantity(quantity, earlier=quantity, usual=usual)
    assert not odd_quantity(quantity, earlier=None, usual=None)
    assert odd_quantity(quantity, earlier=None, usual=quantity / Decimal(6))


@pytest.mark.django_db
@pytest.mark.parametrize(("quantity", "odd"), [("40", True), ("4.5", False)])
def test_a_book_of_one_is_compared_with_rights_of_the_same_township_only(quantity, odd):
    chosen = policy(**NOTHING)
    for village, usual in ((VILLAGE, "4"), (OTHER_VILLAGE, "400")):
        clerk = clerk_at(village)
        people = [household(1, village)[0] for _ in range(6)]
        first, _ = book([usual] * 6, people=people, chosen=chosen, actor=clerk, village=village)
        review.take_step(first.pk, "submit", actor=clerk)
    clerk = clerk_at(VILLAGE)
    second = declarations.make_declaration(
        chosen, period="2026", division_code=VILLAGE, another=True, actor=clerk
    )
    declarations.load_lines(second.pk, [line(household(1)[0], quantity)], actor=clerk)

    assert bool(odd_of(second)[0]) is odd
