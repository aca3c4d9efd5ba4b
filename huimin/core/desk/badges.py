"""How a state looks: six kinds of badge, and the one table of the words clerks and the public read."""

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


_BY_KIND = {
    Kind.OFF: ("草稿", "未开始", "已作废", "等待核实", "等待"),
    Kind.TODO: ("待核对", "待确认", "待初审", "待复核", "待审批", "待补正"),
    Kind.DOING: ("办理中", "公示中", "补发中"),
    Kind.BANK: ("已送银行", "银行代发中", "等回盘"),
    Kind.OK: ("已到账", "期满", "已公开", "已办结", "相符"),
    Kind.BAD: ("失败", "退回", "不符", "超期", "有差异"),
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
