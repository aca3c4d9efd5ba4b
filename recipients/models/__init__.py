from recipients.models.entitlements import Ending, EndingCut, Entitlement, EntitlementVersion
from recipients.models.heads import HeadChange, Succession
from recipients.models.imports import RegistryImport
from recipients.models.notices import Notice, NoticeLevel, NoticeLine, NoticePhoto, Objection
from recipients.models.numbers import NumberChange
from recipients.models.records import RecordPause
from recipients.models.registry import (
    Account,
    AccountChange,
    Death,
    Household,
    Person,
    RecordStatus,
)
from recipients.models.review import (
    Declaration,
    DeclarationLine,
    DeliberationRecord,
    JointSignature,
)
from recipients.models.suspensions import Suspension

__all__ = [
    "Account",
    "AccountChange",
    "Death",
    "Declaration",
    "DeclarationLine",
    "DeliberationRecord",
    "Ending",
    "EndingCut",
    "Entitlement",
    "EntitlementVersion",
    "HeadChange",
    "Household",
    "JointSignature",
    "Notice",
    "NoticeLevel",
    "NoticeLine",
    "NoticePhoto",
    "NumberChange",
    "Objection",
    "Person",
    "RecordPause",
    "RecordStatus",
    "RegistryImport",
    "Succession",
    "Suspension",
]
