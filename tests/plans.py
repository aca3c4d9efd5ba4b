"""What a statement reads: plans may be asserted (rows, nodes), times never."""

import json


def plan_of(owner, sql, params=None, *, run=True):
    """The plan's root node as a dictionary; `run` carries the statement out and adds what it really read."""
    words = "ANALYZE, BUFFERS, FORMAT JSON" if run else "FORMAT JSON"
    plan = owner.execute(f"EXPLAIN ({words}) {sql}", params).fetchone()[0]
    return (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]


def nodes(plan):
    """The node and everything below it."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def rows_read(owner, sql, params=None):
    """Table -> rows that the statement took from it or threw away."""
    found = {}
    for node in nodes(plan_of(owner, sql, params)):
        if name := node.get("Relation Name"):
            rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            rows += node.get("Rows Removed by Index Recheck", 0)
            found[name] = found.get(name, 0) + rows * node["Actual Loops"]
    return found


def buffers_read(owner, sql, params=None):
    """Table -> blocks that scans of it looked at."""
    found = {}
    for node in nodes(plan_of(owner, sql, params)):
        if (name := node.get("Relation Name")) and node["Node Type"] != "ModifyTable":
            found[name] = found.get(name, 0) + node["Shared Hit Blocks"] + node["Shared Read Blocks"]
    return found


def rows_read_by(owner, rows):
    """The same of a queryset."""
    sql, params = rows.query.sql_with_params()
    return rows_read(owner, sql, list(params))
