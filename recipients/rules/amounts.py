"""What the policy's rule gives for lines of a period: for one with its working, for many in SQL.

Which fact is found where is said here alone, by known_facts() in Python and _column() in SQL; declarations and rosters
both ask here, and tests hold the three equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from huimin.core.errors import BadInput
from huimin.core.values import numbers
from huimin.core.values.identity import age_on
from huimin.core.values.periods import Period
from subsidies.rules import Rule, Worked, compile_sql, evaluate, parse_rule
from subsidies.rules.parsing import COUNTS_MONTHS

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from subsidies.models import PolicyVersion
    from subsidies.rules import Fact


def rule_of(version: PolicyVersion) -> Rule:
    return parse_rule(version.amount_rule)


def facts_of(version: PolicyVersion) -> tuple[Fact, ...]:
    return rule_of(version).facts


def counts_months(version: PolicyVersion) -> bool:
    """Whether the rule counts months: each stretch of a right is then paid. Any other pays a period once."""
    return any(fact.name == "months" for fact in facts_of(version))


def counts_months_in_sql(version: str) -> str:
    """The same of rows of versions."""
    return f"({version}.amount_rule @? '{COUNTS_MONTHS}')"


def known_facts(period: Period, *, quantity: Decimal, facts: Mapping[str, str], born: date) -> dict[str, Any]:
    """What a rule may ask of one person. Nobody declares WORKED_OUT: a declared age or quantity counts for nothing.

    The age is that on the period's first day, 0 for who is born later.
    """
    age = max(0, age_on(born, period.first))
    return {**facts, "quantity": quantity, "months": period.months, "age": age}


def work_out(
    rule: Rule, period: Period, *, quantity: Decimal, facts: Mapping[str, str], born: date
) -> Worked:
    """One line's amount and working; BadInput when it comes to nothing."""
    worked = evaluate(rule, known_facts(period, quantity=quantity, facts=facts, born=born))
    if worked.amount <= 0:
        raise BadInput(f"按标准算出的金额是0（{worked.working}），不用申报。", field="quantity")
    return worked


def amount_sql(
    rule: Rule, *, line: str, person: str, first_day: str, months: str
) -> tuple[str, dict[str, Any]]:
    """The amount of many lines, as an expression with named parameters; NULL where evaluate() refuses the facts.

    `line` is the alias of rows with quantity and facts, `person` of rows with birth_date; `first_day` (of the period)
    and `months` (that are paid) are expressions of the caller's, with a literal % doubled.
    """
    columns = {
        fact.name: _column(fact, line=line, person=person, first_day=first_day, months=months)
        for fact in rule.facts
    }
    return compile_sql(rule, columns)


def _column(fact: Fact, *, line: str, person: str, first_day: str, months: str) -> str:
    known = {
        "quantity": f"{line}.quantity",
        "months": months,
        "age": f"greatest(0, extract(year FROM age({first_day}, {person}.birth_date)))",
    }
    if fact.name in known:
        return known[fact.name]
    declared = f"{line}.facts ->> '{fact.name}'"
    if fact.is_text:
        return f"({declared})"
    # words in the place of a number are no number, and so no amount
    return f"CASE WHEN {declared} ~ '^{numbers.QUANTITY.pattern}$' THEN ({declared})::numeric END"
