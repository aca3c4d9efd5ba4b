"""The operations of the amount rule: each says its value with its words, and the same in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from huimin.core.errors import BadInput
from huimin.core.values import numbers

Value = Decimal | str | int
Facts = Mapping[str, Value]


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
    """A statement under construction: where each fact stands, and the values that travel as named parameters."""

    columns: Mapping[str, str]
    params: dict[str, Any] = field(default_factory=dict)

    def number(self, fact: Fact) -> str:
        return f"({self.columns[fact.name]})::numeric"

    def word(self, fact: Fact) -> str:
        return f"({self.columns[fact.name]})::text"

    def bind(self, value: Any) -> str:
        name = f"rule{len(self.params)}"
        self.params[name] = value
        return f"%({name})s"


class Node:
    """One operation. `work` gives value and words, `sql` the same for a column, `words` what it says of everyone."""

    parts: Sequence[Node] = ()
    is_sum = False  # wants brackets inside a product

    def own_facts(self) -> Iterator[Fact]:
        yield from ()

    def work(self, facts: Facts) -> tuple[Decimal, str]:
        raise NotImplementedError

    def sql(self, into: Sql) -> str:
        raise NotImplementedError

    def words(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Const(Node):
    value: Decimal
    unit: str

    def work(self, facts: Facts) -> tuple[Decimal, str]:
        return self.value, self.words()

    def sql(self, into: Sql) -> str:
        return f"{into.bind(self.value)}::numeric"

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

    def sql(self, into: Sql) -> str:
        return into.number(self.fact)

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

    def sql(self, into: Sql) -> str:
        return _joined_sql(self.parts, into, f" {_SQL_SIGN[self.op]} ")

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

    def sql(self, into: Sql) -> str:
        return ("LEAST" if self.op == "min" else "GREATEST") + _joined_sql(self.parts, into, ", ")

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

    def sql(self, into: Sql) -> str:
        column, cases = into.number(self.fact), []
        for band in self.bands:
            limits = [(">=", band.low), ("<", band.high)]
            held = [f"{column} {sign} {into.bind(limit)}" for sign, limit in limits if limit is not None]
            cases.append(f"WHEN {' AND '.join(held) or 'true'} THEN {band.then.sql(into)}")
        return f"(CASE {' '.join(cases)} ELSE 0::numeric END)"

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

    def sql(self, into: Sql) -> str:
        cases = [f"WHEN {into.bind(word)} THEN {then.sql(into)}" for word, then in self.rows]
        return f"(CASE {into.word(self.fact)} {' '.join(cases)} ELSE 0::numeric END)"

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

    def sql(self, into: Sql) -> str:
        standard, members, income = (part.sql(into) for part in self.parts)
        return f"GREATEST(0::numeric, {standard} * {members} - {income})"

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

    def sql(self, into: Sql) -> str:
        return f"{'trunc' if self.op == 'truncate' else 'round'}({self.of.sql(into)}, {self.places})"

    def words(self) -> str:
        return f"{self._named(self.of.words())}{'舍去' if self.op == 'truncate' else '四舍五入'}到 {self.places} 位小数"

    def _named(self, text: str) -> str:
        return _bracketed(self.of, text)


def number_of(facts: Facts, fact: Fact) -> Decimal:
    """A declared number by the one rule of numbers.QUANTITY, as text or Decimal: never negative, nothing to tidy."""
    given = facts.get(fact.name)
    if given is None or given == "":
        raise BadInput(f"没有填{fact.label}，算不出金额。", field=fact.name)
    if isinstance(given, bool) or not isinstance(given, Decimal | int | str):
        raise TypeError(f"{fact.name} is a Decimal, int or text, not {type(given).__name__}")
    text = f"{given:f}" if isinstance(given, Decimal) else str(given)
    if not numbers.QUANTITY.fullmatch(text):
        raise BadInput(f"{fact.label}“{numbers.shown(text)}”不是数字，或小于0，或位数太多。", field=fact.name)
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


def _joined_sql(parts: Sequence[Node], into: Sql, sign: str) -> str:
    return f"({sign.join(part.sql(into) for part in parts)})"


def _bracketed(node: Node, text: str) -> str:
    return f"（{text}）" if node.is_sum else text


def _with_unit(value: Decimal | None, unit: str) -> str:
    shown = f"{value:,f}".replace("-", "\u2212")
    return f"{shown} {unit}" if unit else shown
