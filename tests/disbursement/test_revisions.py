"""Who may not check what, where a list is made anew or made from what came back."""

from uuid import uuid4

import pytest
from django.urls import reverse

from disbursement import services
from disbursement.models import Roster
from disbursement.services.inherited import ANEW, TO_ROSTER, inherit_duties
from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.errors import StepRefused
from huimin.core.records import audit
from huimin.core.work import workflow
from tests.disbursement import factories as make
from tests.disbursement.test_pages import page_of
from tests.factories import TOWN, VILLAGE, UserFactory, grant

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return make.world(6)


def compile_late(here, clerk):
    """Another confirmed book of the township, compiled by this person; gives it with its one new member."""
    book = make.declaration(here.policy, VILLAGE, clerk)
    workflow.take_duty(book, Duty.DECLARATION_MAKE, actor=clerk)
    one = make.person(VILLAGE, by=here["village"].pk)
    make.account(one)
    make.entitle(book, one)
    return book


def reworked(here, desk):
    """A township's roster that this desk sent back."""
    roster = make.issued_batch(here).rosters.get(division_code=TOWN)
    steps = [step for step, _ in make.CHAIN]
    before = steps[steps.index(f"pass_{desk}") - 1]
    make.approve(here, roster, until=before)
    who = dict(make.CHAIN)[f"pass_{desk}"]
    services.advance_roster(roster.pk, f"rework_{desk}", actor=here[who], note="漏了人")
    return roster, here[who]


DESKS = [step.removeprefix("pass_") for step, _ in make.CHAIN[1:]]


@pytest.mark.parametrize("desk", DESKS)
def test_a_reworked_list_may_hold_a_book_of_who_sent_it_back(here, desk):
    roster, checker = reworked(here, desk)
    compile_late(here, checker)
    services.regenerate_roster(roster.pk, actor=here["town"])
    services.advance_roster(roster.pk, "submit", actor=here["town"])
    roster.refresh_from_db()
    assert (roster.status, roster.revision) == ("township_check", 2)


def test_the_page_takes_a_reworked_list_with_a_book_of_its_checker(here):
    roster, checker = reworked(here, "department_handle")[0], here["town_check"]
    compile_late(here, checker)
    services.regenerate_roster(roster.pk, actor=here["town"])
    url = reverse("disbursement:roster-step", args=[roster.pk, "submit"])
    seen = Roster.objects.get(pk=roster.pk).content_hash
    answer = page_of(here["town"]).post(url, {"action_key": str(uuid4()), "content_hash": seen})
    assert answer.status_code == 302
    assert Roster.objects.get(pk=roster.pk).status == "township_check"


def test_who_compiled_a_book_of_the_new_list_checks_it_no_more(here):
    roster, checker = reworked(here, "department_handle")[0], here["town_check"]
    compile_late(here, checker)
    services.regenerate_roster(roster.pk, actor=here["town"])
    services.advance_roster(roster.pk, "submit", actor=here["town"])
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_roster(roster.pk, "pass_township_check", actor=checker)
    other = UserFactory(role=Role.TOWNSHIP_REVIEWER)
    services.advance_roster(roster.pk, "pass_township_check", actor=other)


def test_who_made_an_earlier_revision_does_not_check_the_next(here):
    roster, _ = reworked(here, "township_check")
    grant(here["town"], Role.TOWNSHIP_REVIEWER)
    other = UserFactory(role=Role.TOWNSHIP_CLERK)
    services.regenerate_roster(roster.pk, actor=other)
    services.advance_roster(roster.pk, "submit", actor=other)
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_roster(roster.pk, "pass_township_check", actor=here["town"])


def test_the_same_list_sent_again_keeps_its_checkers(here):
    roster, _ = reworked(here, "department_handle")
    services.advance_roster(roster.pk, "submit", actor=here["town"])
    grant(here["town_check"], Role.DEPARTMENT_CLERK)
    services.advance_roster(roster.pk, "pass_township_check", actor=here["town_check"])
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.advance_roster(roster.pk, "pass_department_handle", actor=here["town_check"])


def test_people_who_exclude_what_was_done_here_are_named_with_the_remedy(here):
    roster, checker = reworked(here, "department_handle")[0], here["town_check"]
    roster.refresh_from_db()
    book = compile_late(here, checker)
    with pytest.raises(StepRefused, match=rf"{checker.name}.*乡镇审核花名册.*申报编制.*重新生成花名册"):
        inherit_duties(roster, [audit.subject_of(book)], TO_ROSTER, remedy=ANEW)


def test_an_order_knows_the_checkers_of_the_list_that_is_paid(here):
    roster, _ = reworked(here, "finance_check")
    services.regenerate_roster(roster.pk, actor=here["town"])
    order = make.ordered(here, roster.batch)
    grant(here["town_check"], Role.TREASURER)
    with pytest.raises(StepRefused, match="不相容岗位"):
        services.sign_order(order.pk, actor=here["town_check"])


def test_a_return_misses_no_lines_that_a_rework_replaced(here):
    batch = make.issued_batch(here)
    services.regenerate_roster(batch.rosters.get(division_code=TOWN).pk, actor=here["town"])
    found = make.returned(here, make.sent_order(here, batch))
    page = page_of(here["finance"]).get(reverse("disbursement:return-detail", args=[found.pk]))
    assert {tab["name"]: tab["count"] for tab in page.context["tabs"]}["open"] == 0
