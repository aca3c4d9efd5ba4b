"""Who had a hand in what a roster, an order or a return file was made from (decisions: separation of duties)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from huimin.core.authority.duties import PAYING, RETURNING, ROSTER_CHECKS, Duty, excluding
from huimin.core.authority.posts import NOBODY_ELSE
from huimin.core.errors import StepRefused
from huimin.core.work import workflow

if TYPE_CHECKING:
    pass

# what a person did on a source and what still excludes them further down; the rest settled its own step.
# Of an earlier revision of a roster its makers count, not its checkers: the new list is checked anew, at every desk.
# A correction inherits who uploaded and booked the failure; its order only who booked it, because settling the order
# is the same post, and its return file neither
TO_ROSTER = (*excluding(*ROSTER_CHECKS, *PAYING, *RETURNING), *RETURNING)
TO_ORDER = (*excluding(*PAYING, *RETURNING), Duty.RETURN_CONFIRM)
TO_RETURN = excluding(*RETURNING)


# `{post}` is what the named person did on the list: the new one is for somebody else there, and at no other desk
_ELSE = f"重新生成花名册，新的一版“{{post}}”由另一位同事办。{NOBODY_ELSE}"
ANEW = f"请{_ELSE}"
SENT_BACK = f"请先退回乡镇重编，{_ELSE}"


def inherit_duties(target: Model, sources: Iterable[str], duties: Iterable[str], *, remedy: str = "") -> None:
    """The people behind `sources` (names on the trail) count as involved in `target`, for these duties.

    StepRefused, with the person's name and the remedy, when that excludes what somebody did on `target` itself; nobody
    did anything yet on what is just made, and no remedy is needed there.
    Not every duty is taken over: a return file must not inherit who confirmed an earlier one.
    """
    subject = workflow.duty_subject(target)
    values: list[Any] = [subject, list(sources), [str(duty) for duty in duties]]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO core_involvement (subject, duty, user_id, inherited, person_key, conflicts)
                   SELECT DISTINCT ON (i.person_key, i.duty) %s, i.duty, i.user_id, true, i.person_key, '{}'::int[]
                   FROM core_involvement i WHERE i.subject = ANY(%s) AND i.duty = ANY(%s)
                   ON CONFLICT (subject, person_key, duty) DO NOTHING""",
                values,
            )
    except IntegrityError as error:
        if "involvement_separation" not in str(error):
            raise
        raise StepRefused(_excluded(values, remedy)) from error


def _excluded(values: list[Any], remedy: str) -> str:
    """Whom what they did before shuts out of what they did here, and the way on."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT u.name, o.duty, i.duty FROM core_involvement o
               JOIN core_user u ON u.id = o.user_id
               JOIN core_involvement i ON i.person_key = o.person_key
               JOIN core_dutyconflict c ON (c.first, c.second) IN ((o.duty, i.duty), (i.duty, o.duty))
               WHERE o.subject = %s AND NOT o.inherited AND i.subject = ANY(%s) AND i.duty = ANY(%s)
               ORDER BY o.id, i.id LIMIT 1""",
            values,
        )
        name, here, before = cursor.fetchone()
    post = Duty(here).label
    said = f"不相容岗位：{name}已经办过“{post}”，又是其中材料的“{Duty(before).label}”经手人。"
    return said + remedy.format(post=post)
