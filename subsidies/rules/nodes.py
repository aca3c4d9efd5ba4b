"""The operations of the amount rule: each says its value with its words, and the same in SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from huimin.core.errors import BadInput

Value = Decimal | str | int
Facts = Mapping[str, Value]
NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a rule asks about a person; `choices` are the words a table lists, empty for numbers."""

    name: str
    label: str
    unit: str = ""
    choices: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        return bool(self.choices)

    def as_json(self) -> dict[str, Any]:
        """As PolicyVersion.required_facts keeps it."""
        return {"name": self.name, "label": self.label, "unit": self.unit, "choices": list(self.choices)}


@dataclass(frozen=True, slots=True)
class Sql:
    """An expression under construction; parameters stand in the order of its %s."""

    text: str
    params: tuple[Any, ...] = ()


class Node:
    """One operation. `work` gives value and words, `sql` the same for a column, `words` what it says of everyone."""

    parts: Sequence[Node] = ()
    is_sum = False  # wants brackets inside a product

    def own_facts(self) -> Iterator[Fact]:
        yield from ()

    def work(self, facts: Facts) -> tuple[Decimal, str]:
        raise NotImplementedError

    def sql(self, columns: Mapping[str, str]) -> Sql:
        raise NotImplementedError

    def words(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Const(Node):
    value: Decimal
    unit: str

    def work(self, facts: Facts) -> tuple[Decimal, str]:
        return self.value, self.words()

    def sql(self, columns: Mapping[str, str]) -> Sql:
        return Sql("%s::numeric", (self.value,))

    def words(self) -> str:
        return _with_unit(self.value, self.unit)


@dataclass(frozen=True)
class Number(Node):
    """A declared number: area, head count, months, age."""

    fact: Fact

    def own_facts(self) -> Iterator[Fact]:
        yield self.fact

    def work(self, facts: Facts) -> tuple[Decimal, str]:
        value = number_of(facts, self.fact)
        return value, _with_unit(value, self.fact.unit)

    def sql(self, columns: Mapping[str, str]) -> Sql:
        return Sql(f"({columns[self.fact.name]})::numeric")

    def words(self) -> str:
        return self.fact.label


@dataclass(frozen=True)
class Chain(Node):
    """add, sub, mul: the parts from left to right."""

    op: str
    parts: Sequence[Node]

    @property
    def is_sum(self) -> bool:  # type: ignore[override]
        return self.op != "mul"

    def work(self, facts: Facts) -> tuple[Decimal, str]:
        values, texts = zip(*(part.work(facts) for part in self.parts), strict=True)
        total: Decimal = values[0]
        for value in values[1:]:
            total = _ARITHMETIC[self.op](total, value)
        return total, self._joined(texts)

    def sql(self, columns: Mapping[str, str]) -> Sql:
        return _joined_sql(self.parts, columns, f" {_SQL_SIGN[self.op]} ")

    def words(self) -> str:
        return self._joined([part.words() for part in self.parts])

    def _joined(self, texts: Sequence[str]) -> str:
        # a sum needs brackets inside a product, and on the right of a minus
        shown = [
            f"（{text}）" if part.is_sum and (self.op == "mul" or (self.op == "sub" and place)) else text
            for place, (part, text) in enumerate(zip(self.parts, texts, strict=True))
        ]
        return f" {_SIGN[self.op]} ".join(shown)


@dataclass(frozen=True)
class Extreme(Node):
    """The smallest (封顶) or largest (保底) of the parts."""

    op: str
    parts: Sequence[Node]

    def work(self, facts: Facts) -> tuple[Decimal, str]:
        values, texts = zip(*(part.work(facts) for part in self.parts), strict=True)
        return (min if self.op == "min" else max)(values), self._joined(texts)

    def sql(self, columns: Mapping[str, str]) -> Sql:
        inner = _joined_sql(self.parts, columns, ", ")
        return Sql(("LEAST" if self.op == "min" else "GREATEST") + inner.text, inner.params)

    def words(self) -> str:
        return self._joined([part.words() for part in self.parts])

    def _joined(self, texts: Sequence[str]) -> str:
        return f"{'、'.join(f'（{text}）' for text in texts)}中{'最小' if self.op == 'min' else '最大'}的"


@dataclass(frozen=True)
class Band:
    """From `low` (included) up to `high` (not included); None is open."""

    low: Decimal | None
    high: Decimal | None
    then: Node

    def holds(self, value: Decimal) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value < self.high)

    def words(self, unit: str) -> str:
        low = f"{_with_unit(self.low, unit)}以上" if self.low is not None else ""
        return f"{low}不满 {_with_unit(self.high, unit)}" if self.high is not None else low or "不论多少"


@dataclass(frozen=True)
class Tiers(Node):
    """The first band that a number lies in; outside all of them the amount is 0."""

    fact: Fact
    bands: tuple[Band, ...]

    @property
    def parts(self) -> Sequence[Node]:  # type: ignore[override]
        return [band.then for band in self.bands]

    def own_facts(self) -> Iterator[Fact]:
        yield self.fact

    def work(self, facts: Facts) -> tuple[Decimal, str]:
        value = number_of(facts, self.fact)
        shown = f"{self.fact.label} {_with_unit(value, self.fact.unit)}"
        for band in self.bands:
            if band.holds(value):
                amount, text = band.then.work(facts)
                return amount, f"{_bracketed(band.then, text)}（{shown}，{band.words(self.fact.unit)}）"
        return Decimal(0), f"0（{shown}，不在任何一档）"

    def sql(self, columns: Mapping[str, str]) -> Sql:
        column, cases, params = f"({columns[self.fact.name]})::numeric", [], []
        for band in self.bands:
            limits = [(">=", band.low), ("<", band.high)]
            held = [(sign, limit) for sign, limit in limits if limit is not None]
            then = band.then.sql(columns)
            cases.append(
                f"WHEN {' AND '.join(f'{column} {sign} %s' for sign, _ in held) or 'true'} THEN {then.text}"
            )
            params += [*(limit for _, limit in held), *then.params]
        return Sql(f"(CASE {' '.join(cases)} ELSE 0::numeric END)", tuple(params))

    def words(self) -> str:
        lines = [f"{band.words(self.fact.unit)}：{band.then.words()}" for band in self.bands]
        return f"按{self.fact.label}分档（{'；'.join(lines)}）"


@dataclass(frozen=True)
class Table(Node):
    """An amount for each word of a list, such as grades A, B and C."""

    fact: Fact
    rows: tuple[tuple[str, Node], ...]

    @property
    def parts(self) -> Sequence[Node]:  # type: ignore[override]
        return [then for _, then in self.rows]

    def own_facts(self) -> Iterator[Fact]:
        yield self.fact

    def work(self, facts: Facts) -> tuple[Decimal, str]:
        word = text_of(facts, self.fact)
        then = dict(self.rows)[word]
        amount, text = then.work(facts)
        return amount, f"{_bracketed(then, text)}（{self.fact.label}：{word}）"

    def sql(self, columns: Mapping[str, str]) -> Sql:
        cases, params = [], []
        for word, node in self.rows:
            then = node.sql(columns)
            cases.append(f"WHEN %s THEN {then.text}")
            params += [word, *then.params]
        return Sql(
            f"(CASE ({columns[self.fact.name]})::text {' '.join(cases)} ELSE 0::numeric END)", tuple(params)
        )

    def words(self) -> str:
        return f"按{self.fact.label}（{'；'.join(f'{word}：{then.words()}' for word, then in self.rows)}）"


@dataclass(frozen=True)
class TopUp(Node):
    """补差: what the household lacks to the standard for all its members, never below 0."""

    standard: Node
    members: Number
    income: Number

    @property
    def parts(self) -> Sequence[Node]:  # type: ignore[override]
        return [self.standard, self.members, self.income]

    def work(self, facts: Facts) -> tuple[Decimal, str]:
        standard, told = self.standard.work(facts)
        (members, heads), (income, earned) = self.members.work(facts), self.income.work(facts)
        lacking = standard * members - income
        text = f"（{_bracketed(self.standard, told)} × {heads} − {earned}）"
        return max(Decimal(0), lacking), text if lacking >= 0 else f"{text}，收入已达标准，按 0 计"

    def sql(self, columns: Mapping[str, str]) -> Sql:
        standard, members, income = (part.sql(columns) for part in self.parts)
        text = f"GREATEST(0::numeric, {standard.text} * {members.text} - {income.text})"
        return Sql(text, standard.params + members.params + income.params)

    def words(self) -> str:
        product = f"{_bracketed(self.standard, self.standard.words())} × {self.members.words()}"
        return f"（{product} − {self.income.words()}），不足 0 按 0"


@dataclass(frozen=True)
class Cut(Node):
    """A number cut off (truncate) or rounded half-up (round) to some places, such as areas to two."""

    op: str
    of: Node
    places: int

    @property
    def parts(self) -> Sequence[Node]:  # type: ignore[override]
        return [self.of]

    def work(self, facts: Facts) -> tuple[Decimal, str]:
        value, text = self.of.work(facts)
        way = ROUND_DOWN if self.op == "truncate" else ROUND_HALF_UP
        result = value.quantize(Decimal(1).scaleb(-self.places), way) + 0
        return result, text if result == value else f"{self._named(text)}取 {result:f}"

    def sql(self, columns: Mapping[str, str]) -> Sql:
        inner = self.of.sql(columns)
        return Sql(
            f"{'trunc' if self.op == 'truncate' else 'round'}({inner.text}, {self.places})", inner.params
        )

    def words(self) -> str:
        return f"{self._named(self.of.words())}{'舍去' if self.op == 'truncate' else '四舍五入'}到 {self.places} 位小数"

    def _named(self, text: str) -> str:
        return _bracketed(self.of, text)


def number_of(facts: Facts, fact: Fact) -> Decimal:
    """A declared number; text as well as Decimal, at most 12 digits before and 6 after the point."""
    given = facts.get(fact.name)
    if given is None or given == "":
        raise BadInput(f"没有填{fact.label}，算不出金额。", field=fact.name)
    if isinstance(given, bool) or not isinstance(given, Decimal | int | str):
        raise TypeError(f"{fact.name} is a Decimal, int or text, not {type(given).__name__}")
    text = f"{given:f}" if isinstance(given, Decimal) else str(given).strip()
    if not NUMBER.fullmatch(text):
        raise BadInput(f"{fact.label}“{text[:20]}”不是数字，或位数太多。", field=fact.name)
    return Decimal(text)


def text_of(facts: Facts, fact: Fact) -> str:
    """A declared word, which must be one of those the table lists."""
    given = facts.get(fact.name)
    if given is None or given == "":
        raise BadInput(f"没有选{fact.label}，算不出金额。", field=fact.name)
    if given not in fact.choices:
        raise BadInput(
            f"{fact.label}“{str(given)[:20]}”不在标准里，应为{'、'.join(fact.choices)}。", field=fact.name
        )
    return str(given)


_ARITHMETIC: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "add": Decimal.__add__,
    "sub": Decimal.__sub__,
    "mul": Decimal.__mul__,
}
_SIGN = {"add": "＋", "sub": "−", "mul": "×"}
_SQL_SIGN = {"add": "+", "sub": "-", "mul": "*"}


def _joined_sql(parts: Sequence[Node], columns: Mapping[str, str], sign: str) -> Sql:
    inner = [part.sql(columns) for part in parts]
    return Sql(f"({sign.join(one.text for one in inner)})", tuple(p for one in inner for p in one.params))


def _bracketed(node: Node, text: str) -> str:
    return f"（{text}）" if node.is_sum else text


def _with_unit(value: Decimal | None, unit: str) -> str:
    shown = f"{value:,f}".replace("-", "\u2212")
    return f"{shown} {unit}" if unit else shown
