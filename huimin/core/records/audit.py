"""Writing the trail, and sealing it.

Events are appended unsealed in the writer's transaction. One sealer chains committed events; writers take no
lock for it. `verify_chain` recomputes every link.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.roles import Area, roles_reading
from huimin.core.models import AuditEvent
from huimin.core.models.trail import CANONICAL
from huimin.core.values import privacy

if TYPE_CHECKING:
    from django.db.models import Model

    from huimin.core.models import User

_SHOWN = re.compile(r"(\D*?)\s*(\d*)")  # 花名册 12: the name of a model, and perhaps a number
GENESIS = b"\x00" * 32
_SEAL_LOCK = 0x48754D53  # one sealer at a time; the lock ends with its transaction
# an event that is gone must not read as an array of nulls
_SEALED = f"CASE WHEN e.id IS NOT NULL THEN {CANONICAL} END"


def subject_of(obj: Model) -> str:
    """disbursement.roster:12 -- the name of an object on the trail, in commands and in involvement rows."""
    return f"{obj._meta.label_lower}:{obj.pk}"


def subject_words(subject: str) -> str:
    """core.user:12 as people say it: 工作人员 12; what names no model stays as it is."""
    label, _, pk = subject.partition(":")
    try:
        return f"{apps.get_model(label)._meta.verbose_name} {pk}"
    except (LookupError, ValueError):
        return subject


def about(words: str) -> Q:
    """Events on what the words name: as the list shows it (花名册 12, 花名册), or disbursement.roster:12."""
    text = words.strip()
    name, number = (_SHOWN.fullmatch(text) or _SHOWN.fullmatch("")).groups()  # type: ignore[union-attr]
    models = [model._meta for model in apps.get_models() if name and name in str(model._meta.verbose_name)]
    exact = [model for model in models if model.verbose_name == name] or models
    if not exact:
        return Q(subject=text) if ":" in text else Q(subject__startswith=text)
    if number:
        return Q(subject__in=[f"{model.label_lower}:{number}" for model in exact])
    return reduce(or_, (Q(subject__startswith=f"{model.label_lower}:") for model in exact))


def state_words(subject: str, state: str) -> str:
    """A state on the trail (issued) in the words of its model (待核对); what is no state of it stays as it is."""
    try:
        model = apps.get_model(subject.partition(":")[0])
    except (LookupError, ValueError):
        return state
    words = (dict(field.flatchoices) for field in model._meta.fields if field.name in {"status", "state"})
    return next((str(one[state]) for one in words if state in one), state)


def record(
    obj: Model | str,
    *,
    action: str,
    actor: User | None,
    label: str = "",
    before: str = "",
    after: str = "",
    note: str = "",
    detail: dict[str, Any] | None = None,
    division_code: str = "",
) -> AuditEvent:
    """Append one event; call it in the transaction of the change. `detail` must hold no private values.

    An object that knows no place of its own (an account, a grant) is given one by `division_code`, so that the
    readers of that place see the event.
    """
    place = obj if not isinstance(obj, str) else None
    division_code = division_code or getattr(place, "division_code", "") or ""
    return AuditEvent.objects.create(
        subject=obj if isinstance(obj, str) else subject_of(obj),
        action=action,
        actor=actor,
        office_name=str(actor.office) if actor and actor.office_id else "",
        # the trail cannot be changed: no number typed by mistake may stay in it
        label=privacy.hide(label)[:120],
        before=before,
        after=after,
        note=privacy.hide(note),
        detail=privacy.hide_within(detail or {}),
        business_at=clock.now(),
        county_code=getattr(place, "county_code", "") or scope.county_of(division_code),
        division_code=division_code,
        policy_id=getattr(place, "policy_id", None),
    )


def visible_to(user: User) -> QuerySet[AuditEvent]:
    """Events inside the reader's places and policies; those without a place belong to the installation's county."""
    seen = scope.reach(user, roles_reading(Area.AUDIT), place=_place_of_event, policy=_policy_of_event)
    return AuditEvent.objects.filter(seen)


def _place_of_event(code: str) -> Q:
    here = scope.within(code)
    return here | Q(division_code="") if scope.covers(code, settings.COUNTY_CODE) else here


def _policy_of_event(ids: list[int]) -> Q:
    return Q(policy_id__isnull=True) | Q(policy_id__in=ids)


@transaction.atomic
def seal(limit: int = 20_000) -> int:
    """Chain committed events that have no seal yet, oldest id first; returns how many. Safe to run twice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_SEAL_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SELECT seq, digest FROM core_auditseal ORDER BY seq DESC LIMIT 1")
        seq, previous = cursor.fetchone() or (0, GENESIS)
        cursor.execute(
            f"""SELECT e.id, {CANONICAL} FROM core_unsealedevent u JOIN core_auditevent e ON e.id = u.event_id
                ORDER BY e.id LIMIT %s""",  # noqa: S608
            [limit],
        )
        links = []
        for event_id, text in cursor.fetchall():
            digest = link_digest(bytes(previous), seq + 1, text)
            seq += 1
            links.append((seq, event_id, bytes(previous), digest))
            previous = digest
        cursor.executemany(
            "INSERT INTO core_auditseal (seq, event_id, previous, digest) VALUES (%s, %s, %s, %s)", links
        )
        cursor.execute(
            "DELETE FROM core_unsealedevent WHERE event_id = ANY(%s)", [[event for _, event, _, _ in links]]
        )
    return len(links)


def seal_all() -> None:
    """Seal until nothing committed is left, as before a proof."""
    while seal():
        pass


def link_digest(previous: bytes, seq: int, canonical: str) -> bytes:
    return hashlib.sha256(previous + seq.to_bytes(8, "big") + canonical.encode()).digest()


@dataclass(frozen=True, slots=True)
class ChainState:
    """links checked, the first broken link (0 = none), head digest, unsealed events and the age of the oldest."""

    links: int
    broken_at: int
    why: str
    head: str
    unsealed: int
    oldest_unsealed_seconds: float


def verify_chain() -> ChainState:
    """Recompute every link in order of sealing; a changed, removed, swapped or inserted event is named."""
    previous, expected, broken_at, why = GENESIS, 0, 0, ""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(
            f"""SELECT s.seq, s.previous, s.digest, {_SEALED}
                FROM core_auditseal s LEFT JOIN core_auditevent e ON e.id = s.event_id ORDER BY s.seq"""  # noqa: S608
        )
        for seq, before, digest, text in cursor:
            expected += 1
            why = _fault(seq, expected, bytes(before), previous, bytes(digest), text)
            if why:
                broken_at = expected
                break
            previous = bytes(digest)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)
               FROM core_auditevent e WHERE NOT EXISTS (SELECT FROM core_auditseal s WHERE s.event_id = e.id)"""
        )
        unsealed, age = cursor.fetchone()
    return ChainState(expected, broken_at, why, previous.hex(), unsealed, float(age))


def export_chain(file: IO[str]) -> int:
    """One JSON line per link, for tools/verify_chain.py; returns how many.

    `text` is exactly what was digested, so the verifier needs nothing of ours.
    """
    written = 0
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(
            f"""SELECT s.seq, s.event_id, s.previous, s.digest, {_SEALED}
                FROM core_auditseal s LEFT JOIN core_auditevent e ON e.id = s.event_id ORDER BY s.seq"""  # noqa: S608
        )
        for seq, event, previous, digest, text in cursor:
            link = {
                "seq": seq,
                "event": event,
                "previous": bytes(previous).hex(),
                "digest": bytes(digest).hex(),
            }
            file.write(json.dumps(link | {"text": text}, ensure_ascii=False) + "\n")
            written += 1
    return written


def _fault(seq: int, expected: int, before: bytes, previous: bytes, digest: bytes, text: str | None) -> str:
    if seq != expected:
        return f"第 {expected} 环缺失"
    if before != previous:
        return f"第 {seq} 环与上一环不相接"
    if text is None:
        return f"第 {seq} 环所封的记录不见了"
    if link_digest(previous, seq, text) != digest:
        return f"第 {seq} 环所封的记录被改动"
    return ""


def head_line(at: datetime) -> str:
    """One JSON line for the daily anchor file that a stand-alone script verifies offline."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, digest FROM core_auditseal ORDER BY seq DESC LIMIT 1")
        row = cursor.fetchone()
    seq, digest = row or (0, GENESIS)
    return json.dumps({"at": at.isoformat(timespec="seconds"), "seq": seq, "head": bytes(digest).hex()})


def anchor() -> str:
    """Append today's head of the chain to a file outside the database; returns its path.

    An old dump put back in place shows, because the file knows a later head.
    """
    moment = clock.now()
    folder = _heads_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"heads-{moment:%Y-%m}.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write(head_line(moment) + "\n")
    return str(path)


def _heads_folder() -> Path:
    return Path(settings.OUTBOX_DIR) / "audit"


def compare_heads() -> tuple[int, list[str]]:
    """Heads put aside, and where the chain in the database does not reach one of them or knows it otherwise.

    Heads are put aside every hour: a fault as well when a link has stood for a day and no head is as late, so that
    files that were taken away are missed.
    """
    heads, faults = _heads_put_aside()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq, digest FROM core_auditseal WHERE seq = ANY(%s)", [[seq for _, seq, _ in heads]]
        )
        known = {seq: bytes(digest).hex() for seq, digest in cursor.fetchall()} | {0: GENESIS.hex()}
        cursor.execute(
            """SELECT seq FROM core_auditseal WHERE sealed_at < clock_timestamp() - interval '1 day'
               ORDER BY seq DESC LIMIT 1"""
        )
        (settled,) = cursor.fetchone() or (0,)
    for at, seq, head in heads:
        if seq not in known:
            faults.append(f"{at} 的链头是第 {seq} 环，现在的链里没有")
        elif known[seq] != head:
            faults.append(f"{at} 的链头与现在的链不符（第 {seq} 环）")
    last = max((seq for _, seq, _ in heads), default=0)
    if last < settled:
        faults.append(f"第 {last} 环以后一天多没有另存链头，请看 {_heads_folder()}")
    return len(heads), faults


def _heads_put_aside() -> tuple[list[tuple[str, int, str]], list[str]]:
    """(time, number of the link, digest) of every head in the files, and lines that are no head."""
    heads, faults = [], []
    for path in sorted(_heads_folder().glob("heads-*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                told = json.loads(line)
                heads.append((str(told["at"]), int(told["seq"]), str(told["head"])))
            except (ValueError, KeyError, TypeError):
                faults.append(f"{path.name} 第 {number} 行不是链头")
    return heads, faults
