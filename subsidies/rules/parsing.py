"""Reading a rule from its JSON: the first fault is named with its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from huimin.core.errors import BadInput
from subsidies.rules.nodes import (
    Band,
    Chain,
    Const,
    Cut,
    Extreme,
    Fact,
    Node,
    Number,
    Table,
    Tiers,
    TopUp,
)

MOST_NODES = 60
_DEEPEST = 8
# what a rule itself says, such as 86.90 or 0.005; facts have the narrower rule of numbers.QUANTITY
_CONSTANT = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}", re.ASCII)
# no one declares these: the quantity has its own column, months come from the period, the age from the birth date
WORKED_OUT = frozenset({"quantity", "months", "age"})
# JSON path of what counts months in a stored rule: the fact, wherever one is named, or the operation that brings it along
COUNTS_MONTHS = '$.** ? (@.op == "monthly" || @.name == "months")'
_KNOWN = {
    "quantity": ("数量", ""),
    "months": ("月数", "个月"),
    "age": ("年龄", "岁"),
    "grade": ("等级", ""),
    "members": ("人口", "人"),
    "income": ("家庭月收入", "元"),
}


class Parser:
    """Counts nodes while it descends, so that a hostile or runaway tree is refused early."""

    def __init__(self) -> None:
        self.nodes = 0

    def node(self, source: Any, path: str, depth: int) -> Node:
        self.nodes += 1
        if self.nodes > MOST_NODES or depth > _DEEPEST:
            raise _wrong(path, f"规则太复杂，最多 {MOST_NODES} 项、{_DEEPEST} 层")
        if not isinstance(source, dict) or not isinstance(source.get("op"), str):
            raise _wrong(path, "要写明是哪一种算法（op）")
        reader = self._readers.get(source["op"])
        if reader is None:
            raise _wrong(path, f"不认识“{source['op'][:20]}”这种算法")
        return reader(self, source, f"{path} › {source['op']}", depth)

    def const(self, source: dict[str, Any], path: str, depth: int) -> Node:
        return Const(_number(source.get("value"), path), _text(source.get("unit", "元"), path, "单位"))

    def number(self, source: dict[str, Any], path: str, depth: int) -> Number:
        return Number(_fact(source, path))

    def chain(self, source: dict[str, Any], path: str, depth: int) -> Node:
        parts = self._parts(source, path, depth)
        if source["op"] == "sub" and len(parts) != 2:
            raise _wrong(path, "减法要有两项")
        return Chain(source["op"], parts)

    def extreme(self, source: dict[str, Any], path: str, depth: int) -> Node:
        return Extreme(source["op"], self._parts(source, path, depth))

    def tiers(self, source: dict[str, Any], path: str, depth: int) -> Node:
        bands, before = [], None
        for place, band in enumerate(_rows(source.get("bands"), path, "分档"), 1):
            here = f"{path} › 第{place}档"
            low, high = _limit(band.get("from"), here), _limit(band.get("to"), here)
            if (low is not None and high is not None and low >= high) or not _follows(before, low, place):
                raise _wrong(here, "各档要从小到大，互不重叠")
            before = high
            bands.append(Band(low, high, self.node(band.get("then"), here, depth + 1)))
        return Tiers(_fact(_by(source, path), path), tuple(bands))

    def table(self, source: dict[str, Any], path: str, depth: int) -> Node:
        rows: dict[str, Node] = {}
        for place, row in enumerate(_rows(source.get("rows"), path, "分类"), 1):
            here = f"{path} › 第{place}类"
            word = _text(row.get("is"), here, "类别名称")
            if not word or word in rows:
                raise _wrong(here, "类别名称不能为空，也不能重复")
            rows[word] = self.node(row.get("then"), here, depth + 1)
        fact = _fact(_by(source, path), path)
        if fact.name in WORKED_OUT:
            raise _wrong(path, f"{fact.label}是数，不能按类别分，请用分档")
        return Table(Fact(fact.name, fact.label, fact.unit, tuple(rows)), tuple(rows.items()))

    def monthly(self, source: dict[str, Any], path: str, depth: int) -> Node:
        """An amount per month, times the months of the period."""
        months = Number(_fact({"name": "months"}, path))
        return Chain("mul", (self.node(source.get("of"), path, depth + 1), months))

    def top_up(self, source: dict[str, Any], path: str, depth: int) -> Node:
        standard = self.node(source.get("standard"), f"{path} › 标准", depth + 1)
        members, income = (
            Number(_fact(source.get(key) or {"name": key}, f"{path} › {key}"))
            for key in ("members", "income")
        )
        return TopUp(standard, members, income)

    def cut(self, source: dict[str, Any], path: str, depth: int) -> Node:
        places = source.get("places")
        if isinstance(places, bool) or not isinstance(places, int) or not 0 <= places <= 4:
            raise _wrong(path, "小数位数应为 0 到 4")
        return Cut(source["op"], self.node(source.get("of"), path, depth + 1), places)

    def _parts(self, source: dict[str, Any], path: str, depth: int) -> tuple[Node, ...]:
        args = source.get("args")
        if not isinstance(args, list) or len(args) < 2:
            raise _wrong(path, "至少要有两项")
        return tuple(self.node(one, f"{path} › 第{place}项", depth + 1) for place, one in enumerate(args, 1))

    _readers: dict[str, Callable[..., Node]] = {
        "const": const,
        "fact": number,
        **dict.fromkeys(("add", "sub", "mul"), chain),
        **dict.fromkeys(("min", "max"), extreme),
        "tiers": tiers,
        "table": table,
        "monthly": monthly,
        "top_up": top_up,
        **dict.fromkeys(("truncate", "round"), cut),
    }


def _wrong(path: str, why: str) -> BadInput:
    return BadInput(f"{path}：{why}。", field="amount_rule")


def _number(value: Any, path: str) -> Decimal:
    if not isinstance(value, str) or not _CONSTANT.fullmatch(value):
        raise _wrong(path, "数要写成文本，如“86.90”")
    return Decimal(value)


def _limit(value: Any, path: str) -> Decimal | None:
    return None if value is None else _number(value, path)


def _follows(before: Decimal | None, low: Decimal | None, place: int) -> bool:
    return place == 1 or (before is not None and low is not None and low >= before)


def _text(value: Any, path: str, what: str) -> str:
    if not isinstance(value, str) or len(value) > 30:
        raise _wrong(path, f"{what}应是不超过 30 个字的文本")
    return value


def _rows(value: Any, path: str, what: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
        raise _wrong(path, f"要有至少一条{what}")
    return value


def _by(source: dict[str, Any], path: str) -> dict[str, Any]:
    by = source.get("by")
    if not isinstance(by, dict):
        raise _wrong(path, "要写明按什么分（by）")
    return by


def _fact(source: Any, path: str) -> Fact:
    name = source.get("name") if isinstance(source, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong(path, "要写明用哪一项填报数据（name）")
    label, unit = _KNOWN.get(name, (name, ""))
    return Fact(
        name,
        _text(source.get("label", label), path, "名称"),
        _text(source.get("unit", unit), path, "单位"),
    )
