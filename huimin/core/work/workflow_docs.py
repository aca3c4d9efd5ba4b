"""docs/workflows.md, written from the step tables of every app: what a clerk may do, and in which state."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

from django.apps import apps

from huimin.core.authority.duties import CONFLICTS, Duty
from huimin.core.authority.roles import Role
from huimin.core.authority.steps import Step, Workflow

_HEAD = """# Workflows

Written by `manage.py write_workflows` from the tables in each app's `states.py`; do not edit by hand. A step is taken by
its button, by `manage.py advance OBJECT STEP --as USER`, or by the API, always through the same service. A trigger in the
database refuses every move that is not listed here. Rows in *italics* are acts: they make an object, or leave its state
as it is.
"""


def flows() -> list[Workflow]:
    """FLOWS of every installed app that has a states module, from the lowest floor up."""
    found: list[Workflow] = []
    for config in apps.get_app_configs():
        name = f"{config.name}.states"
        if find_spec(config.name) and find_spec(name):
            found += getattr(import_module(name), "FLOWS", ())
    return found


def states_of(flow: Workflow) -> dict[str, str]:
    """The word of each state, read from the choices of the model that the workflow moves."""
    return {
        str(value): str(label)
        for value, label in apps.get_model(flow.kind)._meta.get_field("status").choices or ()
    }


def page() -> str:
    return "\n".join([_HEAD, *(line for flow in flows() for line in _section(flow)), *_separation()]) + "\n"


def _section(flow: Workflow) -> Iterator[str]:
    words = states_of(flow)
    yield f"## {flow.title} (`{flow.kind}`)\n"
    yield "```mermaid\nstateDiagram-v2"
    for state, word in words.items():
        yield f"    {state} : {word}"
    for one in flow.steps:
        for source in sorted(one.sources):
            yield f"    {source} --> {one.target} : {one.label}"
    for source, target in sorted(flow.skips):
        yield f"    {source} --> {target} : 政策不设，自动跳过"
    yield "```\n"
    yield "| Step | Button | From | To | Roles | Duty | Reason | One-time code |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in flow.steps:
        yield _row(one, words, f"`{one.name}`")
    for one in flow.acts:
        yield _row(one, words, f"*`{one.name}`*")
    yield ""


def _row(one: Step, words: dict[str, str], name: str) -> str:
    cells = [
        name,
        one.label,
        "、".join(words.get(source, source) for source in words if source in one.sources) or "—",
        words.get(one.target, one.target) or "—",
        "、".join(role.label for role in Role if role in one.roles),
        Duty(one.duty).label if one.duty else "—",
        "yes" if one.needs_note else "—",
        "yes" if one.step_up else "—",
    ]
    return f"| {' | '.join(cells)} |"


def _separation() -> Iterator[str]:
    yield "## Duties that exclude one another\n"
    yield "One person, however many accounts, may not have both duties of a pair in one piece of business.\n"
    yield "| Duty | Excludes |"
    yield "|---|---|"
    for duty in Duty:
        others = [Duty(b if a == duty else a).label for a, b in CONFLICTS if duty in (a, b)]
        if others:
            yield f"| {duty.label} | {'、'.join(others)} |"
