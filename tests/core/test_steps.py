"""What a step table says of the people behind a state; triggers and proofs are made from it."""

import pytest

from huimin.core.authority.steps import Workflow, act, step
from huimin.core.work import workflow_docs
from tests.disbursement import factories as make


def flow(*steps, **more):
    return Workflow("tests.thing", "事", steps, **more)


def test_a_state_has_the_duties_that_every_way_to_it_takes():
    found = flow(
        step("send", "送审", ["draft"], "sent", ["r"], duty="make"),
        step("pass", "通过", ["sent"], "done", ["r"], duty="check"),
        step("rush", "加急", ["draft"], "done", ["r"], duty="rush"),
        step("back", "退回", ["sent"], "draft", ["r"], duty="check"),
        step("close", "办结", ["done"], "closed", ["r"]),
        acts=(step("begin", "拟订", [], "draft", ["r"], duty="begin"), act("change", "改", ["draft"], ["r"])),
    )
    assert found.begins == "draft"
    assert found.behind() == {
        "draft": {"begin"},
        "sent": {"begin", "make"},
        "done": {"begin"},
        "closed": {"begin"},
    }


def test_a_move_that_can_be_made_without_a_duty_asks_for_none():
    found = flow(
        step("send", "送审", ["draft"], "sent", ["r"], duty="make"),
        step("slip", "自动送审", ["draft"], "sent", ["r"]),
        step("pass", "通过", ["sent"], "done", ["r"], duty="check"),
        step("also", "代为通过", ["sent"], "done", ["r"], duty="stand_in"),
    )
    assert found.takings() == {("sent", "done"): {"check", "stand_in"}}
    assert found.behind() == {"draft": set(), "sent": set(), "done": set()}


def test_a_skipped_level_asks_for_the_duty_of_the_step_that_skips():
    found = flow(
        step("send", "送审", ["draft"], "one", ["r"], duty="make"),
        step("sign", "会签", ["one"], "one", ["r"], duty="sign"),
        step("back", "退回", ["one"], "draft", ["r"], duty="return"),
        step("end", "确认", ["two"], "done", ["r"]),
        skips=(("draft", "one"), ("draft", "two"), ("one", "two"), ("one", "done"), ("two", "done")),
    )
    assert found.takings() == {
        ("draft", "one"): {"make"},
        ("draft", "two"): {"make"},
        ("one", "two"): {"sign"},
        ("one", "done"): {"sign"},
        ("one", "draft"): {"return"},
    }


@pytest.mark.parametrize("one", workflow_docs.flows(), ids=lambda flow: flow.kind)
def test_every_table_begins_in_one_state_and_its_making_ends_there(one):
    assert {made.target for made in one.acts if not made.sources} <= {one.begins}


@pytest.mark.django_db
def test_a_duty_counts_for_the_same_in_sql_and_in_python():
    from django.db import connection

    from disbursement.states import ROSTER_FLOW
    from huimin.core.work import workflow

    roster = make.issued_batch(make.world(2)).rosters.first()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {ROSTER_FLOW.subject_sql('r')} FROM disbursement_roster r WHERE id = %s", [roster.pk]
        )
        assert cursor.fetchone()[0] == workflow.duty_subject(roster)
