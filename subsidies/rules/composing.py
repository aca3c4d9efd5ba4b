"""Rules that fit a form: one base (a standard, tiers, a table, 补差), times a quantity, times the months."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Node = dict[str, Any]
BASES = ("flat", "tiers", "table", "top_up")


@dataclass(frozen=True, slots=True)
class Composed:
    """What an officer chose; `rows` are (from, to, amount) of tiers or (word, amount) of a table, all text."""

    base: str
    amount: str = ""
    unit: str = ""  # of the amount and of every row's, such as 元/亩; left out of the rule it means 元
    rows: list[tuple[str, ...]] = field(default_factory=list)
    by: str = "age"
    by_label: str = ""
    by_unit: str = ""
    quantity_label: str = ""
    quantity_unit: str = ""
    times_quantity: bool = False
    times_months: bool = False
    # what 补差 asks, and what it calls that
    members: tuple[str, str] | None = None
    income: tuple[str, str] | None = None


def compose(chosen: Composed) -> Node:
    """The rule as JSON; parse_rule checks it."""
    node = _base(chosen)
    if chosen.times_quantity:
        quantity = _fact("quantity", chosen.quantity_label, chosen.quantity_unit)
        node = {"op": "mul", "args": [{"op": "fact", **quantity}, node]}
    return {"op": "monthly", "of": node} if chosen.times_months else node


def decompose(node: Node) -> Composed | None:
    """The choices behind a rule, to fill the form again; None unless compose() makes this very rule of them."""
    chosen: dict[str, Any] = {}
    whole = node
    if node.get("op") == "monthly":
        chosen["times_months"], node = True, node["of"]
    if node.get("op") == "mul" and len(node["args"]) == 2 and node["args"][0].get("name") == "quantity":
        quantity, node = node["args"]
        chosen |= {
            "times_quantity": True,
            "quantity_label": quantity.get("label", ""),
            "quantity_unit": quantity.get("unit", ""),
        }
    base = _read_base(node)
    found = Composed(**chosen, **base) if base else None
    return found if found and compose(found) == whole else None


def _base(chosen: Composed) -> Node:
    by = _fact(chosen.by, chosen.by_label, chosen.by_unit)
    if chosen.base == "tiers":
        bands = [
            {"from": low or None, "to": high or None, "then": _const(amount, chosen.unit)}
            for low, high, amount in chosen.rows
        ]
        return {"op": "tiers", "by": by, "bands": bands}
    if chosen.base == "table":
        rows = [{"is": word, "then": _const(amount, chosen.unit)} for word, amount in chosen.rows]
        return {"op": "table", "by": by, "rows": rows}
    standard = _const(chosen.amount, chosen.unit)
    if chosen.base == "top_up":
        asked = {"members": chosen.members, "income": chosen.income}
        named = {name: _fact(name, *words) for name, words in asked.items() if words is not None}
        return {"op": "top_up", "standard": standard, **named}
    return standard


def _read_base(node: Node) -> dict[str, Any] | None:
    op = node.get("op")
    if op == "const":
        return {"base": "flat", "amount": node["value"], "unit": node.get("unit", "")}
    if op == "top_up" and node["standard"].get("op") == "const":
        standard = node["standard"]
        asked = {
            name: (node[name].get("label", ""), node[name].get("unit", ""))
            for name in ("members", "income")
            if node.get(name)
        }
        return {"base": "top_up", "amount": standard["value"], "unit": standard.get("unit", ""), **asked}
    rows = node.get("bands") if op == "tiers" else node.get("rows") if op == "table" else None
    if not rows or any(row["then"].get("op") != "const" for row in rows):
        return None
    keys = ("from", "to") if op == "tiers" else ("is",)
    return {
        "base": op,
        "unit": rows[0]["then"].get("unit", ""),
        "by": node["by"]["name"],
        "by_label": node["by"].get("label", ""),
        "by_unit": node["by"].get("unit", ""),
        "rows": [(*(row.get(key) or "" for key in keys), row["then"]["value"]) for row in rows],
    }


def _fact(name: str, label: str, unit: str) -> Node:
    return {"name": name, **({"label": label} if label else {}), **({"unit": unit} if unit else {})}


def _const(amount: str, unit: str) -> Node:
    return {"op": "const", "value": amount, **({"unit": unit} if unit else {})}
