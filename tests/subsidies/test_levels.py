"""Which levels a version asks for; declarations wait in states of the same names."""

from itertools import product

import pytest
from django.db import connection

from recipients.states import REVIEW_ORDER
from subsidies.models import PolicyVersion
from subsidies.rules.levels import SWITCHED, levels_in_sql, levels_of, switch_of
from subsidies.states import Deliberation, ReviewLevel


@pytest.mark.parametrize(
    ("deliberation", "objected", "due"),
    [
        (Deliberation.REQUIRED, False, True),
        (Deliberation.ON_OBJECTION, False, False),
        (Deliberation.ON_OBJECTION, True, True),
        (Deliberation.NONE, True, False),
    ],
)
def test_a_deliberation_is_due_when_required_or_after_an_objection(deliberation, objected, due):
    levels = levels_of(PolicyVersion(deliberation=deliberation), objected=objected)
    assert (ReviewLevel.DELIBERATION in levels) is due


@pytest.mark.parametrize("left_out", [level for level in ReviewLevel if level != ReviewLevel.DELIBERATION])
def test_a_level_that_is_not_asked_for_is_left_out_and_the_order_stays(left_out):
    version = PolicyVersion(deliberation=Deliberation.REQUIRED, **{f"has_{left_out}": False})
    assert levels_of(version, objected=False) == tuple(one for one in ReviewLevel if one != left_out)


def test_the_levels_are_the_states_of_a_declaration_before_it_is_confirmed():
    assert tuple(ReviewLevel) == REVIEW_ORDER[:-1]


@pytest.mark.django_db
def test_sql_and_python_ask_for_the_same_levels_of_every_version():
    switches = [switch_of(level) for level in SWITCHED]
    columns = ", ".join(["deliberation", *switches, "objected"])
    with connection.cursor() as cursor:
        for kind, *chosen, objected in product(Deliberation, *([(True, False)] * (len(switches) + 1))):
            cursor.execute(
                f"""SELECT wanted.level FROM (VALUES (%s{", %s" * (len(switches) + 1)})) AS v({columns})
                    CROSS JOIN LATERAL ({levels_in_sql("v", objected="v.objected")}) AS wanted(level, asked)
                    WHERE wanted.asked""",
                [kind.value, *chosen, objected],
            )
            version = PolicyVersion(deliberation=kind, **dict(zip(switches, chosen, strict=True)))
            assert tuple(row[0] for row in cursor.fetchall()) == levels_of(version, objected=objected)
