"""Which lines go into an order: those of the chosen banks that no order holds, in as many files as the bank needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.db import connection
from psycopg.types.range import Int4Range

from disbursement.models import OrderPart, PaymentOrder, Roster
from disbursement.models.sql import AT, FREE, LIVE, pays
from disbursement.queries import ZERO
from huimin.core.values import digests


@dataclass(frozen=True, slots=True)
class Part:
    """Lines `first` to `last` of a roster that were listed at one bank (0: none of the county's): how many are paid, and
    their sum in 元; `is_across` (跨行) where the bank that pays them is not known to have their accounts."""

    roster_id: int
    bank_id: int
    first: int
    last: int
    count: int
    total: Decimal
    is_across: bool


# a part is a run of lines without one between them that is free and stays, or that another live order holds (where a file
# was cancelled and the next was not): so no part reaches over lines that are not its own
_HELD = """(SELECT count(*) FROM disbursement_orderpart e WHERE e.is_live AND e.roster_id = l.roster_id
    AND e.bank_id = l.bank_id AND upper(e.lines) <= l.line_no)"""
PLAN = f"""
WITH free AS (
    SELECT l.roster_id, l.bank_id, l.line_no, l.amount, {_HELD} AS held, z.at = ANY(%(banks)s) AS chosen,
           z.at <> %(bank)s AS across
    FROM {LIVE} CROSS JOIN LATERAL (SELECT {AT} AS at) z
    WHERE r.id = ANY(%(rosters)s) AND {FREE} AND (l.bank_id = ANY(%(banks)s) OR NOT {pays("l.bank_id")})
), runs AS (
    SELECT f.*, row_number() OVER (PARTITION BY roster_id, bank_id ORDER BY line_no)
                - row_number() OVER (PARTITION BY roster_id, bank_id, chosen, across, held ORDER BY line_no) AS run
    FROM free f
), placed AS (
    SELECT u.*, x.file + (x.held + row_number() OVER (PARTITION BY roster_id ORDER BY line_no) - 1) / %(most)s AS file
    FROM runs u JOIN unnest(%(rosters)s::bigint[], %(files)s::int[], %(held)s::int[]) AS x (roster, file, held)
         ON x.roster = u.roster_id
    WHERE u.chosen
)
SELECT file, roster_id, bank_id, min(line_no), max(line_no), count(*), sum(amount), across FROM placed
GROUP BY file, roster_id, bank_id, across, placed.held, run ORDER BY file, roster_id, min(line_no), bank_id
"""  # noqa: S608 -- constants of ours


def plan(
    rosters: Sequence[Roster], counts: Mapping[int, int], banks: Collection[int], *, bank: int, most: int
) -> list[list[Part]]:
    """The free lines at these banks as files of `bank` with at most `most` lines; `counts` says how many each roster has."""
    starts = _starts([(one.pk, counts[one.pk]) for one in rosters if counts.get(one.pk)], most)
    rosters_, files, held = (list(column) for column in zip(*starts, strict=True))
    asked: dict[str, Any] = {"rosters": rosters_, "files": files, "held": held, "banks": list(banks)}
    with connection.cursor() as cursor:
        cursor.execute(PLAN, asked | {"bank": bank, "most": most})
        found: dict[int, list[Part]] = {}
        for file, *part in cursor.fetchall():
            found.setdefault(file, []).append(Part(*part))
    return [found[file] for file in sorted(found)]


def _starts(counts: Sequence[tuple[int, int]], most: int) -> list[tuple[int, int, int]]:
    """(roster, the file in which it begins, lines already there): a township stays whole where it fits into a file."""
    found, file, held = [], 0, 0
    for roster, count in counts:
        if held and held + count > most:
            file, held = file + 1, 0
        found.append((roster, file, held))
        file, held = file + (held + count) // most, (held + count) % most
    return found


def total_of(found: Sequence[Part]) -> tuple[int, Decimal]:
    return sum(one.count for one in found), sum((one.total for one in found), ZERO)


def fingerprint(found: Sequence[Part], hashes: Mapping[int, str]) -> str:
    """Root (hex) over the parts, each with its roster's content hash: what the signer saw."""
    return digests.merkle_root(
        sha256(
            digests.canonical_row(
                [hashes[one.roster_id], *map(str, (one.bank_id, one.first, one.last, one.count, one.total))]
            )
        ).digest()
        for one in found
    ).hex()


def write(order: PaymentOrder, found: Sequence[Part]) -> None:
    """In one statement, as the trigger wants it that adds them up."""
    OrderPart.objects.bulk_create(
        OrderPart(
            order=order,
            roster_id=one.roster_id,
            bank_id=one.bank_id,
            lines=Int4Range(one.first, one.last + 1),
            line_count=one.count,
            total=one.total,
            is_across=one.is_across,
        )
        for one in found
    )


def parts_of(order: PaymentOrder) -> list[Part]:
    """As they were written, and in that order."""
    return [
        Part(
            one.roster_id,
            one.bank_id,
            one.lines.lower,
            one.lines.upper - 1,
            one.line_count,
            one.total,
            one.is_across,
        )
        for one in OrderPart.objects.filter(order=order).order_by("pk")
    ]
