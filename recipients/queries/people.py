"""What the pages read of people and imports, and how rows are found by names, codes and places."""

from __future__ import annotations

import re
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from django.db.models import (
    CharField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Cast, Concat

from huimin.core import clock, crypto
from huimin.core.authority.scope import NOTHING, within
from huimin.core.desk.searching import every_word
from huimin.core.models import Division, Job
from huimin.core.values import identity
from recipients.models import (
    Account,
    Person,
    RegistryImport,
)

if TYPE_CHECKING:
    from huimin.core.models import User

IMPORT_JOB = "recipients.registry_import"  # the kind of job; its key ends with the import's number
MOST_PLACES = 50  # of one name; a word that so many places bear names none
_LETTERS = re.compile(r"[a-z]{1,12}", re.IGNORECASE)
_CODE = re.compile(r"[0-9A-Za-z-]*\d[0-9A-Za-z-]*", re.ASCII)


def people_for(user: User) -> QuerySet[Person]:
    """People in reach with what a list shows; private columns but the ID number are not decrypted."""
    holders = Person.objects.filter(is_holder=True).exclude(status="void").only("name", "household_id")
    return people_exported_for(user).prefetch_related(
        Prefetch("household__members", holders, to_attr="holders")
    )


def people_exported_for(user: User) -> QuerySet[Person]:
    """The same for a workbook, which tells the household by its code."""
    active = Account.objects.filter(is_active=True).only("tail", "person_id")
    rows: QuerySet[Person] = (
        Person.objects.visible_to(user)
        .defer("phone", "id_commitment")
        .select_related("household")
        .prefetch_related(Prefetch("accounts", active, to_attr="active_accounts"))
    )
    return rows


def matching(words: str) -> Q:
    """People by any part of their name, by pinyin or its initials, or by household code; of several words each must be
    in the name or name the place: 王秀英 余岭."""
    if len(words.split()) < 2:
        return _called(words.strip())
    return every_word(words, lambda word: _called(word) | at_place(word))


def about(words: str, *people: str) -> Q:
    """Rows of which every word names one of `people` (fields that lead to one), as in `matching`, or the place."""
    return every_word(
        words, lambda word: reduce(or_, (_called(word, f"{one}__") for one in people)) | at_place(word)
    )


def _called(text: str, of: str = "") -> Q:
    if _CODE.fullmatch(text):
        return Q(**{f"{of}household__code__iexact": text})
    if _LETTERS.fullmatch(text):
        letters = text.lower()
        pattern = "^" + " ".join(f"{letter}[^ ]*" for letter in letters)
        return (
            Q(**{f"{of}name_key__regex": pattern})
            | Q(**{f"{of}name_key__startswith": letters})
            | Q(**{f"{of}name__icontains": text})
        )
    return Q(**{f"{of}name__contains": text})


def at_place(word: str) -> Q:
    """Rows at or below a place whose name has this word in it."""
    codes = Division.objects.filter(name__contains=word).values_list("code", flat=True)[:MOST_PLACES]
    return reduce(or_, (within(code) for code in codes), NOTHING)


def with_number(words: str) -> Q:
    """The person with a whole ID number, by its blind index; BadInput when it is none."""
    number = identity.parse_id_number(words, today=clock.today()).number
    return Q(id_key=crypto.blind_index("id_number", number))


def imports_for(user: User) -> QuerySet[RegistryImport]:
    """Imports in reach, each with `job_state`: how the job that does it stands."""
    key = Concat(Value(f"{IMPORT_JOB}:"), Cast(OuterRef("pk"), CharField()))
    rows: QuerySet[RegistryImport] = (
        RegistryImport.objects.visible_to(user)
        .select_related("file", "created_by")
        .annotate(job_state=Subquery(Job.objects.filter(key=key).values("state")[:1]))
    )
    return rows
