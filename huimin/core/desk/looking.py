"""What somebody says yes to is what stood before their eyes: every page that shows first what an act comes to.

What is odd is confirmed sentence by sentence (DoubtsField), and a box speaks for the very sentence that stood beside it.
What follows from days or kinds that are typed is reckoned and shown (LookedAtForm): the form carries a mark of what it
showed, and the act is taken only while that is what comes of the fields as they are sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from django import forms

from huimin.core.desk.forms import NOTHING_TO_CHANGE, HouseForm, dress, word_errors
from huimin.core.values.doubts import Doubt

NOT_SEEN = "这里填的与刚才看的不一样。下面是按现在填的算的，看过没有错，请再点一次"


class DoubtsField(forms.MultipleChoiceField):
    """What is odd about what was typed, each sentence with a box that says that it is meant.

    The service decides which of them are open; a box for one that is no longer odd is no fault.
    """

    def __init__(self, doubts: Iterable[Doubt]) -> None:
        widget = forms.CheckboxSelectMultiple
        choices = [(one.code, one.text) for one in doubts]
        super().__init__(choices=choices, label="请核对，属实的逐条勾选", required=False, widget=widget)

    def valid_value(self, value: str) -> bool:
        return True


def ask_about(form: forms.Form, doubts: Iterable[Doubt], *, hint: str = "") -> None:
    """Put the boxes into a form; those that were ticked for the same sentences stay ticked."""
    field = DoubtsField(doubts)
    field.help_text = hint
    dress(field)
    word_errors(field, str(field.label))
    form.fields["acknowledged"] = field


def acknowledged_in(form: forms.Form) -> list[str]:
    """The codes that were ticked, also where the form did not know beforehand that it would ask."""
    given: list[str] = DoubtsField([]).widget.value_from_datadict(
        form.data, form.files, form.add_prefix("acknowledged")
    )
    return given


class LookedAtForm(HouseForm):
    """A form of which something follows: what the fields in `ASKED` come to is shown before the button does anything."""

    ASKED: tuple[str, ...] = ()
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def looked_at(self, found: object) -> None:
        """The page shows `found`, what comes of the fields as they stand; its repr tells all of it.

        A form that was sent after something else was shown is no longer valid: it asks for the button once more, beside
        what comes of it now.
        """
        shown, name = sha256(repr(found).encode()).hexdigest()[:16], self.add_prefix("seen")
        self.initial = {**self.initial, "seen": shown}
        if not self.is_bound or self.data.get(name) == shown:
            return
        if not self.errors:  # any other fault is told alone: what is shown is the new reckoning all the same
            self.add_error(self.ASKED[0], forms.ValidationError(NOT_SEEN, code=NOTHING_TO_CHANGE))
        self.data = {**dict(self.data.items()), name: shown}  # single values, as such forms have

    def asked(self) -> dict[str, Any]:
        """What the fields in `ASKED` hold, of those without a fault."""
        self.is_valid()
        return {name: self.cleaned_data[name] for name in self.ASKED if name in self.cleaned_data}
