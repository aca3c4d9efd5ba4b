"""How a state looks: six kinds of badge, a status that knows its own, and words that have one without a status."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
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


# words that stand on a page without a status behind them
_BY_KIND = {
    Kind.OFF: ("等待核实",),
    Kind.DOING: ("公示中",),
    Kind.OK: ("已公开", "相符"),
    Kind.BAD: ("不符", "有差异"),
}
WORDS: Mapping[str, Kind] = MappingProxyType(
    {word: kind for kind, words in _BY_KIND.items() for word in words}
)


def kind_of(word: str) -> Kind:
    """The badge of a word; a word outside the table is a mistake of ours and raises LookupError."""
    try:
        return WORDS[word]
    except KeyError:
        raise LookupError(f"“{word}”不在状态词表里，见 huimin/core/desk/badges.py") from None


class StateChoices(models.TextChoices):
    """A status whose members carry their badge: SUBMITTED = "submitted", Kind.TODO, "待复核"."""

    badge: Kind

    def __new__(cls, value: str, badge: str = "") -> Self:
        # the default is for readers of types: RosterStatus("issued") looks a member up; one made without a badge is refused
        member = str.__new__(cls, value)
        member._value_ = value
        member.badge = Kind(badge)
        return member
