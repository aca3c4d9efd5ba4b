"""What is lawful and perhaps a slip: told in sentences, each of which whoever acts says is meant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256

from huimin.core.errors import BadInput


@dataclass(frozen=True, slots=True)
class Doubt:
    """A sentence with its full stop. The answer names its `code`: another sentence about the same thing has another.

    `about` tells apart what the sentence does not, such as two numbers of which it says the tail alone.
    """

    text: str
    about: str = ""

    @property
    def code(self) -> str:
        return sha256(f"{self.about}{self.text}".encode()).hexdigest()[:16]


class Doubtful(BadInput):
    """Something is odd that nobody has said is meant; `doubts` are all that there are, confirmed or not.

    The message names those that are open; `beside_boxes` is what a page says on which each stands with its box.
    """

    def __init__(self, doubts: Sequence[Doubt], open_ones: Sequence[Doubt], *, act: str) -> None:
        told = "".join(one.text for one in open_ones)
        super().__init__(f"还没有{act}。请核对：{told}属实的，逐条勾选以后再{act}。", field="acknowledged")
        self.doubts = list(doubts)
        self.beside_boxes = f"还没有{act}：请逐条核对，属实的勾选以后再{act}"


def require_meant(doubts: Sequence[Doubt], acknowledged: Collection[str], *, act: str) -> None:
    """Doubtful, when `acknowledged` does not name every one of them; `act` completes 还没有授予."""
    if asked := [one for one in doubts if one.code not in acknowledged]:
        raise Doubtful(doubts, asked, act=act)
