"""Whose word the money of a list goes by follows who is paid: a child's money goes to whoever is head by then."""

from datetime import date

import pytest

from disbursement import proofs
from huimin.core.authority.roles import Role
from huimin.core.errors import StepRefused
from recipients.models import Entitlement
from recipients.services import corrections, deaths, entitlements, records
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head, listed
from tests.disbursement.test_one_head_is_paid import Village, supplement
from tests.disbursement.test_one_recipient import child, payees  # noqa: F401 -- a fixture
from tests.factories import TOWN, UserFactory, grant

pytestmark = pytest.mark.django_db

WORDS = {"pause": "恢复档案", "death": "死亡更正", "head back": "户主变更申请"}


@pytest.fixture
def moved(child):  # noqa: F811
    """The child's money was declared to one head; another one is head since, and paid."""
    child.second = child.person(household=child.head.household)
    change_head(child, child.second, day=date(2026, 1, 20))
    return child


def put_back(here, how, by):
    """The head of today could not be paid, or was none, and `by` brought it about that they are paid."""
    if how == "pause":
        pause = records.pause_record(here.second.pk, reason="联系不上", actor=here["town"])
        records.lift_pause(pause.pk, "lift", note="本人来核对过", actor=by)
    elif how == "death":
        deaths.record_death(here.second.pk, died_on=date(2026, 1, 25), actor=here["village"])
        deaths.correct_death(here.second.deaths.get().pk, "correct", actor=by, note="登记错了人")
    else:
        change_head(here, here.head, day=date(2026, 1, 21))
        change_head(here, here.second, clerk=by, day=date(2026, 1, 22))


@pytest.mark.parametrize("how", WORDS)
def test_who_put_the_head_back_who_is_paid_passes_no_list_of_the_child(moved, how):
    put_back(moved, how, moved["department_check"] if how == "head back" else moved["town_check"])
    batch = make.issued_batch(moved)
    assert payees(batch, moved.child) == [moved.second.name]
    with pytest.raises(StepRefused, match=WORDS[how]):
        make.approved(moved, batch)


@pytest.mark.parametrize("how", ["pause", "death"])
def test_who_put_the_head_back_passes_no_supplement_of_what_was_left_out_meanwhile(moved, how):
    here = moved
    if how == "pause":
        pause = records.pause_record(here.second.pk, reason="联系不上", actor=here["town"])
    else:
        deaths.record_death(here.second.pk, died_on=date(2026, 1, 25), actor=here["village"])
    batch = make.issued_batch(here)
    assert payees(batch, here.child) == []
    if how == "pause":
        records.lift_pause(pause.pk, "lift", note="本人来核对过", actor=here["town_check"])
    else:
        deaths.correct_death(
            here.second.deaths.get().pk, "correct", actor=here["town_check"], note="登记错了人"
        )
    make.returned(here, make.sent_order(here, batch))
    with pytest.raises(StepRefused, match=WORDS[how]):
        make.approved(here, supplement(here, batch))


def test_who_asked_for_the_declared_head_back_passes_no_list_that_pays_that_one(moved):
    change_head(moved, moved.head, clerk=moved["department_check"], day=date(2026, 1, 21))
    batch = make.issued_batch(moved)
    assert payees(batch, moved.child) == [moved.head.name]
    with pytest.raises(StepRefused, match="户主变更申请"):
        make.approved(moved, batch)


@pytest.mark.parametrize("how", WORDS)
def test_who_put_the_head_back_after_the_final_approval_makes_no_order(moved, how):
    rosters = [one.pk for one in make.approved(moved, make.issued_batch(moved))]
    maker = moved["order_maker"]
    for role in (Role.TOWNSHIP_REVIEWER, Role.TOWNSHIP_CLERK):
        grant(maker, role)
    put_back(moved, how, maker)
    with pytest.raises(StepRefused, match=WORDS[how]):
        make.make_order(rosters, actor=maker)
    assert make.make_order(rosters, actor=UserFactory(role=Role.FINANCE_CLERK)).line_count == 2


@pytest.mark.parametrize("how", WORDS)
def test_a_list_passed_by_whoever_put_its_head_back_is_seen_by_the_proof(moved, how, monkeypatch):
    put_back(moved, how, moved["department_check"] if how == "head back" else moved["town_check"])
    with monkeypatch.context() as gap:
        gap.setattr("disbursement.services.rosters.origins_of", lambda roster: [])
        make.approved(moved, make.issued_batch(moved))
    (found,) = proofs.separation_over_the_whole_way()[1]
    assert {"pause": "record.resume", "death": "death.correct", "head back": "head.ask"}[how] in found


def test_who_put_back_a_head_who_is_paid_no_more_passes_the_list(moved):
    deaths.record_death(moved.head.pk, died_on=date(2026, 1, 25), actor=moved["village"])
    deaths.correct_death(moved.head.deaths.get().pk, "correct", actor=moved["town_check"], note="登记错了人")
    assert make.approved(moved, make.issued_batch(moved))
    assert proofs.separation_over_the_whole_way()[1] == []


def test_what_the_next_head_s_people_did_is_not_held_against_lists_that_paid_the_head_before(child):  # noqa: F811
    here = child
    second = here.person(household=here.head.household)
    pause = records.pause_record(second.pk, reason="联系不上", actor=here["town"])
    records.lift_pause(pause.pk, "lift", note="本人来核对过", actor=here["town_check"])
    make.returned(here, make.sent_order(here, make.issued_batch(here)))
    change_head(here, second, day=date(2026, 1, 20))
    assert proofs.separation_over_the_whole_way()[1] == []


def test_another_colleague_passes_at_the_desk_of_whoever_put_the_head_back(moved):
    put_back(moved, "death", moved["town_check"])
    moved.staff["town_check"] = UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN)
    assert make.approved(moved, make.issued_batch(moved))


# --- a death that was a mistake ----------------------------------------------------------------------------------------


def dead_and_living():
    here = Village("monthly", object_type="person", is_open_ended=True, amount_rule=make.MONTHLY)
    here.declare([here.head, here.neighbour], "2026-01")
    deaths.record_death(here.head.pk, died_on=date(2026, 7, 10), actor=here["village"])
    deaths.correct_death(here.head.deaths.get().pk, "correct", actor=here["town_check"], note="登记错了人")
    return here


def test_who_corrects_a_death_passes_the_month_that_was_due_under_the_death_too():
    here = dead_and_living()
    batch = make.issued_batch(here, "2026-07")
    assert listed(batch, here.head) == [1]
    assert make.approved(here, batch)
    assert proofs.separation_over_the_whole_way()[1] == []


def test_who_corrects_a_death_does_not_pass_the_month_that_it_would_have_taken_and_reads_the_act_they_did():
    here = dead_and_living()
    with pytest.raises(StepRefused, match="死亡更正"):
        make.approved(here, make.issued_batch(here, "2026-08"))


def test_who_corrects_an_ending_by_hand_reads_that_act():
    here = Village("monthly", object_type="person", is_open_ended=True, amount_rule=make.MONTHLY)
    here.declare([here.head, here.neighbour], "2026-01")
    right = Entitlement.objects.get(beneficiary=here.head)
    entitlements.take_step(right.pk, "end", actor=here["department"], note="查无", happened=date(2026, 7, 10))
    corrections.correct_ending(right.endings.get().pk, "correct", actor=here["town_check"], note="查错了")
    with pytest.raises(StepRefused, match="终止更正"):
        make.approved(here, make.issued_batch(here, "2026-08"))
