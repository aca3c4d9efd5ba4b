"""b: the same of a 到户 policy, where every right asks whether another head of its household comes before it."""

from __future__ import annotations

from bench import data
from bench.child import Stage
from bench.jobs.roster import limit, make_roster, ours
from subsidies.models import Policy

__all__ = ["limit", "ours", "prepare"]


def prepare(stage: Stage) -> None:
    """`rows` people in households of their own; a line for each household."""
    make_roster(data.town(stage.rows, Policy.ObjectType.HOUSEHOLD))
