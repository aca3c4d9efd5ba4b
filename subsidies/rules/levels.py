"""Which levels of review a policy version asks a declaration to pass, in their order."""

from __future__ import annotations

from typing import Protocol

from subsidies.states import Deliberation, ReviewLevel

# levels at which somebody else than the maker of the list decides; a notice ends by itself, a meeting is recorded
DECIDED = (ReviewLevel.TOWNSHIP_REVIEW, ReviewLevel.COUNTY_REVIEW)
# asked for by a switch of the policy version, has_<level>; the deliberation has kinds of its own
SWITCHED: tuple[ReviewLevel, ...] = tuple(level for level in ReviewLevel if level != ReviewLevel.DELIBERATION)
NOBODY_DECIDES = "没有设乡镇审核，也没有设县级联审，编制申报的人一个人就能定下享受资格。请至少设一个审核环节"


class ReviewTerms(Protocol):
    """The part of a policy version that says how its declarations are reviewed."""

    deliberation: str
    has_village_notice: bool
    has_township_review: bool
    has_township_notice: bool
    has_county_review: bool
    has_county_notice: bool


def switch_of(level: ReviewLevel) -> str:
    """The column of the version that asks for the level."""
    return f"has_{level}"


def levels_of(version: ReviewTerms, *, objected: bool) -> tuple[ReviewLevel, ...]:
    """The levels asked for. `objected`: an objection was upheld, so that a deliberation 有异议时 is due as well."""
    asked: dict[ReviewLevel, bool] = {level: getattr(version, switch_of(level)) for level in SWITCHED}
    asked[ReviewLevel.DELIBERATION] = version.deliberation == Deliberation.REQUIRED or (
        objected and version.deliberation == Deliberation.ON_OBJECTION
    )
    return tuple(level for level in ReviewLevel if asked[level])


def levels_in_sql(version: str, *, objected: str) -> str:
    """The same as rows (level, asked) of a VALUES list, of a row of versions and a condition."""
    asked = {level: f"{version}.{switch_of(level)}" for level in SWITCHED}
    asked[ReviewLevel.DELIBERATION] = (
        f"{version}.deliberation = '{Deliberation.REQUIRED}'"
        f" OR ({version}.deliberation = '{Deliberation.ON_OBJECTION}' AND {objected})"
    )
    return "VALUES " + ", ".join(f"('{level}', {asked[level]})" for level in ReviewLevel)


def somebody_decides(version: ReviewTerms) -> bool:
    """Whether a declaration has to pass a second person before it gives a right."""
    return any(level in DECIDED for level in levels_of(version, objected=False))
