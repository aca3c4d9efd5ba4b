"""The negative controls: the same races with their guard taken out do the thing more than once.

A guard that is taken out and missed by nothing would be no guard. The order of the clicks is not left to luck: all
sixteen have made the check before any of them acts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from uuid import uuid4

import pytest

from disbursement.models import PaymentOrder
from disbursement.services import copying, corrections, ledger, orders, returns, rosters
from huimin.core import clock
from huimin.core.work import workflow
from subsidies import services as funds
from subsidies.models import Indicator, Policy
from subsidies.services import funds as figures
from tests.clicks import buttons
from tests.clicks.clicking import (
    CLICKS,
    Desk,
    click_at_once,
    held_together,
    hold_together,
    left,
    one_click,
    without_condition,
    without_constraint,
    without_row_locks,
    without_trigger,
)
from tests.subsidies import factories as policies


@dataclass(frozen=True)
class Open:
    """A button whose guard is out. `counted` names what then grows with every click."""

    button: str
    counted: str
    take_out: Callable

    def __str__(self):
        return self.button


def _register(monkeypatch, owner):
    hold_together(monkeypatch, Indicator, "full_clean")
    without_constraint(owner, "subsidies_indicator", "indicator_once")


def _confirm_indicator(monkeypatch, owner):
    without_row_locks(monkeypatch)
    without_condition(monkeypatch, "status")
    hold_together(monkeypatch, workflow, "why_not")


def _make_batch(monkeypatch, owner):
    without_constraint(owner, "disbursement_batch", "batch_once")


def _regenerate(monkeypatch, owner):
    without_constraint(owner, "core_actionkey", "pkey")


def _stop(monkeypatch, owner):
    without_row_locks(monkeypatch)
    # the day is asked for between the check and the row
    held = SimpleNamespace(now=clock.now, today=held_together(clock.today))
    monkeypatch.setattr(rosters, "clock", held)
    without_constraint(owner, "disbursement_paymentresult", "one_outcome_per_line", "result_kind_once")


def _make_order(monkeypatch, owner):
    without_row_locks(monkeypatch)
    hold_together(monkeypatch, orders, "_files")
    without_constraint(owner, "disbursement_orderpart", "line_in_one_live_order")


def _upload(monkeypatch, owner):
    without_row_locks(monkeypatch)
    hold_together(monkeypatch, returns, "_require_dates")
    without_constraint(owner, "disbursement_returnfile", "return_content_once", "one_open_return_per_order")


def _correct(monkeypatch, owner):
    without_row_locks(monkeypatch)
    hold_together(monkeypatch, corrections, "_by_town")
    monkeypatch.setattr(copying, "COPY", re.sub(r"\n +AND NOT EXISTS .*(\n .*d\.days\))?", "", copying.COPY))
    without_constraint(owner, "disbursement_claim", "never_paid_twice")
    without_constraint(owner, "disbursement_correction", "failed_line")


def _ask_reversal(monkeypatch, owner):
    without_constraint(owner, "disbursement_reversal", "one_reversal_per_line")


OPEN = [
    Open("subsidies.indicator.register", "Indicator", _register),
    Open("subsidies.indicator.confirm", "AuditEvent", _confirm_indicator),
    Open("disbursement.batch.make", "Batch", _make_batch),
    Open("disbursement.roster.regenerate", "Roster.revision", _regenerate),
    Open("disbursement.line.stop", "PaymentResult", _stop),
    Open("disbursement.paymentorder.make", "Indicator.frozen", _make_order),
    Open("disbursement.returnfile.upload", "ReturnFile", _upload),
    Open("disbursement.correction.make", "PaymentLine", _correct),
    Open("disbursement.reversal.ask", "Reversal", _ask_reversal),
]


@pytest.mark.parametrize("case", OPEN, ids=str)
def test_without_its_guard_the_same_clicks_do_it_more_than_once(
    case, tools, monkeypatch, run_in_threads, owner_connection
):
    button = buttons.get(case.button)
    desk = Desk(button.ready(tools))
    before, once = one_click(desk)
    case.take_out(monkeypatch, owner_connection)
    page = uuid4()
    click_at_once(
        desk, run_in_threads, [page if button.key_alone else uuid4() for _ in range(CLICKS)], is_guarded=False
    )
    assert left(before)[case.counted] > once[case.counted]


# --- two guards over one step: either is enough --------------------------------------------------------------------------


@pytest.mark.parametrize(("locks", "condition"), [(True, False), (False, True), (False, False)])
@pytest.mark.parametrize("name", ["subsidies.indicator.confirm", "subsidies.policy.suspend"])
def test_a_step_is_taken_once_under_its_lock_or_by_its_condition_and_more_often_with_neither(
    name, locks, condition, tools, monkeypatch, run_in_threads
):
    desk = Desk(buttons.get(name).ready(tools))
    before, once = one_click(desk)
    if not condition:
        without_condition(monkeypatch, "status")
    if not locks:
        without_row_locks(monkeypatch)
        hold_together(monkeypatch, workflow, "why_not")
    click_at_once(desk, run_in_threads, [uuid4() for _ in range(CLICKS)], is_guarded=locks or condition)
    done = left(before)["AuditEvent"]
    assert (done == once["AuditEvent"]) is (locks or condition)
    assert done >= once["AuditEvent"]


# --- money of others: what a step done twice would take ------------------------------------------------------------------


def test_without_their_guards_two_orders_overdraw_an_indicator(monkeypatch, run_in_threads, owner_connection):
    clerk, checker = policies.people()
    policy = policies.published(clerk, checker)
    made = policies.indicator(clerk, checker, policy=policy)
    without_row_locks(monkeypatch)
    without_condition(monkeypatch, "status", "available__gte")
    monkeypatch.setattr(figures, "preview_deduction", held_together(figures.preview_deduction, 2))
    without_constraint(owner_connection, "subsidies_indicator", "indicator_never_below_zero", "available")

    def freeze(index):
        return funds.freeze_for(
            policy, Decimal(700), subject=f"disbursement.paymentorder:{index}", actor=clerk
        )

    assert all(isinstance(one, list) for one in run_in_threads(freeze, 2))
    made.refresh_from_db()
    assert (made.available, made.frozen) == (Decimal(-400), Decimal(1400))


FEW = 4  # a reversal reverses the reversals before it: their number doubles with every click


def _beside_money_of_another(name, tools):
    """The desk of a button, with money of another order frozen on the same indicator, and what one click does."""
    pressed = buttons.get(name).ready(tools)
    own = Indicator.objects.get().frozen
    subject = "disbursement.paymentorder:0"
    funds.freeze_for(Policy.objects.get(), own * FEW, subject=subject, actor=pressed.user)
    desk = Desk(pressed)
    return desk, *one_click(desk)


def _open_the_step(monkeypatch, owner_connection):
    without_row_locks(monkeypatch)
    without_condition(monkeypatch, "status")
    hold_together(monkeypatch, workflow, "why_not", FEW)
    without_constraint(owner_connection, "disbursement_journal", "key")
    without_constraint(owner_connection, "disbursement_orderindicator", "order_indicator_adds_up")


def test_without_its_guards_an_order_cancelled_twice_gives_back_money_of_another(
    tools, monkeypatch, run_in_threads, owner_connection
):
    desk, before, once = _beside_money_of_another("disbursement.paymentorder.cancel", tools)
    _open_the_step(monkeypatch, owner_connection)
    click_at_once(desk, run_in_threads, [uuid4() for _ in range(FEW)], is_guarded=False)
    assert left(before)["Indicator.frozen"] < once["Indicator.frozen"] < 0


def test_without_its_guards_a_return_confirmed_twice_pays_twice(
    tools, monkeypatch, run_in_threads, owner_connection
):
    desk, before, once = _beside_money_of_another("disbursement.returnfile.confirm", tools)
    _open_the_step(monkeypatch, owner_connection)
    without_trigger(owner_connection, "disbursement_returnfile", "return_is_fixed")
    # the books are a guard of their own: let them forget what has been booked meanwhile
    at_bank = ledger.standing(PaymentOrder.objects.get(), ledger.A.AT_BANK)
    monkeypatch.setattr(ledger, "standing", lambda *_: at_bank)
    click_at_once(desk, run_in_threads, [uuid4() for _ in range(FEW)], is_guarded=False)
    assert left(before)["Indicator.paid"] > once["Indicator.paid"] > 0
