"""What was declared is what is paid: the amount of a declaration, of a roster and of evaluate() are one."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.range import DateRange

from disbursement.models import PaymentLine, RosterOmission
from disbursement.queries import due
from huimin.core.errors import BadInput, FileRefused
from huimin.core.values.periods import Period
from recipients.models import DeclarationLine
from recipients.rules import amounts
from recipients.services import declarations
from subsidies.models import PolicyVersion
from subsidies.rules import evaluate, parse_rule
from tests.disbursement import factories as make
from tests.recipients.factories import line
from tests.subsidies.test_rules import OLD_AGE, TOP_UP, rules

BY_QUANTITY_AND_GRADE = {
    "op": "mul",
    "args": [
        {"op": "fact", "name": "quantity"},
        {
            "op": "table",
            "by": {"name": "grade"},
            "rows": [{"is": "A", "then": {"op": "const", "value": "1.005"}}],
        },
    ],
}
ODD = st.one_of(
    st.decimals(-100_000, 100_000, places=3).map(lambda value: f"{value:f}"),
    st.sampled_from(
        [
            "-5000",
            "100.12345",
            "1e3",
            "1,200",
            "１２",
            " 5",
            "5\n",
            "",
            "A",
            "B%",
            "NaN",
            "0",
            "-0",
            "00012.5",
            ".",
        ]
    ),
    st.integers(0, 10**10).map(str),
)
NAMES = ["members", "income", "grade", "age", "quantity", "months", "land"]
# as JSON lets them stand in a column; numbers are kept as text
DECLARED = st.dictionaries(st.sampled_from(NAMES), ODD, max_size=7)
FULL = st.fixed_dictionaries(
    {"members": st.integers(1, 9).map(str), "income": ODD, "grade": st.sampled_from(["A", "B%", "C"])}
)
QUANTITIES = st.decimals(0, 9_999_999, places=4)
PERIODS = st.sampled_from(["2026", "2026H2", "2026Q1", "2028-02"]).map(Period.parse)
BIRTHS = st.one_of(st.dates(date(1900, 1, 1), date(2029, 1, 1)), st.sampled_from([date(2024, 2, 29)]))


def by_declaration(rule, period, row):
    text, params = amounts.amount_sql(
        rule, line="m", person="p", first_day=f"date '{period.first}'", months=str(period.months)
    )
    return _asked(
        f"""SELECT {text} FROM (SELECT %(quantity)s::numeric(12,4) AS quantity, %(facts)s::jsonb AS facts) m,
            (SELECT %(born)s::date AS birth_date) p""",
        params | row,
    )


def by_roster(rule, period, row):
    text, params = due.amount_sql(rule)
    days = DateRange(period.first, period.last + timedelta(days=1))
    return _asked(
        f"""SELECT {text} FROM (SELECT %(quantity)s::numeric(12,4) AS quantity, %(facts)s::jsonb AS facts,
                                       %(period)s::daterange AS period, %(period)s::daterange AS days) d,
            (SELECT %(born)s::date AS birth_date) b""",
        params | row | {"period": days},
    )


def _asked(sql, params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def by_python(rule, period, quantity, facts, born):
    try:
        return evaluate(rule, amounts.known_facts(period, quantity=quantity, facts=facts, born=born)).amount
    except BadInput:
        return None


@pytest.mark.django_db
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    source=st.one_of(st.sampled_from([TOP_UP, OLD_AGE, BY_QUANTITY_AND_GRADE]), rules),
    facts=st.one_of(FULL, DECLARED),
    quantity=QUANTITIES,
    period=PERIODS,
    born=BIRTHS,
)
def test_declaration_roster_and_python_give_one_amount_over_odd_facts(source, facts, quantity, period, born):
    try:
        rule = parse_rule(source)
    except BadInput:
        return  # too deep: nobody takes it
    row = {"quantity": quantity, "facts": json.dumps(facts), "born": born}
    declared = by_declaration(rule, period, row)
    assert declared == by_roster(rule, period, row) == by_python(rule, period, quantity, facts, born)


@pytest.mark.parametrize("given", [{"age": "100"}, {"months": "99", "quantity": "7"}])
def test_what_the_system_knows_cannot_be_declared(given):
    known = amounts.known_facts(
        Period.parse("2026Q1"), quantity=Decimal(1), facts=given, born=date(1945, 6, 1)
    )
    assert known == {"age": 80, "months": 3, "quantity": Decimal(1)}


def test_who_is_born_within_the_period_is_0_years_old():
    known = amounts.known_facts(Period.parse("2026"), quantity=Decimal(1), facts={}, born=date(2026, 5, 1))
    assert known["age"] == 0


@pytest.fixture
def village(db):
    """A policy that tops up, a draft of its declaration, and one person for it."""
    here = make.world(0, rule=TOP_UP, frequency="quarterly")
    book = declarations.make_declaration(
        here.policy, period="2026Q1", division_code=make.VILLAGE, actor=here["village"]
    )
    one = make.person(make.VILLAGE, name="张大山", by=here["village"].pk)
    make.account(one)
    return here, book, one


def test_what_was_declared_is_what_the_roster_pays(village):
    here, book, one = village
    told = declarations.sheet.parse_facts(
        declarations.sheet.asked_facts(parse_rule(TOP_UP).facts), {"members": "3", "income": "1,200.50"}
    )
    declarations.load_lines(book.pk, [line(one, **told)], actor=here["village"])
    declared = DeclarationLine.objects.get(declaration=book)
    assert (declared.facts["income"], declared.amount) == ("1200.50", Decimal("3706.50"))
    quarter = DateRange(date(2026, 1, 1), date(2026, 4, 1))
    make.entitle(here.books[make.VILLAGE], one, facts=declared.facts, valid=quarter)
    make.issued_batch(here, "2026Q1")
    assert PaymentLine.objects.get().amount == declared.amount
    assert not RosterOmission.objects.exists()


@pytest.mark.parametrize("income", ["-5000", "100.12345"])
def test_an_income_that_no_roster_would_take_is_not_declared(village, income):
    here, book, one = village
    given = {"name": one.name, "id_number": one.id_number, "quantity": "1", "actor": here["village"]}
    with pytest.raises(BadInput, match="家庭月收入"):
        declarations.add_line(book.pk, facts={"members": "3", "income": income}, **given)
    with pytest.raises(FileRefused):
        declarations.load_lines(book.pk, [line(one, members="3", income=income)], actor=here["village"])
    declarations.add_line(book.pk, facts={"members": "3", "income": "１,200"}, **given)
    found = DeclarationLine.objects.get(declaration=book)
    with pytest.raises(BadInput, match="家庭月收入"):
        declarations.change_line(
            found.pk, quantity="1", facts={"members": "3", "income": income}, actor=here["village"]
        )
    changed = declarations.change_line(
        found.pk, quantity="1", facts={"members": "3", "income": "1,000", "age": "9"}, actor=here["village"]
    )
    assert changed.facts == {"members": "3", "income": "1000"}


def test_a_batch_is_not_made_for_a_period_whose_first_day_has_no_standard(db):
    crew = make.staff()
    late = make.policy(crew["finance"], valid=DateRange(date(2026, 3, 1), None))
    with pytest.raises(BadInput, match="没有已发布的标准"):
        make.services.make_batch(late, "2026", actor=crew["department"])


@pytest.mark.django_db
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(source=st.one_of(st.sampled_from([TOP_UP, OLD_AGE, BY_QUANTITY_AND_GRADE]), rules))
def test_sql_and_python_know_the_same_rules_that_count_months(source):
    try:
        parse_rule(source)
    except BadInput:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {amounts.counts_months_in_sql('y')} FROM (VALUES (%s::jsonb)) AS y(amount_rule)",
            [json.dumps(source)],
        )
        assert cursor.fetchone()[0] is amounts.counts_months(PolicyVersion(amount_rule=source))
