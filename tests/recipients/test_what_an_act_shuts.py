"""Whoever gives somebody days back reads on the page, before the click, which desks of the lists that closes to them."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from huimin.core.authority.duties import GIVING_BACK, Duty
from huimin.core.authority.posts import what_it_shuts
from huimin.core.authority.roles import Role
from recipients.models import Entitlement
from recipients.services import deaths, entitlements, review
from tests.factories import UserFactory
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db
JULY = date(2026, 7, 10)
TOLD = "谁办，谁就不能审核、支付发给这个人、这一户的名单：乡镇审核、部门审核、财政初审"
OPEN = "部门经办这一道除外，退回名单也不受影响"


@pytest.fixture
def right():
    one = lists.declaration(lists.policy(**lists.NOTHING | {"is_open_ended": True}))
    review.take_step(one.pk, "submit", actor=one.made_by)
    return Entitlement.objects.order_by("pk").first()


def shown(url, *args):
    client = Client()
    client.force_login(UserFactory(role=Role.TOWNSHIP_REVIEWER))
    return client.get(reverse(url, args=args)).content.decode()


@pytest.mark.parametrize("kind", ["withheld", "forfeited"])
@pytest.mark.parametrize("step", ["lift", "correct"])
def test_the_page_that_lifts_or_corrects_a_suspension_says_so(right, kind, step):
    pause = lists.suspended(right, kind, JULY)
    name = pause.lift_step if step == "lift" else step
    page = shown("recipients:suspension-step", pause.pk, name)
    assert TOLD in page
    assert OPEN in page


def test_the_page_that_corrects_an_ending_says_so(right):
    keeper = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    entitlements.take_step(right.pk, "end", actor=keeper, note="迁出", happened=JULY)
    page = shown("recipients:ending-correct", right.endings.get().pk)
    assert TOLD in page
    assert OPEN in page


def test_the_panel_that_corrects_a_death_says_so_and_the_form_that_registers_one_does_not(right):
    assert TOLD not in shown("recipients:person-detail", right.beneficiary_id)
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK)
    deaths.record_death(right.beneficiary_id, died_on=JULY, actor=clerk)
    page = shown("recipients:person-detail", right.beneficiary_id)
    assert TOLD in page
    assert OPEN in page


def test_every_duty_by_which_somebody_is_paid_is_told_and_no_other():
    assert {duty for duty in Duty if what_it_shuts(duty)} == {*GIVING_BACK, Duty.HEAD_ASK}


def test_the_page_that_asks_for_another_head_says_so():
    head, wife = lists.household(2)
    client = Client()
    client.force_login(UserFactory(role=Role.TOWNSHIP_CLERK))
    page = client.get(reverse("recipients:head-ask", args=[wife.pk])).content.decode()
    assert "谁办，谁就不能审核、支付发给新户主的名单：乡镇审核、部门审核、财政初审" in page
    assert "从变更日期起的期次都算" in page
    assert OPEN in page
    assert head.is_holder
