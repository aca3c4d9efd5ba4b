import pytest

from huimin.core.authority.roles import Role
from huimin.core.desk import figures
from tests.disbursement import factories as make
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def shown(user):
    return {figure.label: figure.value for figure in figures.for_user(user)}


def test_the_figures_of_finance_say_how_much_is_issued_and_lies_with_the_townships():
    here = make.world(10, issued="1000000.00")
    make.issued_batch(here)
    found = shown(UserFactory(role=Role.FINANCE_CLERK))
    assert found["可用"] == "100.00"
    assert found["乡镇核对中"] != "0.00"
    assert found["银行代发中"] == "0.00"


def test_a_village_clerk_sees_no_figures_of_money():
    make.world(2)
    assert shown(UserFactory(role=Role.VILLAGE_CLERK)) == {}
