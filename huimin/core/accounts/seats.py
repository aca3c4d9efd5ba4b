"""Where a post usually sits, and what is odd about a grant that is about to be given.

A county may seat its people otherwise, so an odd grant is not refused: whoever gives it says of each oddity that it is
meant (`grant_role(acknowledged=…)`). A grant that adds nothing to one that is there is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from huimin.core.authority import scope
from huimin.core.authority.roles import Role
from huimin.core.errors import StepRefused
from huimin.core.models import Division, Grant, Level, Office
from huimin.core.values.days import day_text
from huimin.core.values.doubts import Doubt

_KIND = Office.Kind
_VILLAGE = ((Level.VILLAGE,), (_KIND.VILLAGE,))
_TOWN = ((Level.TOWN,), (_KIND.TOWNSHIP,))
_COUNTY = (Level.COUNTY,)
_ADMINISTRATION = ((Level.COUNTY, Level.CITY, Level.PROVINCE), (_KIND.ADMINISTRATION, _KIND.FINANCE))
# role: over places of which level it decides, at offices of which kind its people sit
SEATS: dict[str, tuple[tuple[Level, ...], tuple[Office.Kind, ...]]] = {
    Role.VILLAGE_CLERK: _VILLAGE,
    Role.TOWNSHIP_CLERK: _TOWN,
    Role.TOWNSHIP_REVIEWER: _TOWN,
    Role.WINDOW_CLERK: _TOWN,
    Role.CENTER_DIRECTOR: _TOWN,
    Role.DEPARTMENT_CLERK: (_COUNTY, (_KIND.DEPARTMENT,)),
    Role.DEPARTMENT_REVIEWER: (_COUNTY, (_KIND.DEPARTMENT,)),
    Role.FINANCE_CLERK: (_COUNTY, (_KIND.FINANCE,)),
    Role.FINANCE_CHECKER: (_COUNTY, (_KIND.FINANCE,)),
    Role.TREASURER: (_COUNTY, (_KIND.FINANCE,)),
    Role.RECONCILER: (_COUNTY, (_KIND.FINANCE,)),
    Role.BANK: (_COUNTY, (_KIND.BANK,)),
    Role.SUPERVISOR: (_COUNTY, (_KIND.SUPERVISION,)),
    Role.OVERSEER: ((Level.CITY, Level.PROVINCE), (_KIND.SUPERVISION, _KIND.FINANCE)),
    Role.SYSTEM_ADMIN: _ADMINISTRATION,
    Role.SECURITY_ADMIN: _ADMINISTRATION,
    Role.AUDIT_ADMIN: _ADMINISTRATION,
}
# decide over the policies of their own department
OF_A_DEPARTMENT = (Role.DEPARTMENT_CLERK, Role.DEPARTMENT_REVIEWER)
_ONE_OF = {
    Level.VILLAGE: "一个村",
    Level.TOWN: "一个乡镇",
    Level.COUNTY: "全县",
    Level.CITY: "全市",
    Level.PROVINCE: "全省",
}


@dataclass(frozen=True, slots=True)
class Extent:
    """What a grant gives: days up to `end`, which is not one of them, a place and all below it, and which policies."""

    first: date
    end: date
    place: str
    named: frozenset[int] | None
    department: int | None

    @classmethod
    def of(cls, grant: Grant) -> Extent:
        return cls(
            grant.valid.lower or date.min,
            grant.valid.upper or date.max,
            grant.division_id,
            None if grant.named_policies is None else frozenset(grant.named_policies),
            grant.department_id,
        )

    def touches(self, other: Extent) -> bool:
        """Is there a day, a place and, as far as it is known, a policy that both give?"""
        return (
            max(self.first, other.first) < min(self.end, other.end)
            and (scope.covers(self.place, other.place) or scope.covers(other.place, self.place))
            and not self._limited_apart(other)
        )

    def holds(self, other: Extent) -> bool:
        """Does it give everything that the other gives?"""
        return (
            self.first <= other.first
            and other.end <= self.end
            and scope.covers(self.place, other.place)
            and self._limit_holds(other)
        )

    def _limited_apart(self, other: Extent) -> bool:
        if self.department and other.department:
            return self.department != other.department
        if self.named is not None and other.named is not None:
            return not self.named & other.named
        return False

    def _limit_holds(self, other: Extent) -> bool:
        if self.department:
            return self.department == other.department
        return self.named is None or (other.named is not None and other.named <= self.named)


def doubts_about(grant: Grant) -> list[Doubt]:
    """What whoever gives this grant, stored or not yet, should look at once more.

    Raises StepRefused where another grant of the person already gives all of it.
    """
    return [*_of_seat(grant), *_of_others(grant)]


def _of_seat(grant: Grant) -> list[Doubt]:
    levels, kinds = SEATS[grant.role]
    label, place, office = grant.get_role_display(), grant.division, grant.office
    found = []
    if place.level not in levels:
        text = f"{label}一般管{_ONE_OF[levels[0]]}，这一条管的是{_title(place)}（{_size(place)}）。"
        found.append(Doubt(text))
    if office.kind not in kinds:
        usual = "、".join(kind.label for kind in kinds)
        text = f"{label}一般是“{usual}”的人，{grant.user}在{office}（{office.get_kind_display()}）。"
        found.append(Doubt(text))
    if grant.role in OF_A_DEPARTMENT and grant.named_policies is None and not grant.department_id:
        text = f"{label}一般只管一个部门的政策，这一条没有限定部门，也没有限定政策：{_title(place)}的政策都归{grant.user}办。"
        found.append(Doubt(text))
    return found


def _of_others(grant: Grant) -> list[Doubt]:
    """Grants of the same role on some of the same days, over some of the same place and policies."""
    wanted, found = Extent.of(grant), []
    others = Grant.objects.filter(user=grant.user_id, role=grant.role, revoked_at__isnull=True)
    for had in others.exclude(pk=grant.pk).select_related("division").order_by("pk"):
        given = Extent.of(had)
        if not given.touches(wanted):
            continue
        told = f"{grant.user}已有“{had.get_role_display()}”（{_title(had.division)}，{_days(had)}）"
        if given.holds(wanted):
            raise StepRefused(
                f"{told}，这一条要给的都在里面，不用再授。要换成管得少的，先收回原来那一条，再授这一条。"
            )
        how = "这一条把它全包在里面" if wanted.holds(given) else "与这一条有重叠"
        found.append(Doubt(f"{told}，{how}。两条都算数；不要原来那一条的，授予以后把它收回。"))
    return found


def _title(place: Division) -> str:
    return Division.objects.titles([place.pk])[place.pk]


def _size(place: Division) -> str:
    """How much that place holds: 23 个乡镇、226 个村."""
    below = Division.objects.below(place.pk)
    found = [(below.filter(level=level).count(), Level(level).label) for level in (Level.TOWN, Level.VILLAGE)]
    return "、".join(f"{count} 个{label}" for count, label in found if count) or _ONE_OF[Level(place.level)]


def _days(grant: Grant) -> str:
    first = f"{day_text(grant.valid.lower)}起" if grant.valid.lower else ""
    return (
        f"{first}至{day_text(grant.valid.upper - timedelta(days=1))}" if grant.valid.upper else f"{first}长期"
    )
