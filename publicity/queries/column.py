"""The open lists of the column: notices, disclosures, places, policies. Nothing here decrypts a private column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Exists, F, Max, OuterRef, Prefetch, Q, QuerySet, Sum

from huimin.core.authority.scope import subtree_range, town_of
from huimin.core.models import Division, Level, Office
from huimin.core.values.digests import root_beginning, short_code
from publicity.models import Disclosure, DisclosureLine
from publicity.rules import OPEN_ROW_SQL, OpenLine
from publicity.states import LineState
from recipients.models import Notice
from subsidies.models import Policy, PolicyVersion
from subsidies.queries import public_policies


def running_notices(today: date) -> QuerySet[Notice]:
    """Notices whose days run today; names leave the site when the days are over, or 保护隐私 is turned on."""
    return (
        Notice.objects.filter(
            county_code=settings.COUNTY_CODE,
            withdrawn_at__isnull=True,
            starts_on__lte=today,
            ends_on__gte=today,
        )
        .exclude(Notice.SHIELDED)
        .select_related("policy", "declaration")
        .order_by("ends_on", "division_code", "id")
    )


def standing_disclosures() -> QuerySet[Disclosure]:
    return Disclosure.objects.standing().filter(county_code=settings.COUNTY_CODE).select_related("policy")


def place_title(code: str) -> str:
    """古碑镇余岭村 or 古碑镇: the township and, for a village, the village."""
    return Division.objects.titles([code])[code]


def towns() -> list[tuple[Division, list[Division]]]:
    """Townships of the county with their villages, in two queries."""
    found = Division.objects.towns(settings.COUNTY_CODE)
    villages: dict[str, list[Division]] = {}
    for village in Division.objects.villages(settings.COUNTY_CODE).order_by("code"):
        villages.setdefault(town_of(village.code), []).append(village)
    return [(town, villages.get(town.code, [])) for town in found.order_by("code")]


def disclosures_for_place(code: str) -> QuerySet[Disclosure]:
    """What stands open of a township, or of the township with something of one village in it."""
    found = standing_disclosures().filter(division_code=town_of(code)).order_by("-published_on", "-id")
    if code.endswith("000"):
        return found
    return found.filter(Exists(DisclosureLine.objects.filter(disclosure=OuterRef("pk"), division_code=code)))


@dataclass(frozen=True, slots=True)
class Figures:
    """What a disclosure holds of a place: number of lines and their sum in 元."""

    disclosure: Disclosure
    count: int
    total: Decimal


def figures_at(code: str, disclosures: Iterable[Disclosure]) -> list[Figures]:
    """The disclosures of a page with the place's own figures: a village's lines of these lists are read, nothing else."""
    shown = list(disclosures)
    if code.endswith("000"):
        return [Figures(one, one.line_count, one.total) for one in shown]
    sums = (
        DisclosureLine.objects.filter(division_code=code, disclosure__in=[one.pk for one in shown])
        .order_by()
        .values("disclosure")
        .annotate(count=Count("*"), total=Sum("amount"))
        .values_list("disclosure", "count", "total")
    )
    found = {pk: (count, total) for pk, count, total in sums}
    return [Figures(one, *found[one.pk]) for one in shown]


def lines_at(disclosure: Disclosure, code: str) -> QuerySet[DisclosureLine]:
    """The lines of a disclosure at or below a place."""
    return DisclosureLine.objects.filter(
        disclosure=disclosure, division_code__range=subtree_range(code)
    ).order_by("line_no")


def villages_of(disclosure: Disclosure) -> list[tuple[str, str]]:
    found = disclosure.lines.order_by("division_code").values_list("division_code", "village").distinct()
    return list(found)


OPEN_COLUMNS = (
    "line_no",
    "division_code",
    "group_name",
    "shown_name",
    "quantity",
    "standard_text",
    "amount",
    "commitment",
    "village",
    "state",
)


def open_lines(disclosure: Disclosure) -> Iterator[OpenLine]:
    """Every line as it is given out, in order, without holding all of them."""
    rows = disclosure.lines.order_by("line_no").values_list(*OPEN_COLUMNS)
    for row in rows.iterator(chunk_size=2000):
        yield OpenLine(*(*row[:7], bytes(row[7]), row[8], LineState(row[9]).label))


@dataclass(frozen=True, slots=True)
class Proof:
    """What the published lines give now: their root, how many they are and what they add up to (元)."""

    root: str
    count: int
    total: Decimal


def proof_of(disclosure: Disclosure) -> Proof:
    """Recomputed from the lines by the database, with the function that sealed them; no line leaves it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT encode(hm_merkle_root(coalesce(
                           string_agg(hm_leaf({OPEN_ROW_SQL}, l.commitment), ''::bytea ORDER BY l.line_no), '')), 'hex'),
                       count(*), coalesce(sum(l.amount), 0)
                FROM publicity_disclosureline l WHERE l.disclosure_id = %s""",  # noqa: S608 -- a constant of ours
            [disclosure.pk],
        )
        return Proof(*cursor.fetchone())


def disclosure_by_code(code: str) -> Disclosure | None:
    """By the short code or the whole root, withdrawn ones too: the page then says that the list was taken back."""
    wanted = code if len(code) == 16 else short_code(code)
    found = Disclosure.objects.filter(county_code=settings.COUNTY_CODE, code=wanted)
    if len(code) == 64:
        found = found.filter(root=code)
    return found.select_related("policy", "batch").order_by("status", "-id").first()


def notices_by_code(code: str) -> list[Notice]:
    """The notices of one list, by the code on its paper or the whole digest, the standing and newest first.

    A list that is posted in village, township and county without a change has one digest on all three papers.
    """
    beginning = code if len(code) == 64 else root_beginning(code)
    found = Notice.objects.filter(county_code=settings.COUNTY_CODE, digest__startswith=beginning)
    return list(
        found.select_related("policy", "declaration").order_by(
            F("withdrawn_at").desc(nulls_first=True), "-id"
        )
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """The three figures on the front page."""

    paid_total: Decimal
    paid_count: int
    last_paid_on: date | None


def year_facts(year: int) -> Facts:
    """Of everything that stands published and was paid in a year."""
    found = standing_disclosures().filter(paid_on__year=year)
    sums = found.aggregate(total=Sum("paid_total"), count=Sum("paid_count"), last=Max("paid_on"))
    return Facts(sums["total"] or Decimal(0), sums["count"] or 0, sums["last"])


def offices_at(code: str) -> list[Office]:
    """Whom to ask about a list: village, township, then the county's supervision."""
    return list(
        Office.objects.filter(
            Q(division_id__in=[code, town_of(code)], kind__in=[Office.Kind.VILLAGE, Office.Kind.TOWNSHIP])
            | Q(division_id=settings.COUNTY_CODE, kind=Office.Kind.SUPERVISION)
        )
        .exclude(phone="")
        .order_by("-division_id", "id")[:4]
    )


def division_or_none(code: str) -> Division | None:
    """A township or village of this county."""
    low, high = subtree_range(settings.COUNTY_CODE)
    if not low <= code <= high:
        return None
    return Division.objects.filter(code=code, level__in=[Level.TOWN, Level.VILLAGE]).first()


def sums_of(lines: QuerySet[DisclosureLine]) -> dict[str, Any]:
    return lines.order_by().aggregate(
        count=Count("*"),
        total=Sum("amount", default=Decimal(0)),
        quantity=Sum("quantity", default=Decimal(0)),
        paid_count=Count("id", filter=Q(state=LineState.PAID)),
        paid_total=Sum("amount", filter=Q(state=LineState.PAID), default=Decimal(0)),
    )


def public_policies_on(today: date) -> QuerySet[Policy]:
    """Public policies with the version of that day as `versions_today` (none or one)."""
    current = PolicyVersion.objects.filter(published_at__isnull=False, valid__contains=today)
    return public_policies(settings.COUNTY_CODE).prefetch_related(
        Prefetch("versions", queryset=current, to_attr="versions_today")
    )


def former_versions(policy: Policy, today: date) -> list[PolicyVersion]:
    """What was paid in the years before, newest first."""
    found = policy.versions.filter(published_at__isnull=False, valid__endswith__lte=today)
    return list(found.order_by("-number")[:5])


def villages_below(code: str) -> list[Division]:
    return list(Division.objects.villages(code).order_by("code"))
