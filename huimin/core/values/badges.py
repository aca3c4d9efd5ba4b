"""A status knows how it looks: shape, colour and word of a badge."""

from enum import StrEnum
from typing import Self

from django.db import models


class Kind(StrEnum):
    """The kinds of badge in static/css/base.css: shape, colour and word together, so that print keeps them."""

    OFF = "off"
    TODO = "todo"
    DOING = "doing"
    BANK = "bank"
    OK = "ok"
    BAD = "bad"


class StateChoices(models.TextChoices):
    """A status whose members carry their badge: SUBMITTED = "submitted", Kind.TODO, "待复核"."""

    badge: Kind

    def __new__(cls, value: str, badge: str = "") -> Self:
        # the default is for readers of types: RosterStatus("issued") looks a member up; one made without a badge is refused
        member = str.__new__(cls, value)
        member._value_ = value
        member.badge = Kind(badge)
        return member
