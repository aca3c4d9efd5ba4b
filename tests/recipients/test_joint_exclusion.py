"""Whom the joint review takes off the list: an office that signs, on record, and before any office has signed."""

import pytest

from huimin.core.authority.duties import Duty
from huimin.core.errors import StepForbidden, StepRefused
from huimin.core.models import Involvement
from huimin.core.work import workflow
from recipients.services import review
from tests.recipients.factories import chain, declaration
from tests.recipients.test_review import JOINT, step

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return chain()


@pytest.fixture
def one():
    found = declaration(**JOINT)
    step(found, "submit", found.made_by)
    return found


def off(one, actor):
    return review.exclude_line(one.lines.first().pk, reason="不符合条件", actor=actor)


def test_who_takes_somebody_off_at_the_county_acts_for_an_office_that_signs(one, people):
    with pytest.raises(StepForbidden, match="不需要您的部门会签，退回、剔除须由会签部门办理"):
        off(one, people["supervisor"])
    off(one, people["finance"])
    known = Involvement.objects.filter(subject=workflow.duty_subject(one), duty=Duty.JOINT_FINANCE)
    assert known.get().user == people["finance"]


def test_nobody_comes_off_a_list_that_an_office_has_signed(one, people):
    step(one, "sign_department", people["department"])
    with pytest.raises(StepRefused, match="已有部门会签"):
        off(one, people["finance"])
    assert one.lines.filter(excluded_at_level="").count() == 2
    step(one, "return_county", people["finance"], note="剔除一人")
    one.refresh_from_db()
    assert (one.status, one.revision) == ("draft", 2)
