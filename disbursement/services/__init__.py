"""Every write of batches, rosters, orders, returns, corrections and reversals; jobs and steps register on import."""

from disbursement.services.batches import (
    AlreadyMade,
    advance_batch,
    generate_again,
    generation_job,
    issue_batch,
    make_batch,
    why_not_again,
    why_not_close,
    why_not_take_back,
)
from disbursement.services.confirming import advance_return, confirm_return, refuse_return
from disbursement.services.corrections import correctable, make_correction
from disbursement.services.intake import hand_in_return, taken_by
from disbursement.services.orders import advance_order, cancel_order, make_orders, send_order, sign_order
from disbursement.services.returns import Intake, accept_return
from disbursement.services.reversals import advance_reversal, ask_reversal
from disbursement.services.rosters import (
    MOST_ERRORS,
    advance_roster,
    regenerate_roster,
    roster_errors,
    stop_line,
)
from disbursement.services.supplements import batch_of_period, lift_stop, make_supplement, unpaid_totals

__all__ = [
    "MOST_ERRORS",
    "AlreadyMade",
    "Intake",
    "accept_return",
    "advance_batch",
    "advance_order",
    "advance_return",
    "advance_reversal",
    "advance_roster",
    "ask_reversal",
    "batch_of_period",
    "cancel_order",
    "confirm_return",
    "correctable",
    "generate_again",
    "generation_job",
    "hand_in_return",
    "issue_batch",
    "lift_stop",
    "make_batch",
    "make_correction",
    "make_orders",
    "make_supplement",
    "refuse_return",
    "regenerate_roster",
    "roster_errors",
    "send_order",
    "sign_order",
    "stop_line",
    "taken_by",
    "unpaid_totals",
    "why_not_again",
    "why_not_close",
    "why_not_take_back",
]
