"""Sixteen clicks on a button do what one click does, for every button that moves money or says who gets it."""

from uuid import uuid4

import pytest

from disbursement import states as disbursement
from recipients import states as recipients
from subsidies import states as subsidies
from tests.clicks import numbers  # noqa: F401 -- registers its buttons
from tests.clicks.buttons import BUTTONS
from tests.clicks.clicking import CLICKS, Desk, click_at_once, left, one_click

# steps that no button takes: an order is settled by its last return, an objection's answer returns a list, and a right
# ends, revives and is restored by a death, a new declaration and a correction, and its ending with it
NO_BUTTON = {
    "disbursement.paymentorder.settle",
    "recipients.declaration.return_notice",
    "recipients.entitlement.end_by_rule",
    "recipients.entitlement.revive",
    "recipients.entitlement.restore",
    "recipients.entitlement.restore_suspended",
    "recipients.entitlement.resume",
    "recipients.entitlement.correct_suspension",
    "recipients.entitlement.revive_suspended",
    "recipients.ending.revive",
}


@pytest.mark.parametrize("button", BUTTONS, ids=str)
def test_sixteen_clicks_do_what_one_does(button, tools, run_in_threads):
    """Eight open pages, each clicked twice; one page clicked sixteen times where a fresh page may do it again."""
    desk = Desk(button.ready(tools))
    before, once = one_click(desk)
    pages = [uuid4() for _ in range(1 if button.key_alone else CLICKS // 2)]
    click_at_once(desk, run_in_threads, [pages[index % len(pages)] for index in range(CLICKS)])
    assert left(before) == once


def test_every_step_of_the_money_has_its_button_here():
    flows = [*subsidies.FLOWS, *disbursement.FLOWS, *recipients.FLOWS]
    steps = {f"{flow.kind}.{step.name}" for flow in flows for step in flow.steps}
    assert steps - NO_BUTTON <= {button.step for button in BUTTONS}, (
        "a new step: say in buttons.py how one comes to it"
    )
