"""Places by name, for the rows of a list, of a page or of an export; never a query for each row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from huimin.core.models import Division

BLOCK = 1_000  # rows of an export in memory at a time


def place_names(codes: Iterable[str]) -> dict[str, str]:
    """Code to 梅山镇 梅山村, in one query."""
    return Division.objects.titles(codes, between=" ")


def with_places(rows: Iterable[Any], *, short: bool = False) -> list[Any]:
    """The rows of a page, each knowing its place by name (`place_name`); `short` within one township: 梅山村."""
    listed = list(rows)
    codes = [row.division_code for row in listed]
    names = Division.objects.names(codes) if short else place_names(codes)
    for row in listed:
        row.place_name = names.get(row.division_code, row.division_code)
    return listed


def in_places(rows: QuerySet[Any]) -> Iterator[Any]:
    """All rows of an export, each knowing its place by name: read in blocks, so that a county takes little memory.

    No transaction of its own: whoever stops reading half way (an export that becomes a job) would write into one that is
    rolled back with this generator.
    """
    found = rows.iterator(chunk_size=BLOCK)
    while block := list(islice(found, BLOCK)):
        yield from with_places(block)
