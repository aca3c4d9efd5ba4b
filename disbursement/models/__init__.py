from disbursement.models.batches import BankFile, Batch, OrderIndicator, PaymentOrder, Roster
from disbursement.models.ledger import Journal, LedgerAccount, Posting
from disbursement.models.payments import (
    Claim,
    Correction,
    PaymentLine,
    PaymentResult,
    ReturnFile,
    ReturnLine,
)

__all__ = [
    "BankFile",
    "Batch",
    "Claim",
    "Correction",
    "Journal",
    "LedgerAccount",
    "OrderIndicator",
    "PaymentLine",
    "PaymentOrder",
    "PaymentResult",
    "Posting",
    "ReturnFile",
    "ReturnLine",
    "Roster",
]
