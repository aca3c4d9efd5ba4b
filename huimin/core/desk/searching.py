"""The search box of the top bar: each app registers in its searching.py what can be found and by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import and_
from typing import TYPE_CHECKING

from django.db.models import Q

from huimin.core.authority import scope

if TYPE_CHECKING:
    from huimin.core.models import User

SHOWN = 10  # of each kind; more are found on the list itself


@dataclass(frozen=True, slots=True)
class Hit:
    label: str
    url: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    title: str
    hits: list[Hit]
    more: bool


Search = Callable[["User", str], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class _Source:
    title: str
    area: str
    find: Search


_sources: list[_Source] = []


def source(title: str, *, area: str = "") -> Callable[[Search], Search]:
    """Register `find(user, words)` under a heading; people whose roles do not read `area` are not asked for.

    `find` begins with what the list of its kind begins with, and yields best first; only SHOWN + 1 hits are taken from it.
    """

    def register(find: Search) -> Search:
        _sources.append(_Source(title, area, find))
        return find

    return register


def every_word(words: str, named: Callable[[str], Q]) -> Q:
    """Rows that each of the words names, in any way: a name and a village, a policy and a village."""
    return reduce(and_, (named(word) for word in words.split()), Q())


def search(user: User, words: str) -> list[Found]:
    """What each kind has for these words; kinds without a hit are left out."""
    found = []
    for one in _sources:
        if one.area and not scope.reads(user, one.area):
            continue
        hits = list(islice(one.find(user, words), SHOWN + 1))
        if hits:
            found.append(Found(one.title, hits[:SHOWN], len(hits) > SHOWN))
    return found
