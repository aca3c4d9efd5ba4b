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
    """

    kind: str
    title: str
    steps: tuple[Step, ...]
    skips: tuple[tuple[str, str], ...] = field(default=())
    acts: tuple[Step, ...] = field(default=())
    setbacks: tuple[str, ...] = field(default=())

    def __getitem__(self, name: str) -> Step:
        for candidate in (*self.steps, *self.acts):
            if candidate.name == name:
                return candidate
        raise KeyError(name)

    def transitions(self) -> list[tuple[str, str]]:
        """Every (from, to) that the database lets through; a trigger refuses the rest."""
        pairs = {(source, one.target) for one in self.steps for source in one.sources if source != one.target}
        return sorted({(str(a), str(b)) for a, b in pairs | set(self.skips)})
