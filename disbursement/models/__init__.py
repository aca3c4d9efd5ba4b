from disbursement.models.batches import Batch, NumberSeries, Roster, RosterOmission
from disbursement.models.ledger import Journal, LedgerAccount, Posting, ResultSum
from disbursement.models.lines import Claim, PaymentLine
from disbursement.models.orders import BankFile, OrderIndicator, OrderPart, PaymentOrder
from disbursement.models.records import RecordInUse
from disbursement.models.results import Correction, PaymentResult, Reversal, StopLift
from disbursement.models.returns import ReturnFile, ReturnLine
from disbursement.models.rounds import RoundInUse
from disbursement.models.versions import VersionInUse

__all__ = [
    "BankFile",
    "Batch",
    "Claim",
    "Correction",
    "Journal",
    "LedgerAccount",
    "NumberSeries",
    "OrderIndicator",
    "OrderPart",
    "PaymentLine",
    "PaymentOrder",
    "PaymentResult",
    "Posting",
    "RecordInUse",
    "ResultSum",
    "ReturnFile",
    "ReturnLine",
    "Reversal",
    "Roster",
    "RosterOmission",
    "RoundInUse",
    "StopLift",
    "VersionInUse",
]
