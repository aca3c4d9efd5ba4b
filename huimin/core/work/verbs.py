"""How `advance OBJECT STEP` finds the service that takes a step: each app registers one function per kind.

The same function serves the page's button, the API and the command, so a step has one way of being taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from huimin.core.errors import BadInput

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


def advance(subject: str, step: str, *, actor: User, note: str = "") -> Any:
    """Take a step on `recipients.declaration:12`; raises Refused, or BadInput for an unknown kind."""
    kind, _, pk = subject.partition(":")
    if kind not in _kinds or not pk.isdigit():
        raise BadInput(f"不认识的对象“{subject}”。可用的种类：{'、'.join(sorted(_kinds))}。")
    return _kinds[kind](int(pk), step, actor=actor, note=note)
