"""Buttons of 更正身份证号: registered beside the others of buttons.py."""

from huimin.core.authority.roles import Role
from recipients.services import numbers
from tests.clicks.buttons import NOTE, PHOTO, button
from tests.clicks.clicking import press
from tests.factories import ANYTHING, TOWN, UserFactory
from tests.recipients import factories as lists
from tests.recipients.sheets import person_id


def _right(one):
    """Another number of the same birth date and sex: nothing follows from it that is to be confirmed."""
    born = one.birth_date.strftime("%Y%m%d")
    return next(
        found
        for found in (person_id(n, born=born) for n in (77, 78))
        if int(found[16]) % 2 == int(one.sex) % 2
    )


def _township():
    return (UserFactory(role=role, at=TOWN) for role in (Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER))


@button("recipients.numberchange.ask")
def _(tools):
    clerk, _reviewer = _township()
    one = lists.household(1)[0]
    return press(clerk, "recipients:number-ask", one.pk, upload=PHOTO, number=_right(one), reason="抄错一位")


def _number_change(step):
    @button(f"recipients.numberchange.{step}")
    def _(tools):
        clerk, reviewer = _township()
        one = lists.household(1)[0]
        given = numbers.RightNumber(_right(one), reason="抄错一位", proof=PHOTO, acknowledged=ANYTHING)
        asked = numbers.ask_number_change(one.pk, given, actor=clerk)
        return press(reviewer, "recipients:number-step", asked.pk, step, number_again=_right(one), **NOTE)


for _step in ("approve", "refuse"):
    _number_change(_step)
