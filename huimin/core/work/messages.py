"""Text messages, mail and webhooks: written with the change, delivered afterwards by a provider.

A county names its provider class for each channel in HUIMIN_MESSAGE_PROVIDERS. What has none, or "off", waits: nothing is
called delivered that nobody sent.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string

from huimin.core import crypto
from huimin.core.binary_copy import copy_rows
from huimin.core.models import Message, Notification
from huimin.core.values import privacy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from django.db.models import QuerySet

    from huimin.core.models import User


OFF = "off"


class Provider(Protocol):
    def send(self, message: Message) -> None: ...


class FileProvider:
    """The demo's stand-in for a gateway: what would be sent lies in a file that only we can read. Never for production."""

    def send(self, message: Message) -> None:
        folder = Path(settings.OUTBOX_DIR) / "messages"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{message.channel}-{timezone.localdate():%Y-%m-%d}.jsonl"
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"to": message.recipient, "text": message.body}, ensure_ascii=False) + "\n")
        path.chmod(0o600)


def providers() -> dict[str, Provider]:
    """Who sends, by channel."""
    named = {channel: path for channel, path in settings.MESSAGE_PROVIDERS.items() if path != OFF}
    return {channel: import_string(path)() for channel, path in named.items()}


def queue(channel: str, *, recipient: str, body: str, subject: str) -> Message:
    """Put a message into the outbox, in the caller's transaction."""
    return Message.objects.create(channel=channel, recipient=recipient, body=body, subject=subject)


# core_message as COPY writes it; what is not here has its default in the database
_COLUMNS = (
    ("channel", "varchar"), ("recipient", "bytea"), ("body", "bytea"), ("subject", "varchar"), ("attempts", "int2"),
    ("error", "varchar"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to be queued among many: to whom (telephone, address), its text, and the object that it is about."""

    recipient: str = field(repr=False)
    body: str = field(repr=False)
    subject: str


def queue_many(channel: str, letters: Sequence[Letter]) -> int:
    """The same for a block of messages by one COPY, in the caller's transaction; returns how many."""
    recipients = crypto.encrypt_many("message_recipient", [one.recipient for one in letters])
    bodies = crypto.encrypt_many("message_body", [one.body for one in letters])
    with connection.cursor() as cursor:
        return copy_rows(
            cursor,
            Message._meta.db_table,
            _COLUMNS,
            (
                (channel, recipient, body, one.subject, 0, "")
                for one, recipient, body in zip(letters, recipients, bodies, strict=True)
            ),
        )


def notify(users: Iterable[User], *, title: str, url: str = "", body: str = "") -> int:
    """A line in each person's inbox, in the caller's transaction."""
    return notify_each(((user, title) for user in users), url=url, body=body)


def notify_each(lines: Iterable[tuple[User, str]], *, url: str = "", body: str = "") -> int:
    """The same with a title of each person's own."""
    body = privacy.hide(body)
    rows = [
        Notification(user=user, title=privacy.hide(title)[:120], url=url, body=body) for user, title in lines
    ]
    return len(Notification.objects.bulk_create(rows))


_DELIVERY_LOCK = 7_150_002
BLOCK = 1_000  # forgotten in one short transaction


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether nobody else delivers: a slow gateway holds one process, never all that seal and sweep too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_DELIVERY_LOCK])
        mine = bool(cursor.fetchone()[0])
        try:
            yield mine
        finally:
            if mine:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_DELIVERY_LOCK])


def deliver(limit: int = 100) -> int:
    """Send what is due; a failed one waits twice as long each time. While another delivers nothing is done.

    The numbers of a block are read once and each message is taken by its number, so that nobody walks for every message
    over those delivered before it; a message is committed by itself, so that none is sent twice after a crash.
    """
    sent = 0
    with _alone() as mine:
        for channel, way in providers().items() if mine else ():
            for pk in list(due(channel)[: limit - sent]):
                sent += _send(pk, way)
    return sent


def due(channel: str) -> QuerySet[Message, int]:
    """Numbers of what may go out now by one channel, longest waiting first: the order of the index message_waiting."""
    rows = Message.objects.filter(channel=channel, delivered_at__isnull=True, next_at__lte=timezone.now())
    return rows.order_by("next_at").values_list("pk", flat=True)


@transaction.atomic
def _send(pk: int, way: Provider) -> bool:
    """One message, unless somebody else has it in hand or has sent it meanwhile."""
    waiting = Message.objects.filter(pk=pk, delivered_at__isnull=True, next_at__lte=timezone.now())
    message = waiting.select_for_update(skip_locked=True).first()
    if message is None:
        return False
    outcome: dict[str, Any] = {"delivered_at": timezone.now(), "error": ""}
    try:
        way.send(message)
    except Exception as error:
        wait = timedelta(seconds=min(30 * 2**message.attempts, 3600))
        outcome = {"error": type(error).__name__, "next_at": timezone.now() + wait}
    Message.objects.filter(pk=pk).update(attempts=F("attempts") + 1, **outcome)
    return "delivered_at" in outcome


def forget(blocks: int = 20) -> int:
    """Drop what was delivered more than settings.MESSAGES_KEPT_DAYS ago, some blocks of it; returns how many went.

    That somebody was written to about a payment follows from the payment; what waits is never dropped.
    """
    before = timezone.now() - timedelta(days=settings.MESSAGES_KEPT_DAYS)
    gone = 0
    for _ in range(blocks):
        old = Message.objects.filter(delivered_at__lt=before).order_by("delivered_at").values("pk")[:BLOCK]
        dropped, _ = Message.objects.filter(pk__in=old).delete()
        gone += dropped
        if dropped < BLOCK:
            break
    return gone
