"""Who had a hand in what a roster, an order or a return file was made from (decisions: separation of duties)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Model

from huimin.core.authority import scope
from huimin.core.authority.duties import PAYING, RETURNING, ROSTER_CHECKS, excluding
from huimin.core.authority.roles import Role
from huimin.core.errors import StepForbidden
from huimin.core.records import audit

if TYPE_CHECKING:
    from huimin.core.models import User

# what a person did on a source and what still excludes them further down; the rest settled its own step
TO_ROSTER = excluding(*ROSTER_CHECKS, *PAYING, *RETURNING)
TO_ORDER = excluding(*PAYING, *RETURNING)
TO_RETURN = excluding(*RETURNING)


def inherit_duties(target: Model, sources: Iterable[str], duties: Iterable[str]) -> None:
    """The people behind `sources` (names on the trail) count as involved in `target`, for these duties.

    workflow.inherit_subjects would take over every duty; a return file must not inherit who confirmed an earlier one.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO core_involvement (subject, duty, user_id, inherited, person_key, conflicts)
               SELECT DISTINCT ON (i.person_key, i.duty) %s, i.duty, i.user_id, true, i.person_key, '{}'::int[]
               FROM core_involvement i WHERE i.subject = ANY(%s) AND i.duty = ANY(%s)
               ON CONFLICT (subject, person_key, duty) DO NOTHING""",
            [audit.subject_of(target), list(sources), [str(duty) for duty in duties]],
        )


def require_role(
    actor: User, roles: Iterable[str], *, division_code: str, policy_id: int | None, act: str
) -> None:
    """For acts that begin something and so have no step of their own; raises StepForbidden."""
    if not scope.holds(actor, roles, division_code=division_code, policy_id=policy_id):
        names = "、".join(sorted(Role(role).label for role in roles))
        raise StepForbidden(f"“{act}”不归您的岗位办理，须由{names}办理。")
