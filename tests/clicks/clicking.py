"""Sixteen real clicks on one button: whole requests on threads and connections of their own, and what they left."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIHandler
from django.db import transaction
from django.db.models import Sum
from django.db.models.query import QuerySet
from django.test import Client, RequestFactory
from django.urls import reverse

from disbursement.models import NumberSeries, OrderIndicator
from huimin.core.accounts import auth
from subsidies.models import Indicator

CLICKS = 16
APPS = ("core", "subsidies", "recipients", "disbursement", "publicity")
# what a click that is refused may leave as well
TRACES = {"ActionKey"}
WAIT = 30


@dataclass(frozen=True)
class Press:
    """A button in front of a person: its address, and the fields of its form but for the action key."""

    user: object
    url: str
    data: dict = field(default_factory=dict)
    upload: bytes = b""


def press(user, address, /, *args, upload=b"", **data):
    return Press(user, reverse(address, args=args), data, upload)


class Desk:
    """One signed-in browser with a one-time code just given; `click` may be called from any thread."""

    def __init__(self, pressed):
        client = Client()
        client.force_login(pressed.user)
        session = client.session
        session["seen_at"] = 2**33
        session[auth.STEP_UP_KEY] = int(time.time())
        session.save()
        self.cookies, self.pressed, self.handler = client.cookies, pressed, WSGIHandler()

    def click(self, key):
        data = {"action_key": str(key), **self.pressed.data}
        if self.pressed.upload:
            # each form reads its own: a return or a sheet, a photograph that proves
            data |= {name: SimpleUploadedFile("r.txt", self.pressed.upload) for name in ("file", "proof")}
        factory = RequestFactory()
        factory.cookies = self.cookies
        request = factory.post(self.pressed.url, data)
        request._dont_enforce_csrf_checks = True
        return self.handler.get_response(request).status_code


def footprint():
    """Rows of every table, statuses, and the sums that money moves between."""
    found = Counter()
    for model in apps.get_models():
        if model._meta.app_label not in APPS or model.__name__ in TRACES or not model._meta.managed:
            continue
        found[model.__name__] = model._default_manager.count()
        if any(one.name == "status" for one in model._meta.fields):
            for status in model._default_manager.values_list("status", flat=True):
                found[f"{model.__name__} {status}"] += 1
    for model, names in (
        (Indicator, ("available", "frozen", "paid")),
        (OrderIndicator, ("paid", "released")),
        (NumberSeries, ("last",)),
        (apps.get_model("disbursement.roster"), ("revision",)),
    ):
        sums = model._default_manager.aggregate(**{f"sum_{name}": Sum(name) for name in names})
        for name in names:
            found[f"{model.__name__}.{name}"] = sums[f"sum_{name}"] or 0
    return found


def left(before):
    """What has changed since, by name."""
    now = footprint()
    return {name: now[name] - before[name] for name in now | before if now[name] != before[name]}


def one_click(desk):
    """What a single click leaves: it is made, looked at and taken back."""
    before = footprint()
    with transaction.atomic():
        answer = desk.click(uuid4())
        effect = left(before)
        transaction.set_rollback(True)
    assert answer == 302, answer
    assert effect, "the button did nothing"
    return before, effect


def click_at_once(desk, run_in_threads, keys, *, is_guarded=True):
    """`keys`: the action keys of the pages that are clicked; nobody may see a fault of ours.

    With a guard out, clicks that nothing puts in a row may meet in a deadlock, which PostgreSQL resolves.
    """
    answers = run_in_threads(lambda index: desk.click(keys[index]), len(keys))
    faults = [one for one in answers if not isinstance(one, int) or one >= 500]
    assert is_guarded is False or not faults, answers
    assert all("deadlock" in str(one) for one in faults), answers
    return answers


# --- taking a guard out ------------------------------------------------------------------------------------------------


def without_row_locks(monkeypatch):
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, *_, **__: self.all())


def without_condition(monkeypatch, *names):
    """An UPDATE … WHERE id AND `names` becomes an UPDATE … WHERE id; every other filter stays."""
    real = QuerySet.filter

    def filtered(self, *args, **kwargs):
        if kwargs.keys() >= {"pk", *names} and kwargs.keys() <= {"pk", "status", *names}:
            kwargs = {"pk": kwargs["pk"]}
        return real(self, *args, **kwargs)

    monkeypatch.setattr(QuerySet, "filter", filtered)


def without_constraint(owner_connection, table, *named):
    """Drop the unique and check constraints (and unique indexes) of a table whose name holds one of these words."""
    rows = owner_connection.execute(
        """SELECT conname, true FROM pg_constraint WHERE conrelid = %(table)s::regclass AND contype IN ('u', 'x', 'c', 'p')
           UNION ALL SELECT i.indexrelid::regclass::text, false FROM pg_index i
           WHERE i.indrelid = %(table)s::regclass AND i.indisunique
             AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)""",
        {"table": table},
    ).fetchall()
    chosen = [row for row in rows if any(word in row[0] for word in named)]
    assert chosen, f"{table} has no {named}: {rows}"
    for name, is_constraint in chosen:
        owner_connection.execute(
            f'ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE'
            if is_constraint
            else f'DROP INDEX "{name}"'
        )
    owner_connection.commit()


def without_trigger(owner_connection, table, name):
    """Switch off the trigger of a table that our models call by this name."""
    (trigger,) = [
        row[0]
        for row in owner_connection.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname LIKE %s",
            [table, f"pgtrigger_{name}_%"],
        )
    ]
    owner_connection.execute(f'ALTER TABLE {table} DISABLE TRIGGER "{trigger}"')
    owner_connection.commit()


def held_together(real, clicks=CLICKS):
    """The same function, but every thread that comes out of it for the first time waits until all have."""
    barrier, seen = threading.Barrier(clicks), threading.local()

    def held(*args, **kwargs):
        answer = real(*args, **kwargs)
        if not getattr(seen, "been", False):
            seen.been = True
            barrier.wait(timeout=WAIT)
        return answer

    return held


def hold_together(monkeypatch, module, name, clicks=CLICKS):
    """All clicks have made the check before any of them acts: the worst order, every time, without waiting for luck."""
    monkeypatch.setattr(module, name, held_together(getattr(module, name), clicks))
