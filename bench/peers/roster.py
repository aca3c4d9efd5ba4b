"""Rosters as they are usually written with an ORM: objects built in Python, with and without a query per recipient."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db import transaction

from bench import data
from bench.child import Stage
from bench.jobs.roster import proof, the_roster
from disbursement.models import Claim, PaymentLine, Roster
from huimin.core.values.money import round_yuan
from recipients.models import Account, Entitlement, EntitlementVersion, Household, Person

BATCH = 2_000
EMPTY = b"\x00" * 32


def bulk_create(stage: Stage) -> dict[str, Any]:
    """One query with everything joined, read by an iterator; bulk_create 2,000 at a time."""
    roster = the_roster()
    with stage.timed(), transaction.atomic():
        versions = (
            EntitlementVersion.objects.filter(entitlement__policy=roster.policy, entitlement__status="active")
            .select_related("entitlement", "entitlement__beneficiary__household", "payee")
            .order_by(
                "entitlement__division_code", "entitlement__beneficiary__household__code", "entitlement_id"
            )
        )
        accounts = {one.person_id: one for one in Account.objects.filter(is_active=True)}
        holders = dict(Person.objects.filter(is_holder=True).values_list("household_id", "name"))
        lines = (
            _line(
                roster,
                number,
                version,
                accounts[version.payee_id],
                holders[version.entitlement.beneficiary.household_id],
            )
            for number, version in enumerate(versions.iterator(BATCH), 1)
        )
        _write(lines)
    return proof()


def per_recipient(stage: Stage) -> dict[str, Any]:
    """For every recipient a look-up of each thing the line shows, then one bulk_create of the whole list."""
    roster = the_roster()
    with stage.timed(), transaction.atomic():
        lines = []
        numbers = Entitlement.objects.filter(policy=roster.policy, status="active").values_list(
            "pk", flat=True
        )
        for number, pk in enumerate(numbers.order_by("division_code", "pk"), 1):
            entitlement = Entitlement.objects.get(pk=pk)
            version = EntitlementVersion.objects.get(entitlement=entitlement, valid__contains=data.YEAR.lower)
            version.entitlement = entitlement
            entitlement.beneficiary = Person.objects.get(pk=entitlement.beneficiary_id)
            entitlement.beneficiary.household = Household.objects.get(pk=entitlement.beneficiary.household_id)
            holder = Person.objects.get(household=entitlement.beneficiary.household_id, is_holder=True)
            account = Account.objects.filter(person=version.payee_id, is_active=True).first()
            lines.append(_line(roster, number, version, account, holder.name))
        _write(lines)
    return proof()


def _line(
    roster: Roster, number: int, version: EntitlementVersion, account: Account, holder: str
) -> PaymentLine:
    entitlement, person, payee = version.entitlement, version.entitlement.beneficiary, version.payee
    values = {
        "county_code": person.county_code,
        "division_code": entitlement.division_code,
        "roster": roster,
        "revision": roster.revision,
        "line_no": number,
        "policy_id": roster.policy_id,
        "entitlement_id": entitlement.pk,
        "entitlement_version_id": version.pk,
        "component": roster.batch.component,
        "period_range": roster.batch.period_range,
        "household_code": person.household.code,
        "group_name": person.household.group_name,
        "holder_name": holder,
        "beneficiary_id": person.pk,
        "beneficiary_name": person.name,
        "public_name": person.name,
        "beneficiary_id_number": person.id_number,
        "beneficiary_key": person.id_key,
        "payee_id": payee.pk,
        "payee_name": payee.name,
        "payee_id_number": payee.id_number,
        "payee_key": payee.id_key,
        "account_number": account.number,
        "account_key": account.number_key,
        "account_name": account.holder_name,
        "account_tail": account.tail,
        "bank_name": account.bank_name,
        "branch_code": account.branch_code,
        "quantity": version.quantity,
        "standard_text": roster.batch.version.standard_text,
        "amount": round_yuan(version.quantity * Decimal(data.RATE)),
        "salt": os.urandom(16),
        "commitment": EMPTY,
        "leaf": EMPTY,
    }
    return PaymentLine(**{name: value for name, value in values.items() if name in _FIELDS})


_FIELDS = {name for field in PaymentLine._meta.local_concrete_fields for name in (field.name, field.attname)}


def _write(lines: Iterable[PaymentLine]) -> None:
    for block in _blocks(iter(lines)):
        PaymentLine.objects.bulk_create(block)
        Claim.objects.bulk_create(
            Claim(
                line=line,
                entitlement_id=line.entitlement_id,
                component=line.component,
                period_range=line.period_range,
            )
            for line in block
        )


def _blocks(lines: Iterator[PaymentLine]) -> Iterator[list[PaymentLine]]:
    while block := list(islice(lines, BATCH)):
        yield block
