from huimin.core.models.devices import CodeDevice
from huimin.core.models.places import BankBranch, CalendarDay, Department, Division, Level, Office
from huimin.core.models.staff import Grant, User
from huimin.core.models.storage import FileChunk, Message, StoredFile
from huimin.core.models.trail import AuditEvent, AuditSeal, DutyConflict, Involvement, UnsealedEvent
from huimin.core.models.work import ActionKey, Clock, Job, Notification, OfficeCredential, Outbox

__all__ = [
    "ActionKey",
    "AuditEvent",
    "AuditSeal",
    "BankBranch",
    "CalendarDay",
    "Clock",
    "CodeDevice",
    "Department",
    "Division",
    "DutyConflict",
    "FileChunk",
    "Grant",
    "Involvement",
    "Job",
    "Level",
    "Message",
    "Notification",
    "Office",
    "OfficeCredential",
    "Outbox",
    "StoredFile",
    "UnsealedEvent",
    "User",
]
