"""A grant over the policies of a department: those of today and those that come tomorrow, and no other department's."""

import pytest
from django.test import Client
from django.urls import reverse

from huimin.core.authority import posts, scope
from huimin.core.authority.roles import Role
from huimin.core.errors import StepForbidden
from recipients.models import Declaration
from tests.factories import VILLAGE, DepartmentFactory, UserFactory, grant
from tests.recipients.factories import declaration, policy
from tests.subsidies.factories import draft

pytestmark = pytest.mark.django_db


@pytest.fixture
def limited():
    user = UserFactory()
    grant(user, Role.DEPARTMENT_CLERK, department=DepartmentFactory(code="CIVIL", name="民政局"))
    return user


def anew(user):
    """The same person at the next request."""
    return type(user).objects.get(pk=user.pk)


def of_department(code, name):
    return draft(
        UserFactory(role=Role.FINANCE_CLERK),
        version=False,
        department=DepartmentFactory(code=code, name=name),
    )


def test_a_new_policy_of_the_department_is_reached_without_a_new_grant(limited):
    other = policy()
    book = declaration(other)
    assert anew(limited).active_grants[0].policy_ids == []
    assert not Declaration.objects.visible_to(anew(limited)).exists()
    mine = of_department("CIVIL", "民政局")
    assert anew(limited).active_grants[0].policy_ids == [mine.pk]
    roles = {Role.DEPARTMENT_CLERK}
    assert scope.holds(anew(limited), roles, division_code=VILLAGE, policy_id=mine.pk)
    assert not scope.holds(anew(limited), roles, division_code=VILLAGE, policy_id=other.pk)
    with pytest.raises(StepForbidden, match="没有这项政策"):
        posts.require_role(anew(limited), roles, division_code=VILLAGE, policy_id=other.pk)
    posts.require_role(anew(limited), roles, division_code=VILLAGE, policy_id=mine.pk)
    assert book.policy == other


def test_lists_show_the_books_of_the_department_alone(limited):
    book = declaration(policy())
    theirs = UserFactory()
    grant(theirs, Role.DEPARTMENT_CLERK, department=book.policy.department)
    for user, status in ((limited, 404), (theirs, 200)):
        browser = Client()
        browser.force_login(anew(user))
        assert browser.get(reverse("recipients:declaration-detail", args=[book.pk])).status_code == status
        shown = str(book.policy) in browser.get(reverse("recipients:declaration-list")).content.decode()
        assert shown is (status == 200)


def test_the_policies_of_a_department_cost_no_query_of_their_own(limited, django_assert_num_queries):
    for number in range(3):
        of_department("CIVIL", "民政局")
        person = anew(limited)
        with django_assert_num_queries(2):  # what day it is, and the grants
            assert len(person.active_grants[0].policy_ids) == number + 1


def test_a_grant_that_was_not_asked_for_its_policies_covers_none(limited):
    of_department("CIVIL", "民政局")
    assert limited.grants.get().policy_ids == []
