from recipients.models.entitlements import Entitlement, EntitlementVersion
from recipients.models.registry import (
    Account,
    AccountChange,
    Household,
    Person,
    RecordStatus,
    RegistryImport,
)
from recipients.models.review import (
    Declaration,
    DeclarationLine,
    DeliberationRecord,
    JointSignature,
    Notice,
    NoticeLevel,
    NoticeLine,
    NoticePhoto,
    Objection,
)

__all__ = [
    "Account",
    "AccountChange",
    "Declaration",
    "DeclarationLine",
    "DeliberationRecord",
    "Entitlement",
    "EntitlementVersion",
    "Household",
    "JointSignature",
    "Notice",
    "NoticeLevel",
    "NoticeLine",
    "NoticePhoto",
    "Objection",
    "Person",
    "RecordStatus",
    "RegistryImport",
]
