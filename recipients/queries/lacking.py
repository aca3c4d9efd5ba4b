"""What a version under way asks for and rights do not have: they would be left off every list of it."""

from __future__ import annotations

from django.db import connection

from recipients.rules import amounts
from subsidies.models import PolicyVersion


def rights_lacking_facts(version: PolicyVersion) -> tuple[int, int]:
    """Of the rights to the policy that reach into the version's days: how many there are, and for how many of them its rule
    finds no amount, since their declaration did not ask what it asks."""
    amount, values = amounts.amount_sql(
        amounts.rule_of(version), line="v", person="b", first_day="%(first)s::date", months="1"
    )
    values |= {"policy": version.policy_id, "days": version.valid, "first": version.valid.lower}
    sql = f"""SELECT count(DISTINCT e.id), count(DISTINCT e.id) FILTER (WHERE {amount} IS NULL)
        FROM recipients_entitlement e JOIN recipients_entitlementversion v ON v.entitlement_id = e.id
        JOIN recipients_person b ON b.id = e.beneficiary_id
        WHERE e.policy_id = %(policy)s AND v.valid && (%(days)s::daterange * daterange(NULL, e.ends_on))"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found, lacking = cursor.fetchone()
    return found, lacking
