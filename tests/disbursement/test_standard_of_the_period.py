"""A batch pays by the standard that is in force for its period, not by the one of the day on which it was made."""

from datetime import date

import pytest
from psycopg.types.range import DateRange

from disbursement import services
from huimin.core.authority.roles import Role
from huimin.core.errors import StepRefused
from huimin.core.work import jobs
from subsidies.services import versions
from tests.disbursement import factories as make
from tests.factories import VILLAGE, UserFactory

pytestmark = pytest.mark.django_db
RULE = {
    "op": "mul",
    "args": [
        {"op": "fact", "name": "quantity", "label": "亩", "unit": "亩"},
        {"op": "const", "value": "200.00"},
    ],
}
OVERTAKEN = r"换了补贴标准（建批次时是“86.90 元/亩”，现在是“200 元/亩”）.*重新建一个"


@pytest.fixture
def here():
    found = make.world(1)
    person = make.person(VILLAGE, by=found["village"].pk)
    make.account(person)
    always = DateRange(date(2026, 1, 1), None)
    make.entitle(found.books[VILLAGE], person, valid=always, quantity="3.0000")
    return found


def early(here):
    return services.make_batch(here.policy, "2027", actor=here["department"], early="提前发")


def new_standard(here):
    maker, checker = UserFactory(role=Role.DEPARTMENT_CLERK), UserFactory(role=Role.FINANCE_CHECKER)
    made = versions.add_version(
        here.policy,
        valid_from=date(2027, 1, 1),
        amount_rule=RULE,
        standard_text="200 元/亩",
        actor=maker,
        has_county_review=False,
    )
    versions.advance_version(made.pk, "submit", actor=maker)
    versions.advance_version(made.pk, "publish", actor=checker)


def test_an_early_batch_is_not_issued_by_a_standard_that_was_replaced(here):
    batch = early(here)
    new_standard(here)
    with pytest.raises(StepRefused, match=OVERTAKEN):
        services.issue_batch(batch.pk, actor=here["department"])
    services.advance_batch(batch.pk, "cancel", actor=here["department"], note="换标准")
    again, job = services.issue_batch(early(here).pk, actor=here["department"])
    assert jobs.run(job.pk) == "done"
    assert str(make.lines_of(again).get().amount) == "600.00"


def test_an_issued_batch_is_not_generated_by_a_standard_that_was_replaced(here):
    batch, job = services.issue_batch(early(here).pk, actor=here["department"])
    new_standard(here)
    assert jobs.run(job.pk) == "failed"
    job.refresh_from_db()
    assert "换了补贴标准" in job.message
    assert not make.lines_of(batch).exists()


@pytest.mark.parametrize("act", ["regenerate", "submit"])
def test_a_list_is_neither_made_anew_nor_submitted_by_a_standard_that_was_replaced(here, act):
    batch, job = services.issue_batch(early(here).pk, actor=here["department"])
    assert jobs.run(job.pk) == "done"
    pk, clerk = batch.rosters.get().pk, here["town"]
    new_standard(here)
    ways = {
        "regenerate": lambda: services.regenerate_roster(pk, actor=clerk),
        "submit": lambda: services.advance_roster(pk, "submit", actor=clerk),
    }
    with pytest.raises(StepRefused, match=OVERTAKEN):
        ways[act]()
