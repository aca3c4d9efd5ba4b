"""Words that a page shows as a badge without a status behind them."""

from collections.abc import Mapping
from types import MappingProxyType

from huimin.core.values.badges import Kind

_BY_KIND = {
    Kind.OFF: ("等待核实",),
    Kind.DOING: ("公示中",),
    Kind.OK: ("已公开", "相符"),
    Kind.BAD: ("不符", "有差异"),
}
WORDS: Mapping[str, Kind] = MappingProxyType(
    {word: kind for kind, words in _BY_KIND.items() for word in words}
)


def kind_of(word: str) -> Kind:
    """The badge of a word; a word outside the table is a mistake of ours and raises LookupError."""
    try:
        return WORDS[word]
    except KeyError:
        raise LookupError(f"“{word}”不在状态词表里，见 huimin/core/desk/badges.py") from None
