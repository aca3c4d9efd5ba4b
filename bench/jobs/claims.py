"""k: what keeps a right from being paid twice: an exclusion constraint on ranges, or a unique key per covered month."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, connection, transaction

from bench.child import Stage

TABLES = """
CREATE TABLE bench_claim_range (line_id bigint PRIMARY KEY, entitlement_id bigint NOT NULL, component varchar(24) NOT NULL,
    period_range daterange NOT NULL, CONSTRAINT bench_range_once
    EXCLUDE USING gist (entitlement_id WITH =, component WITH =, period_range WITH &&));
CREATE TABLE bench_claim_month (line_id bigint NOT NULL, entitlement_id bigint NOT NULL, component varchar(24) NOT NULL,
    month date NOT NULL, CONSTRAINT bench_month_once UNIQUE (entitlement_id, component, month));
CREATE INDEX bench_month_line ON bench_claim_month (line_id);
"""
# the month before is there already: nobody's table is empty
HISTORY = """
INSERT INTO bench_claim_range SELECT n, n, '', daterange('2025-12-01', '2026-01-01') FROM generate_series(1, %(rows)s) n;
INSERT INTO bench_claim_month SELECT n, n, '', '2025-12-01' FROM generate_series(1, %(rows)s) n;
"""
RANGE = """INSERT INTO bench_claim_range SELECT %(rows)s + n, n, '', daterange('2026-01-01', %(end)s)
    FROM generate_series(1, %(rows)s) n"""
MONTH = """INSERT INTO bench_claim_month SELECT %(rows)s + n, n, '', m::date FROM generate_series(1, %(rows)s) n,
    generate_series('2026-01-01'::timestamp, %(end)s::timestamp - interval '1 day', interval '1 month') m"""
# second claims that both must refuse or both must let pass: the same month, the year, a month later, another component
SECOND = (
    ("", "2026-01-01", "2026-02-01"),
    ("", "2025-12-01", "2026-12-01"),
    ("", "2027-03-01", "2027-04-01"),
    ("#1", "2026-01-01", "2026-02-01"),
)


def prepare(stage: Stage) -> None:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        cursor.execute(HISTORY % {"rows": stage.rows})


def _insert(stage: Stage, sql: str, table: str, end: str) -> dict[str, Any]:
    given = {"rows": stage.rows, "end": end}
    with stage.timed(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, given)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(DISTINCT line_id), pg_total_relation_size('{table}') / 1048576 FROM {table}"
        )
        rows, megabytes = cursor.fetchone()
    return {"rows": rows, "refused": [_refuses(sql, *second) for second in SECOND], "megabytes": megabytes}


def _refuses(sql: str, component: str, start: str, end: str) -> bool:
    """Whether entitlement 1 may claim this stretch too."""
    single = (
        sql.replace("''", "%(component)s")
        .replace("'2026-01-01'", "%(start)s")
        .replace("generate_series(1, %(rows)s) n", "generate_series(1, 1) n")
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(single, {"rows": 10**9, "component": component, "start": start, "end": end})
            transaction.set_rollback(True)
    except IntegrityError:
        return True
    return False


def range_yearly(stage: Stage) -> dict[str, Any]:
    return _insert(stage, RANGE, "bench_claim_range", "2027-01-01")


def range_monthly(stage: Stage) -> dict[str, Any]:
    return _insert(stage, RANGE, "bench_claim_range", "2026-02-01")


def month_yearly(stage: Stage) -> dict[str, Any]:
    """Twelve rows for every claim."""
    return _insert(stage, MONTH, "bench_claim_month", "2027-01-01")


def month_monthly(stage: Stage) -> dict[str, Any]:
    return _insert(stage, MONTH, "bench_claim_month", "2026-02-01")
