"""What stands beside a right: those of the same recipient (recipients.models.parties) and the stops that count for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection
from psycopg.types.range import DateRange

from disbursement.models.sql import stops
from recipients.models.parties import HOUSEHOLD_RIGHTS, of_one_recipient


@dataclass(frozen=True, slots=True)
class Stopped:
    """Days of a right for which a stopped line stands that nobody lifted."""

    component: str
    days: DateRange


def rights_of_one_recipient(right_ids: Collection[int]) -> dict[int, set[int]]:
    """For each right itself and the others of the same household to the same policy."""
    found = {pk: {pk} for pk in right_ids}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT h.right_id, h.other_id FROM {HOUSEHOLD_RIGHTS} h WHERE h.right_id = ANY(%s)",  # noqa: S608
            [list(right_ids)],
        )
        for right, other in cursor.fetchall():
            found[right].add(other)
    return found


def stopped_days(right_ids: Collection[int]) -> dict[int, list[Stopped]]:
    """For each of these rights what is stopped for it, by whichever right of the recipient the line was."""
    found: dict[int, list[Stopped]] = {pk: [] for pk in right_ids}
    policies = "SELECT e.policy_id FROM recipients_entitlement e WHERE e.id = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH stopped AS MATERIALIZED (SELECT u.* FROM {stops()} u WHERE u.policy_id IN ({policies}))
                SELECT h.right_id, h.component, h.period_range FROM {of_one_recipient("stopped")} h
                WHERE h.right_id = ANY(%s) ORDER BY h.period_range""",  # noqa: S608 -- constants of ours
            [list(right_ids), list(right_ids)],
        )
        for right, component, days in cursor.fetchall():
            found[right].append(Stopped(component, days))
    return found
