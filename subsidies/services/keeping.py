"""What all services of this room share: saving with the clerk's sentence."""

from __future__ import annotations

from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from huimin.core.errors import BadInput, StepRefused

Row = TypeVar("Row", bound=models.Model)


def keep(row: Row) -> Row:
    """Validate and save; the first fault is raised as BadInput in the words of the field or constraint."""
    checked(row)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise StepRefused("别人刚刚登记了同样的内容，请刷新页面后再看。") from error
    return row


def checked(row: Row) -> Row:
    """Validate without saving; faults as in keep()."""
    try:
        row.full_clean()
    except ValidationError as wrong:
        field, messages = next(iter(wrong.message_dict.items()))
        known = field if field != "__all__" else ""
        label = getattr(row._meta.get_field(known), "verbose_name", "") if known else ""
        raise BadInput(f"{label}：{messages[0]}" if label else str(messages[0]), field=known) from wrong
    return row
