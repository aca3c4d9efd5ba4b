"""What partial templates are fed with. Every attribute is always there, so that templates need no guards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from django.forms import BaseForm

from huimin.core.authority.posts import what_it_shuts

if TYPE_CHECKING:
    from huimin.core.work.workflow import Action


@dataclass(frozen=True, slots=True)
class Link:
    """A place to go: a crumb, the way on from an empty page. The present page has no url."""

    label: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Station:
    """One station of 流程条: the word, who has it, and the date or what is left of the time, as text."""

    label: str
    state: Literal["done", "now", "todo"] = "todo"
    who: str = ""
    when: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of 办理记录, newest first; `when` None is the station that waits now, `note` the reason given."""

    text: str
    who: str = ""
    when: datetime | None = None
    state: Literal["", "now", "back"] = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of 核对清单 (agrees, look, does not agree, to do); `url` leads to what is to be looked at."""

    text: str
    state: Literal["", "warn", "bad", "wait"] = ""
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Stat:
    """A figure with its unit and one sentence that says what it counts; `value` is text as shown."""

    label: str
    value: str
    unit: str = ""
    note: str = ""
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """A name and a value of a summary; an empty value is shown as a dash."""

    label: str
    value: object
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """A button of 办理面板. With `refused` it cannot be pressed, and the reason and whom to ask stand below it."""

    label: str
    url: str
    style: str = ""
    needs_note: bool = False
    hint: str = ""
    refused: str = ""


def acts(actions: Iterable[Action], url_of: Callable[[str], str]) -> list[Act]:
    """Buttons from workflow.actions(); `url_of` turns a step's name into the address that takes it."""
    return [
        Act(
            label=one.step.label,
            url=url_of(one.step.name),
            style=one.step.style,
            needs_note=one.step.needs_note,
            hint="这一步要输入动态口令。" if one.step.step_up else what_it_shuts(one.step.duty),
            refused=one.refused,
        )
        for one in actions
    ]


@dataclass(frozen=True, slots=True)
class Panel:
    """办理面板: what to check, what to type, what can be done.

    `action_key` is used up by the first submit (http.take_action_key). `form` adds fields of the app's own, for
    example the whole yuan of the batch. `drawn` is workflow.drawn() of the object: with it a form that is older than
    the object's last step is refused.
    """

    title: str
    acts: Sequence[Act]
    due: str = ""
    due_state: Literal["", "soon", "late"] = ""
    hint: str = ""
    checks: Sequence[Check] = ()
    form: BaseForm | None = None
    note_label: str = "办理意见"
    note: str = ""
    drawn: str = ""
    action_key: str = field(default_factory=lambda: str(uuid4()))

    @property
    def can_act(self) -> bool:
        """Is there a button this person can press?"""
        return any(not act.refused for act in self.acts)

    @property
    def note_is_for(self) -> str:
        """The buttons that want a reason, for the hint beside the box: 退回、剔除."""
        return "、".join(act.label for act in self.acts if act.needs_note and not act.refused)


@dataclass(frozen=True, slots=True)
class Nothing:
    """An empty list: the conclusion, the reason, and a way on. `first` is the main button."""

    title: str
    text: str = ""
    links: Sequence[Link] = ()
