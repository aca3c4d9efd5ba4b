"""What all services of this room share: saving with the clerk's sentence, and asking for the right role."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from huimin.core.authority import scope
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, StepForbidden, StepRefused

if TYPE_CHECKING:
    from huimin.core.models import User


def require(
    actor: User, roles: Collection[str], *, division_code: str, policy_id: int | None = None, act: str
) -> None:
    """StepForbidden unless a grant gives one of the roles at that place; `act` is the verb in the sentence."""
    if not scope.holds(actor, roles, division_code=division_code, policy_id=policy_id):
        names = "、".join(Role(role).label for role in sorted(roles))
        raise StepForbidden(f"“{act}”不归您的岗位办理，须由{names}办理。")


Row = TypeVar("Row", bound=models.Model)


def keep(row: Row) -> Row:
    """Validate and save; the first fault is raised as BadInput in the words of the field or constraint."""
    try:
        row.full_clean()
        with transaction.atomic():
            row.save()
    except ValidationError as wrong:
        field, messages = next(iter(wrong.message_dict.items()))
        known = field if field != "__all__" else ""
        label = getattr(row._meta.get_field(known), "verbose_name", "") if known else ""
        raise BadInput(f"{label}：{messages[0]}" if label else str(messages[0]), field=known) from wrong
    except IntegrityError as error:
        raise StepRefused("别人刚刚登记了同样的内容，请刷新页面后再看。") from error
    return row
