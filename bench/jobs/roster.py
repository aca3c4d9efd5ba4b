"""b: a township's roster from its entitlements. All ways write lines and claims of the same tables, in one transaction."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from bench import data, databases
from bench.child import Stage
from disbursement.models import Batch, PaymentLine, Roster
from disbursement.services.rosters import regenerate_roster
from huimin.core.authority.roles import Role
from launcher import database
from subsidies.models import PolicyVersion

# what a line is made from; keys are columns, so that a way that must not compute one can leave it out
SOURCES = {
    "county_code": "b.county_code",
    "division_code": "e.division_code",
    "roster_id": "%(roster)s",
    "revision": "%(revision)s",
    "line_no": "row_number() OVER (ORDER BY e.division_code, h.code, e.id)",
    "policy_id": "e.policy_id",
    "entitlement_id": "e.id",
    "entitlement_version_id": "v.id",
    "component": "%(component)s",
    "period_range": "%(period)s::daterange",
    "household_code": "h.code",
    "group_name": "h.group_name",
    "holder_name": "o.name",
    "beneficiary_id": "b.id",
    "beneficiary_name": "b.name",
    "public_name": "b.name",
    "beneficiary_id_number": "b.id_number",
    "beneficiary_key": "b.id_key",
    "payee_id": "p.id",
    "payee_name": "p.name",
    "payee_id_number": "p.id_number",
    "payee_key": "p.id_key",
    "account_number": "a.number",
    "account_key": "a.number_key",
    "account_name": "a.holder_name",
    "account_tail": "a.tail",
    "bank_name": "a.bank_name",
    "branch_code": "a.branch_code",
    "bank_id": "coalesce(a.bank_id, 0)",
    "quantity": "v.quantity",
    "standard_text": "%(standard)s",
    "amount": "round(v.quantity * %(rate)s, 2)",
    "salt": "uuid_send(gen_random_uuid())",
    "commitment": r"'\x0000000000000000000000000000000000000000000000000000000000000000'::bytea",
    "leaf": r"'\x0000000000000000000000000000000000000000000000000000000000000000'::bytea",
}
FROM = """FROM recipients_entitlement e
    JOIN recipients_entitlementversion v ON v.entitlement_id = e.id AND v.valid @> lower(%(period)s::daterange)
    JOIN recipients_person b ON b.id = e.beneficiary_id
    JOIN recipients_household h ON h.id = b.household_id
    JOIN recipients_person o ON o.household_id = h.id AND o.is_holder AND o.status <> 'void'
    JOIN recipients_person p ON p.id = v.payee_id
    JOIN recipients_account a ON a.person_id = p.id AND a.is_active
    WHERE e.policy_id = %(policy)s AND e.division_code BETWEEN '341524100000' AND '341524100999' AND e.status = 'active'"""
CLAIMS = """INSERT INTO disbursement_claim (line_id, entitlement_id, component, period_range)
    SELECT id, entitlement_id, component, period_range FROM disbursement_paymentline
    WHERE roster_id = %(roster)s AND revision = %(revision)s"""


def prepare(stage: Stage) -> None:
    make_roster(data.town(stage.rows))


def make_roster(version: PolicyVersion) -> None:
    batch = make_batch(version)
    Roster.objects.create(
        county_code=data.COUNTY, division_code=data.TOWN, batch=batch, policy=version.policy, revision=0
    )


def make_batch(version: PolicyVersion) -> Batch:
    return Batch.objects.create(
        county_code=data.COUNTY,
        division_code=data.COUNTY,
        number="B341524-2026-000001",
        policy=version.policy,
        version=version,
        period=data.PERIOD,
        period_range=data.YEAR,
        title="2026年地力补贴",
        status="issued",
        made_by=data.user(Role.DEPARTMENT_CLERK),
    )


def line_sql() -> str:
    """The bare INSERT … SELECT: joins, amount and numbering; commitment and leaf are constants."""
    known = {field.column for field in PaymentLine._meta.local_concrete_fields}
    chosen = {column: source for column, source in SOURCES.items() if column in known}
    return f"INSERT INTO disbursement_paymentline ({', '.join(chosen)}) SELECT {', '.join(chosen.values())} {FROM}"


def parameters(roster: Roster) -> dict[str, Any]:
    batch = roster.batch
    return {
        "roster": roster.pk,
        "revision": roster.revision,
        "component": batch.component,
        "period": batch.period_range,
        "standard": batch.version.standard_text,
        "rate": data.RATE,
        "policy": batch.policy_id,
    }


def the_roster() -> Roster:
    return Roster.objects.select_related("batch__version", "policy").get()


def limit(stage: Stage) -> dict[str, Any]:
    """INSERT … SELECT of lines and claims into the same tables with their indexes, constraints and triggers."""
    roster = the_roster()
    with stage.timed(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(line_sql(), parameters(roster))
        cursor.execute(CLAIMS, parameters(roster))
    return proof()


def ours(stage: Stage) -> dict[str, Any]:
    """The service: reasons of those left out, months and rule, claims, commitment and leaf of every line, root, trail."""
    roster, actor = the_roster(), data.user(Role.TOWNSHIP_CLERK)
    with stage.timed():
        regenerate_roster(roster.pk, actor=actor)
    return proof()


# what the integrity chain is made of, with nothing in it
NO_CHAIN = r"""
CREATE OR REPLACE FUNCTION hm_leaf(public text[], commitment bytea) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea $$;
CREATE OR REPLACE FUNCTION hm_commitment(salt bytea, id_commitment bytea, account_commitment bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea $$;
CREATE OR REPLACE FUNCTION hm_merkle_root(leaves bytea) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea $$;
"""


def without_chain(stage: Stage) -> dict[str, Any]:
    """The same service over digest functions that return a constant."""
    with database.session(databases.owner_url(connection.settings_dict["NAME"])) as owner:
        owner.execute(NO_CHAIN)
    return ours(stage)


def proof() -> dict[str, Any]:
    """Lines of the present revision: number, sum in fen, digest of what is paid to whom; and the live claims."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*), (sum(l.amount) * 100)::bigint,
                      encode(sha256(string_agg(l.entitlement_id::text::bytea || l.beneficiary_key || l.payee_key
                          || l.account_key || l.amount::text::bytea || l.quantity::text::bytea
                          || convert_to(l.holder_name || l.group_name || l.household_code, 'UTF8'), '|'
                          ORDER BY l.entitlement_id)), 'hex'),
                      (SELECT count(*) FROM disbursement_claim)
               FROM disbursement_paymentline l JOIN disbursement_roster r ON r.id = l.roster_id AND r.revision = l.revision"""
        )
        rows, fen, digest, claims = cursor.fetchone()
    return {"rows": rows, "fen": fen, "sha256": digest, "claims": claims}
