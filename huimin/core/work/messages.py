"""Text messages, mail and webhooks: written with the change, delivered afterwards by a provider.

A county names its provider class for each channel in HUIMIN_MESSAGE_PROVIDERS. What has none, or "off", waits: nothing is
called delivered that nobody sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

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
    from collections.abc import Iterable, Sequence

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


def deliver(limit: int = 100) -> int:
    """Send what is due; a failed one waits twice as long each time. Safe to run twice at once."""
    sent = 0
    ways = providers()
    for _ in range(limit):
        with transaction.atomic():
            message = (
                Message.objects.select_for_update(skip_locked=True)
                .filter(channel__in=ways, delivered_at__isnull=True, next_at__lte=timezone.now())
                .order_by("pk")
                .first()
            )
            if message is None:
                return sent
            try:
                ways[message.channel].send(message)
            except Exception as error:
                wait = timedelta(seconds=min(30 * 2**message.attempts, 3600))
                Message.objects.filter(pk=message.pk).update(
                    attempts=F("attempts") + 1, error=type(error).__name__, next_at=timezone.now() + wait
                )
            else:
                Message.objects.filter(pk=message.pk).update(
                    attempts=F("attempts") + 1, delivered_at=timezone.now(), error=""
                )
                sent += 1
    return sent
