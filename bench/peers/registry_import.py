"""Registry workbooks as they are usually taken in: openpyxl with bulk_create, and django-import-export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

import tablib
from django.db import transaction
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.widgets import Widget
from openpyxl import load_workbook

from bench import data
from bench.child import Stage
from bench.jobs.registry_import import WORKBOOK, Row, kept, proof
from huimin.core import crypto
from huimin.core.authority.roles import Role
from huimin.core.models import User
from huimin.core.values.identity import account_tail, check_digits_ok, is_card
from huimin.core.values.pinyin import sort_key
from recipients.models import Account, Household, Person

BATCH = 2_000


def read(stage: Stage) -> Iterator[Row]:
    """openpyxl read_only; check digits and doubles are looked at, in Python."""
    workbook = load_workbook(stage.folder / WORKBOOK, read_only=True)
    seen: set[str] = set()
    for cells in islice(workbook.worksheets[0].iter_rows(values_only=True), 1, None):
        row = kept([cell or "" for cell in cells])
        if row.number in seen or not check_digits_ok(row.number):
            raise ValueError("the measured workbook has no faults")
        seen.add(row.number)
        yield row


def openpyxl_bulk(stage: Stage) -> dict[str, Any]:
    """Rows into model objects, 2,000 per bulk_create."""
    actor = data.user(Role.DEPARTMENT_CLERK)
    with stage.timed(), transaction.atomic():
        houses: dict[str, Household] = {}
        for block in blocks(read(stage)):
            make_households(block, houses)
            persons = Person.objects.bulk_create(Person(**person(row, houses, actor)) for row in block)
            make_accounts(block, persons)
    return proof()


def blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while block := list(islice(source, BATCH)):
        yield block


def make_households(block: Sequence[Row], houses: dict[str, Household]) -> None:
    new = {row.code: row for row in reversed(block) if row.code not in houses}
    made = Household.objects.bulk_create(
        Household(county_code=data.COUNTY, division_code=row.village, code=code, group_name=row.group)
        for code, row in new.items()
    )
    houses.update((one.code, one) for one in made)


def person(row: Row, houses: dict[str, Household], actor: User) -> dict[str, Any]:
    values = {
        "county_code": data.COUNTY,
        "division_code": row.village,
        "household_id": houses[row.code].pk,
        "is_holder": row.is_holder,
        "relation": row.relation,
        "name": row.name,
        "name_key": sort_key(row.name),
        "id_number": row.number,
        "id_key": crypto.blind_index("id_number", row.number),
        "birth_date": date(int(row.number[6:10]), int(row.number[10:12]), int(row.number[12:14])),
        "sex": "1" if int(row.number[16]) % 2 else "2",
        "phone": row.phone or None,
        "note": row.note,
        "resident_since": data.TODAY,
        "created_by_id": actor.pk,
    }
    names = ("is_low_income", "is_rural", "is_poverty_relief", "is_extreme_poverty")
    return values | dict(zip(names, row.flags, strict=True)) | {"id_commitment": b"\x00" * 32}


def make_accounts(block: Sequence[Row], persons: Sequence[Person]) -> None:
    Account.objects.bulk_create(
        Account(
            person=one,
            kind="card" if is_card(row.account) else "passbook",
            holder_name=row.account_name,
            number=row.account,
            number_key=crypto.blind_index("account", row.account),
            number_commitment=b"\x00" * 32,
            tail=account_tail(row.account),
            branch_code=row.branch_code,
            bank_name=row.bank_name,
        )
        for row, one in zip(block, persons, strict=True)
    )


class Bytes(Widget):
    """As they are; shown as hexadecimal digits."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return value.hex() if value else ""


class PersonResource(ModelResource):
    """use_bulk with its other settings as they come; a person is looked for by the blind index of the ID number."""

    id_key = Field("id_key", "id_key", widget=Bytes())

    class Meta:
        model = Person
        use_bulk = True
        batch_size = BATCH
        import_id_fields = ("id_key",)
        fields = (
            "county_code", "division_code", "household_id", "is_holder", "relation", "name", "name_key", "id_number", "id_key",
            "birth_date", "sex", "phone", "note", "resident_since", "is_low_income", "is_rural",
            "is_poverty_relief", "is_extreme_poverty",
        )  # fmt: skip

    def after_import(self, dataset: Any, result: Any, **kwargs: Any) -> None:
        """It would set the sequence anew, which the app's role may not."""

    def before_save_instance(self, instance: Person, row: Any, **kwargs: Any) -> None:
        """What has no column of its own in a data set."""
        instance.household_id = row["household_id"]
        instance.created_by_id = row["created_by_id"]
        instance.id_commitment = row["id_commitment"]


def import_export(stage: Stage) -> dict[str, Any]:
    """People by a ModelResource; households before and accounts after it by bulk_create, which favours it."""
    actor = data.user(Role.DEPARTMENT_CLERK)
    with stage.timed(), transaction.atomic():
        rows = list(read(stage))
        houses: dict[str, Household] = {}
        make_households(rows, houses)
        records = [person(row, houses, actor) for row in rows]
        dataset = tablib.Dataset(*(list(one.values()) for one in records), headers=list(records[0]))
        PersonResource().import_data(dataset, raise_errors=True)
        found = {bytes(one.id_key): one for one in Person.objects.defer("id_number", "phone")}
        make_accounts(rows, [found[one["id_key"]] for one in records])
    return proof()
