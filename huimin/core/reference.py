"""Filling the reference tables: divisions of any county, and the work calendar."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from django.conf import settings
from django.db import transaction

from huimin.core.authority import scope
from huimin.core.errors import FileRefused, RowError
from huimin.core.models import BankBranch, CalendarDay, Division, Job, Level, Office
from huimin.core.records import audit
from huimin.core.values import workdays
from huimin.core.work import jobs

if TYPE_CHECKING:
    from huimin.core.models import User

COLUMNS = ("code", "name", "level", "parent")
DATES = ("valid_from", "valid_to")
# at which bank accounts are is settled by the room that has them: recipients/services/banks.py
SETTLE_ACCOUNTS = "recipients.settle_accounts"
_DIGITS = dict(zip(Level, scope.LEVEL_DIGITS, strict=True))
_BATCH = 1_000
CALENDAR = ("day", "is_workday", "name")
_WORKDAY = {"1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Imported:
    added: int
    changed: int
    same: int


def read_divisions(content: bytes) -> list[Division]:
    """Divisions of a CSV with code, name, level, parent and, if wanted, valid_from and valid_to (UTF-8).

    Raises FileRefused with every fault of every row; parents may stand in the file or in the database.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    except UnicodeDecodeError as error:
        raise FileRefused("文件要用 UTF-8 编码保存。") from error
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise FileRefused(f"第一行应为列名：{','.join(COLUMNS)}。")
    known = {row["code"] or "" for row in rows} | set(Division.objects.values_list("code", flat=True))
    errors: list[RowError] = []
    divisions, seen = [], set()
    for number, row in enumerate(rows, start=2):
        faults = _faults(row, known)
        if row["code"] in seen:
            faults.append(("code", f"区划代码{row['code']}重复。"))
        seen.add(row["code"])
        errors += [RowError(number, column, text) for column, text in faults]
        if not faults:
            divisions.append(_division(row))
    if errors:
        raise FileRefused(f"区划文件有 {len(errors)} 处要改，没有导入任何一行。", errors)
    return divisions


def _faults(row: dict[str, str], known: set[str]) -> list[tuple[str, str]]:
    code, parent = row["code"] or "", row["parent"] or ""
    if not re.fullmatch(r"\d{12}", code, re.ASCII):
        return [("code", f"区划代码“{code}”应为 12 位数字。")]
    return [*_shape_faults(row, code), *_place_faults(row, code, parent, known), *_date_faults(row)]


def _shape_faults(row: dict[str, str], code: str) -> Iterator[tuple[str, str]]:
    if not (row["name"] or "").strip():
        yield "name", "名称没有填。"
    if row["level"] not in Level.values:
        yield "level", f"级次“{row['level']}”应为 {'、'.join(Level.values)} 之一。"
    elif code[_DIGITS[Level(row["level"])] :].strip("0"):
        yield "level", f"代码{code}不是{Level(row['level']).label}级的代码。"


def _place_faults(row: dict[str, str], code: str, parent: str, known: set[str]) -> Iterator[tuple[str, str]]:
    if row["level"] != Level.PROVINCE and parent not in known:
        yield "parent", f"上级“{parent}”不在文件里，也没有导入过。"
    elif parent and (parent == code or not scope.covers(parent, code)):
        yield "parent", f"{code}不在上级{parent}之下。"


def _date_faults(row: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name in DATES:
        try:
            _day(row.get(name))
        except ValueError:
            yield name, f"日期“{row[name]}”要写成 2026-01-01。"


def _division(row: dict[str, str]) -> Division:
    return Division(
        code=row["code"],
        name=row["name"].strip(),
        level=row["level"],
        parent_id=row["parent"] or None,
        valid_from=_day(row.get("valid_from")),
        valid_to=_day(row.get("valid_to")),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text.strip()) if text and text.strip() else None


@transaction.atomic
def import_divisions(divisions: list[Division], *, actor: User | None) -> Imported:
    """Add new codes and update known ones, all or nothing; codes not named stay as they are."""
    fields = ("name", "level", "parent_id", *DATES)
    before = {one.code: one for one in Division.objects.select_for_update().in_bulk().values()}
    new = [one for one in divisions if one.code not in before]
    changed = [
        one
        for one in divisions
        if one.code in before
        and any(getattr(one, name) != getattr(before[one.code], name) for name in fields)
    ]
    # parents first: the foreign key is checked at the end of each statement at the earliest
    Division.objects.bulk_create(sorted(new, key=lambda one: one.code), batch_size=_BATCH)
    Division.objects.bulk_update(changed, ["name", "level", "parent", *DATES], batch_size=_BATCH)
    if new or changed:
        audit.record(
            "core.division",
            action="division.import",
            actor=actor,
            label="导入行政区划",
            detail={"added": len(new), "changed": len(changed)},
            division_code=_top(divisions),
        )
    return Imported(len(new), len(changed), len(divisions) - len(new) - len(changed))


def _top(divisions: list[Division]) -> str:
    counties = [one.code for one in divisions if one.level == Level.COUNTY]
    return counties[0] if len(counties) == 1 else ""


def read_calendar(content: bytes) -> list[CalendarDay]:
    """Days of a CSV with day, is_workday (1, 0) and name (UTF-8): the announced days of whole years, or every day.

    Raises FileRefused with every faulty row, or when a year of it lacks 元旦, 劳动节 or 国庆节.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    except UnicodeDecodeError as error:
        raise FileRefused("文件要用 UTF-8 编码保存。") from error
    if not rows or not set(CALENDAR) <= set(rows[0]):
        raise FileRefused(f"第一行应为列名：{','.join(CALENDAR)}。")
    errors: list[RowError] = []
    days: dict[date, CalendarDay] = {}
    for number, row in enumerate(rows, start=2):
        found = _calendar_day(row)
        if found is None or found.day in days:
            errors.append(
                RowError(number, "day", "应为日期（如 2027-10-01）、1 上班或 0 休息、说明，每天一行。")
            )
        else:
            days[found.day] = found
    if errors:
        raise FileRefused(f"工作日历有 {len(errors)} 处要改，没有载入任何一天。", errors)
    given = {day: one.is_workday for day, one in days.items()}
    if short := workdays.uncertain_years(min(days), max(days), given):
        raise FileRefused(f"{'、'.join(map(str, short))}年缺元旦、劳动节或国庆节，请放全年的放假安排。")
    return list(days.values())


def _calendar_day(row: dict[str, str]) -> CalendarDay | None:
    try:
        day = date.fromisoformat((row["day"] or "").strip())
    except ValueError:
        return None
    work = _WORKDAY.get((row["is_workday"] or "").strip())
    if work is None:
        return None
    return CalendarDay(day=day, is_workday=work, name=(row["name"] or "").strip()[:40])


@transaction.atomic
def fill_calendar(days: list[CalendarDay] | None = None, *, actor: User | None) -> int:
    """These days, or all of the years that the package knows; a day entered since is set back to what is given."""
    if days is None:
        days = [CalendarDay(day=day, is_workday=work, name=name) for day, work, name in workdays.seed_years()]
    CalendarDay.objects.bulk_create(
        days,
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["is_workday", "name"],
        batch_size=_BATCH,
    )
    audit.record(
        "core.calendarday",
        action="calendar.fill",
        actor=actor,
        label="填写工作日历",
        detail={"days": len(days)},
    )
    return len(days)


class Accounts(Protocol):
    """What the room of the accounts answers about the banks as they are registered at this moment."""

    def matched(self, bank: int) -> list[tuple[str, int]]:
        """Every name of a bank, with how many accounts in use are written so that it fits."""

    def moved(self) -> list[tuple[int | None, int | None, int]]:
        """(bank now, bank by what is registered, how many accounts in use), where the two differ; None: at none."""


_accounts: list[Accounts] = []


def tell_accounts(accounts: Accounts) -> None:
    """Called once, by the room of the accounts when it is loaded."""
    _accounts[:] = [accounts]


class _Undo(Exception):
    """Nothing of what was tried is kept."""


def foresee(row: Office | BankBranch) -> list[str]:
    """What accounts would come to if this row, a bank or a branch, were saved as it stands; a sentence each.

    It is saved, looked at by the rule that settles accounts, and undone. Empty where no account is concerned.
    """
    tried, found = copy(row), list[str]()
    try:
        with transaction.atomic():
            tried.save()
            found = _effects(tried)
            raise _Undo
    except _Undo:
        return found


def effects_now() -> list[str]:
    """The same of what has been saved in this transaction."""
    return _moves()


def _effects(row: Office | BankBranch) -> list[str]:
    moves = _moves()
    if not isinstance(row, Office) or not (row.bank_names or row.bank_format):
        return moves
    # of a bank without spellings its name alone: that is told where nobody writes it
    matched = [
        f"写成“{name}…”的在用账户有 {count:,} 个{'' if count else '，请核对有没有写错'}。"
        for name, count in _accounts[0].matched(row.pk)
        if row.bank_names or not count
    ]
    return [*moves, *matched]


def _moves() -> list[str]:
    moved = _accounts[0].moved()
    names = Office.objects.in_bulk({bank for before, after, _ in moved for bank in (before, after) if bank})
    return [_moved(names.get(before or 0), names.get(after or 0), count) for before, after, count in moved]


def _moved(before: Office | None, after: Office | None, count: int) -> str:
    if before is None:
        return f"{count:,} 个账户从没有代发银行变为在{after}。"
    if after is None:
        return f"{count:,} 个账户不再在{before}，变为没有代发银行：以后的名单里，他们只能跨行支付。"
    return f"{count:,} 个账户从{before}变为{after}。"


def banks_changed(*, actor: User) -> Job:
    """After paying banks or branches were registered or renamed: ask for a job that settles all accounts anew."""
    return jobs.submit(
        SETTLE_ACCOUNTS,
        title="认定账户所在的代发银行",
        # one job for each change: that of another, made at the same time, may have run before this one is saved
        key=f"{SETTLE_ACCOUNTS}:{uuid4()}",
        actor=actor,
        division_code=settings.COUNTY_CODE,
        county_code=settings.COUNTY_CODE,
    )
