"""What the policy's rule gives for lines of a period: for one with its working, for many in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from huimin.core.errors import BadInput
from huimin.core.values.periods import Period
from subsidies.rules import Rule, Worked, compile_sql, evaluate, facts_needed, parse_rule

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from subsidies.models import PolicyVersion
    from subsidies.rules import Fact


def rule_of(version: PolicyVersion) -> Rule:
    return parse_rule(version.amount_rule)


def facts_of(version: PolicyVersion) -> tuple[Fact, ...]:
    return facts_needed(rule_of(version))


def work_out(
    rule: Rule, period: Period, *, quantity: Decimal, facts: Mapping[str, str], born: date
) -> Worked:
    """One line's amount and working. `months` comes from the period, `age` is that on its first day."""
    known: dict[str, Any] = {
        "months": period.months,
        "age": _age(born, period.first),
        **facts,
        "quantity": quantity,
    }
    worked = evaluate(rule, known)
    if worked.amount <= 0:
        raise BadInput(f"按标准算出的金额是0（{worked.working}），不用申报。", field="quantity")
    return worked


def amount_sql(rule: Rule, period: Period, *, line: str, person: str) -> tuple[str, list[Any]]:
    """An SQL expression for the amount; `line` has quantity and facts, `person` birth_date (table aliases).

    NULL where work_out() would refuse the facts. The one place that says where each fact is found.
    """
    age = f"extract(year FROM age(date '{period.first}', {person}.birth_date))::int"
    known = {"quantity": f"{line}.quantity", "months": str(period.months)}
    columns = {
        fact.name: known.get(fact.name) or _fact_column(fact, line, age) for fact in facts_needed(rule)
    }
    return compile_sql(rule, columns)


def _fact_column(fact: Fact, line: str, age: str) -> str:
    stored = f"{line}.facts ->> '{fact.name}'"
    if fact.name == "age":
        return f"coalesce(({stored})::numeric, {age})"
    return f"({stored})" if fact.is_text else f"({stored})::numeric"


def _age(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
