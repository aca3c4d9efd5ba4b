"""Numbers of batches and orders: PF341524-2026-000001, without gaps, from a counter row under lock."""

from django.db import connection

BATCH, ORDER = "PF", "ZF"


def next_number(prefix: str, *, county_code: str, year: int) -> str:
    """The next number of a series; the row stays locked until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO disbursement_numberseries AS s (county_code, prefix, year, last) VALUES (%s, %s, %s, 1)
               ON CONFLICT (county_code, prefix, year) DO UPDATE SET last = s.last + 1 RETURNING s.last""",
            [county_code, prefix, year],
        )
        return f"{prefix}{county_code[:6]}-{year}-{cursor.fetchone()[0]:06d}"
