"""What the pages read: people, places by name, lines of a declaration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import reduce
from itertools import islice
from operator import or_
from typing import TYPE_CHECKING, Any, cast

from django.db.models import (
    Aggregate,
    BooleanField,
    Case,
    CharField,
    Count,
    DecimalField,
    F,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat

from huimin.core import clock, crypto
from huimin.core.authority.scope import NOTHING, town_of, within
from huimin.core.desk.searching import every_word
from huimin.core.models import Division, Job
from huimin.core.values import identity
from recipients.models import (
    Account,
    Declaration,
    DeclarationLine,
    Entitlement,
    EntitlementVersion,
    Objection,
    Person,
    RegistryImport,
)
from recipients.rules import TIMES_EARLIER, TIMES_USUAL
from subsidies.states import Deliberation

if TYPE_CHECKING:
    from huimin.core.models import User

IMPORT_JOB = "recipients.registry_import"  # the kind of job; its key ends with the import's number
MOST_PLACES = 50  # of one name; a word that so many places bear names none
BLOCK = 1_000  # rows of an export in memory at a time
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


def _called(text: str) -> Q:
    if _CODE.fullmatch(text):
        return Q(household__code__iexact=text)
    if _LETTERS.fullmatch(text):
        letters = text.lower()
        pattern = "^" + " ".join(f"{letter}[^ ]*" for letter in letters)
        return Q(name_key__regex=pattern) | Q(name_key__startswith=letters) | Q(name__icontains=text)
    return Q(name__contains=text)


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


def place_names(codes: Iterable[str]) -> dict[str, str]:
    """Village code to 梅山镇 梅山村, in one query."""
    return Division.objects.titles(codes, between=" ")


def with_places(rows: Iterable[Any]) -> list[Any]:
    """The rows of a page, each knowing its place by name."""
    listed = list(rows)
    names = place_names(row.division_code for row in listed)
    for row in listed:
        row.place_name = names[row.division_code]
    return listed


def in_places(rows: QuerySet[Any]) -> Iterator[Any]:
    """All rows of an export, each knowing its place by name: read in blocks, so that a county takes little memory.

    No transaction of its own: whoever stops reading half way (an export that becomes a job) would write into one that is
    rolled back with this generator.
    """
    found = rows.iterator(chunk_size=BLOCK)
    while block := list(islice(found, BLOCK)):
        yield from with_places(block)


def odd_quantities(lines: QuerySet[DeclarationLine], one: Declaration) -> QuerySet[Any]:
    """Lines with `earlier` (what the person had before this period), `usual` and `is_odd`: rules.odd_quantity in SQL."""
    before = EntitlementVersion.objects.filter(
        entitlement__policy=one.policy_id,
        entitlement__beneficiary=OuterRef("beneficiary"),
        valid__startswith__lt=one.period_range.lower,
    ).order_by("-valid")
    usual = Value(_usual(one), DecimalField(max_digits=12, decimal_places=4))
    differs = Q(quantity__gt=F("earlier") * TIMES_EARLIER) | Q(quantity__lt=F("earlier") / TIMES_EARLIER)
    odd = differs | Q(earlier__isnull=True, quantity__gt=F("usual") * TIMES_USUAL)
    return lines.annotate(earlier=Subquery(before.values("quantity")[:1]), usual=usual).annotate(
        is_odd=Case(When(odd, then=True), default=False, output_field=BooleanField())
    )


_FEW = 5  # lines of a book that say nothing of what is usual
_NEIGHBOURS = 500  # rights whose middle says it as well as all of them


def _usual(one: Declaration) -> Decimal | None:
    """The median of the book, or where that has few lines, of rights under the policy in the same township.

    Of so many at most, by the index of places: a book of one applicant is opened all day, a policy has 200,000 rights.
    """
    found = one.lines.aggregate(count=Count("pk"), median=_Median("quantity"))
    if found["count"] >= _FEW:
        return cast("Decimal | None", found["median"])
    neighbours = (
        Entitlement.objects.filter(within(town_of(one.division_code)), policy=one.policy_id)
        .order_by("division_code", "pk")
        .values("pk")[:_NEIGHBOURS]
    )
    rights = EntitlementVersion.objects.filter(entitlement__in=neighbours, valid__isempty=False)
    found = rights.aggregate(count=Count("pk"), median=_Median("quantity"))
    return found["median"] if found["count"] >= _FEW else None


class _Median(Aggregate):
    """The value in the middle, one that somebody has."""

    function = "percentile_disc"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DecimalField(max_digits=12, decimal_places=4)


def was_objected(one: Declaration) -> bool:
    """Whether an objection against it proved true where that asks for a deliberation (有异议时)."""
    if one.version.deliberation != Deliberation.ON_OBJECTION:
        return False
    return Objection.objects.filter(notice__declaration=one, status=Objection.Status.UPHELD).exists()
