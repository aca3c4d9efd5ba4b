from recipients.models.entitlements import DeathEnding, Entitlement, EntitlementVersion
from recipients.models.notices import Notice, NoticeLevel, NoticeLine, NoticePhoto, Objection
from recipients.models.registry import (
    Account,
    AccountChange,
    Death,
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
)

__all__ = [
    "Account",
    "AccountChange",
    "Death",
    "DeathEnding",
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
