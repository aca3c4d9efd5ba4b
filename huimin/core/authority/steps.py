"""A workflow is a table of steps; buttons, API, commands, tests, triggers and docs/workflows.md read it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from huimin.core.authority.duties import Duty


@dataclass(frozen=True, slots=True)
class Step:
    """One way from some states to another.

    name:       stable English name, used by `advance OBJECT STEP` and in the audit trail
    label:      what the button says
    roles:      who may take it, when a grant of theirs covers the object's place and policy
    duty:       the post it is taken in; pairs that exclude one another: duties.CONFLICTS
    needs_note: a reason must be given
    step_up:    the page asks for a one-time code first
    style:      primary, danger or quiet (the button)

    An act (Workflow.acts) has no sources where it makes the object, and no target where the status stays.
    """

    name: str
    label: str
    sources: frozenset[str]
    target: str
    roles: frozenset[str]
    duty: str = Duty.NONE
    needs_note: bool = False
    step_up: bool = False
    style: str = "primary"


def act(name: str, label: str, sources: Iterable[str], roles: Iterable[str], **more: object) -> Step:
    """A row of Workflow.acts that leaves the status as it is."""
    return step(name, label, sources, "", roles, **more)


def step(
    name: str,
    label: str,
    sources: Iterable[str],
    target: str,
    roles: Iterable[str],
    **more: object,
) -> Step:
    return Step(name, label, frozenset(sources), target, frozenset(roles), **more)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Workflow:
    """All steps of one kind of object; `skips` are moves that a policy makes by itself (levels it does not ask for).

    `acts` are what people do with the object besides moving it: making, changing, giving it up. Their roles, reasons
    and one-time codes hold like those of steps, by the same checks. `setbacks` are events on the trail that are neither
    and go against the business all the same: somebody taken off the list, a vote that failed.
    The first step leaves the state in which the object is made. Where duties count for one version of the object alone,
    `revision` is the column that numbers it.
    """

    kind: str
    title: str
    steps: tuple[Step, ...]
    skips: tuple[tuple[str, str], ...] = field(default=())
    acts: tuple[Step, ...] = field(default=())
    setbacks: tuple[str, ...] = field(default=())
    revision: str = ""

    def __getitem__(self, name: str) -> Step:
        for candidate in (*self.steps, *self.acts):
            if candidate.name == name:
                return candidate
        raise KeyError(name)

    def transitions(self) -> list[tuple[str, str]]:
        """Every (from, to) that the database lets through; a trigger refuses the rest."""
        pairs = {(source, one.target) for one in self.steps for source in one.sources if source != one.target}
        return sorted({(str(a), str(b)) for a, b in pairs | set(self.skips)})

    @property
    def begins(self) -> str:
        """The state in which every object is made."""
        (first,) = self.steps[0].sources
        return str(first)

    def subject_sql(self, row: str) -> str:
        """SQL for what a duty on table row `row` counts for; in Python it is workflow.duty_subject."""
        revision = f" || '#' || {row}.{self.revision}" if self.revision else ""
        return f"'{self.kind}:' || {row}.id{revision}"

    def takings(self) -> dict[tuple[str, str], frozenset[str]]:
        """(from, to) -> duties of which that move takes one; moves that can be made without a duty are not in it."""
        found = {}
        for pair in self.transitions():
            duties = frozenset(str(one.duty) for one in self.steps if self._makes(one, *pair))
            if duties and "" not in duties:
                found[pair] = duties
        return found

    def _makes(self, one: Step, source: str, target: str) -> bool:
        """Whether the step moves so: by its own target, or further where the policy skips levels."""
        if source not in one.sources or one.target == target:
            return source in one.sources
        return (source, target) in self.skips and (one.target == source or (source, one.target) in self.skips)

    def behind(self) -> dict[str, frozenset[str]]:
        """State -> duties that every way there takes: an object in that state has somebody in each of them."""
        making = frozenset(str(one.duty) for one in self.acts if not one.sources and one.duty)
        taken, pairs = self.takings(), self.transitions()
        everything = making.union(*taken.values())
        found = {state: everything for pair in pairs for state in pair} | {self.begins: making}
        for _ in found:
            for source, target in pairs:
                if target != self.begins:
                    duties = taken.get((source, target), frozenset())
                    found[target] &= found[source] | (duties if len(duties) == 1 else frozenset())
        return found
