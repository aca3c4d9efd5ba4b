"""What `prove` recomputes of the money: lists, orders and their files, the people behind them, the books."""

from disbursement.proofs.books import (
    corrections,
    journals_balance,
    ledger_and_results,
    ledger_equation,
    one_outcome,
    order_indicators,
    result_sums,
)
from disbursement.proofs.files import (
    bank_files,
    no_numbers_in_words,
    one_order_per_line,
    order_totals,
    private_values_match_keys,
    return_files,
)
from disbursement.proofs.lists import (
    branches_have_their_batch,
    claims_are_live,
    households_are_paid_once,
    lines_belong_to_their_batch,
    lines_lie_in_their_rights,
    no_stale_claims,
    nobody_paid_twice,
    periods_are_of_their_version,
    roster_contents,
    stops_stand_until_lifted,
    unsent_lines_are_due,
)
from disbursement.proofs.people import (
    separation_over_the_whole_way,
    stops_are_lifted_in_duty,
)

__all__ = [
    "bank_files",
    "branches_have_their_batch",
    "claims_are_live",
    "corrections",
    "households_are_paid_once",
    "journals_balance",
    "ledger_and_results",
    "ledger_equation",
    "lines_belong_to_their_batch",
    "lines_lie_in_their_rights",
    "no_numbers_in_words",
    "no_stale_claims",
    "nobody_paid_twice",
    "one_order_per_line",
    "one_outcome",
    "order_indicators",
    "order_totals",
    "periods_are_of_their_version",
    "private_values_match_keys",
    "result_sums",
    "return_files",
    "roster_contents",
    "separation_over_the_whole_way",
    "stops_are_lifted_in_duty",
    "stops_stand_until_lifted",
    "unsent_lines_are_due",
]
