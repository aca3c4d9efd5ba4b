"""Every write of policies and indicators."""

from subsidies.services.changes import advance_change, ask_change
from subsidies.services.funds import (
    Deduction,
    freeze_for,
    lock_indicators,
    pay_frozen,
    preview_deduction,
    release_frozen,
    reopen_paid,
)
from subsidies.services.indicators import (
    advance_indicator,
    attach_indicator,
    register_indicator,
)
from subsidies.services.policies import advance_policy, draft_policy, revise_policy
from subsidies.services.rounds import discard_round, open_round, round_of, why_no_round
from subsidies.services.versions import (
    add_version,
    advance_version,
    discard_version,
    period_chosen,
    periods_of,
    refuse_too_early,
    revise_version,
    standard_as_read,
    version_for,
)

__all__ = [
    "Deduction",
    "add_version",
    "advance_change",
    "advance_indicator",
    "advance_policy",
    "advance_version",
    "ask_change",
    "attach_indicator",
    "discard_round",
    "discard_version",
    "draft_policy",
    "freeze_for",
    "lock_indicators",
    "open_round",
    "pay_frozen",
    "period_chosen",
    "periods_of",
    "preview_deduction",
    "refuse_too_early",
    "register_indicator",
    "release_frozen",
    "reopen_paid",
    "revise_policy",
    "revise_version",
    "round_of",
    "standard_as_read",
    "version_for",
    "why_no_round",
]
