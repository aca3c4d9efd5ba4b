"""The one amount rule: a typed tree per policy version, worked out for one person and compiled to SQL for many.

Stored as JSON: {"op": "mul", "args": [{"op": "fact", "name": "quantity", "label": "面积", "unit": "亩"},
{"op": "const", "value": "86.90", "unit": "元/亩"}]}. Arithmetic is exact; only the result is rounded, half-up to the
分, person by person (rosters published by counties add up that way). What a rule asks for must all be declared, also
where a tier would not read it, and a word that a table does not list is refused: Python raises BadInput, SQL gives
NULL. So no NULL can creep through LEAST or a sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cached_property
from typing import Any

from huimin.core.errors import BadInput
from huimin.core.values.money import MOST, format_yuan, round_yuan
from subsidies.rules.nodes import Fact, Facts, Node, Sql, number_of, text_of
from subsidies.rules.parsing import WORKED_OUT, Parser

__all__ = [
    "WORKED_OUT",
    "Fact",
    "Facts",
    "Rule",
    "Worked",
    "compile_sql",
    "describe",
    "evaluate",
    "parse_rule",
]
_PRECISION = 2_000  # exact: 60 factors of at most 18 digits each


@dataclass(frozen=True, slots=True)
class Worked:
    """What one person gets, in 元 with two places, and how it came about in one line."""

    amount: Decimal
    working: str


@dataclass(frozen=True)
class Rule:
    """A parsed rule; get one from parse_rule."""

    root: Node

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        found: dict[str, Fact] = {}
        for node in _walk(self.root):
            for fact in node.own_facts():
                found[fact.name] = _merged(found.get(fact.name), fact)
        return tuple(found.values())


def parse_rule(source: Any) -> Rule:
    """A rule from its JSON; BadInput names the place of the first fault, such as 计算规则 › mul › 第2项."""
    rule = Rule(Parser().node(source, "计算规则", 1))
    _ = rule.facts  # refuses a fact that is a number here and a word there
    return rule


def evaluate(rule: Rule, facts: Facts) -> Worked:
    """The amount for one person, half-up to the 分, with its working; BadInput when something is missing or wrong."""
    for fact in rule.facts:
        (text_of if fact.is_text else number_of)(facts, fact)
    with localcontext(prec=_PRECISION):
        exact, text = rule.root.work(facts)
        if exact < 0:
            raise BadInput(f"按规则算出的金额是负数（{text}），请核对填报的数。")
        if exact > MOST:
            raise BadInput("按规则算出的金额超过系统能记的上限，请核对填报的数。")
        amount = round_yuan(exact)
    return Worked(amount, f"{text}＝{format_yuan(amount)} 元")


def compile_sql(rule: Rule, columns: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The same amount for many rows: an expression with parameters %(rule0)s, … that gives numeric(14,2).

    `columns` maps every fact's name to an SQL expression (a literal % in it doubled). NULL where evaluate raises
    BadInput: a fact is missing, a word is unknown, the amount is negative or too large. The caller refuses such rows.
    """
    missing = [fact.name for fact in rule.facts if fact.name not in columns]
    if missing:
        raise ValueError(f"no column for {', '.join(missing)}")
    into = Sql(columns)
    conditions = ["true"]
    for fact in rule.facts:
        if fact.is_text:
            conditions.append(f"{into.word(fact)} = ANY({into.bind(list(fact.choices))})")
        else:
            conditions.append(f"{into.number(fact)} IS NOT NULL")
    exact = rule.root.sql(into)
    # columns are written by us, values travel as parameters
    inner = f"SELECT CASE WHEN {' AND '.join(conditions)} THEN {exact} END AS exact"
    fits = f"worked.exact BETWEEN 0 AND {MOST}"
    text = (
        f"(SELECT CASE WHEN {fits} THEN round(worked.exact, 2)::numeric(14,2) END FROM ({inner}) AS worked)"  # noqa: S608
    )
    return text, into.params


def describe(rule: Rule) -> str:
    """The rule in one Chinese sentence."""
    return f"金额＝{rule.root.words()}，逐人四舍五入到分。"


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts:
        yield from _walk(part)


def _merged(known: Fact | None, fact: Fact) -> Fact:
    """One fact asked for twice; the words of two tables must be the same, so that one list can be offered."""
    if known is None:
        return fact
    if known.choices != fact.choices:
        raise BadInput(f"计算规则里的“{fact.label}”前后不一致：同一项只能是数字，或用同一组类别。")
    return known
