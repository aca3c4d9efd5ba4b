from disbursement.models.batches import (
    BankFile,
    Batch,
    NumberSeries,
    OrderIndicator,
    PaymentOrder,
    Roster,
    RosterOmission,
)
from disbursement.models.ledger import Journal, LedgerAccount, Posting, ResultSum
from disbursement.models.payments import (
    Claim,
    Correction,
    PaymentLine,
    PaymentResult,
    ReturnFile,
    ReturnLine,
    Reversal,
    StopLift,
)

__all__ = [
    "BankFile",
    "Batch",
    "Claim",
    "Correction",
    "Journal",
    "LedgerAccount",
    "NumberSeries",
    "OrderIndicator",
    "PaymentLine",
    "PaymentOrder",
    "PaymentResult",
    "Posting",
    "ResultSum",
    "ReturnFile",
    "ReturnLine",
    "Reversal",
    "Roster",
    "RosterOmission",
    "StopLift",
]
