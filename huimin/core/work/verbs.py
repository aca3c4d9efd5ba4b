"""How `advance OBJECT STEP` finds the service that takes a step: each app registers one function per kind.

The same function serves the page's button, the API and the command, so a step has one way of being taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from huimin.core.authority.steps import Step
from huimin.core.errors import BadInput
from huimin.core.work import workflow_docs

if TYPE_CHECKING:
    from huimin.core.models import User


class Advance(Protocol):
    def __call__(self, pk: int, step: str, *, actor: User, note: str = "") -> Any: ...


_kinds: dict[str, Advance] = {}


Service = TypeVar("Service", bound=Advance)


def advances(kind: str) -> Callable[[Service], Service]:
    """Register the service for objects called `kind` on the trail, e.g. "recipients.declaration"."""

    def register(function: Service) -> Service:
        _kinds[kind] = function
        return function

    return register


def kinds() -> list[str]:
    """What `advance` knows, as the part of an object's name before the colon."""
    return sorted(_kinds)


def steps_of(kind: str) -> list[Step]:
    """The steps in the workflow of a kind; empty when it has none."""
    return [one for flow in workflow_docs.flows() if flow.kind == kind for one in flow.steps]


def advance(subject: str, step: str, *, actor: User, note: str = "") -> Any:
    """Take a step on `recipients.declaration:12`; raises Refused, or BadInput for an unknown kind or step."""
    kind, _, pk = subject.partition(":")
    if kind not in _kinds or not pk.isdigit():
        raise BadInput(
            f"对象要写成“种类:编号”，例如 disbursement.roster:12，现在是“{subject}”。"
            f"编号是它的页面地址里的数字，种类有：{'、'.join(kinds())}。"
        )
    known = steps_of(kind)
    if known and step not in {one.name for one in known}:
        names = "、".join(f"{one.name}（{one.label}）" for one in known)
        raise BadInput(f"{kind} 没有“{step}”这一步，有：{names}。")
    return _kinds[kind](int(pk), step, actor=actor, note=note)
