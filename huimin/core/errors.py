"""What a clerk is told. The text of a Refused is shown as it stands: what happened, where, what to do next."""

from collections.abc import Iterable
from dataclasses import dataclass, field


class Refused(Exception):
    """Base of every refusal; its text is Chinese, ends with a full stop, and holds no private number."""


class StepRefused(Refused):
    """A step of a workflow that this person may not take now, or that the object's state does not allow."""


class StepForbidden(StepRefused):
    """A step that belongs to other roles or another place; pages answer 403 with this text."""


class BadInput(Refused):
    """One value that was not understood; `field` names the form field or column it came from, if known."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class RowError:
    """One fault of an uploaded file; row None means the file as a whole, row 1 its first line.

    `who` is the name in the row, where it is one, so that the row is found again after sorting.
    """

    row: int | None
    column: str
    message: str
    who: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.message if self.row is None else f"第{self.row}行{self.message}"


class FileRefused(Refused):
    """A file of which nothing was applied; `errors` lists every fault, so that one upload shows them all."""

    def __init__(self, message: str, errors: Iterable[RowError] = ()) -> None:
        super().__init__(message)
        self.errors = list(errors)
