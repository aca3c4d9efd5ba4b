"""Villages as clerks write them: code, name, or "编码-名称", inside the reach of the person who imports."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches

_CODE = re.compile(r"(\d{12})(?:[-－—\s]*(.*))?", re.DOTALL)
_ENDINGS = ("村民委员会", "居民委员会", "社区居委会", "村委会", "居委会", "社区", "村")


def plain_name(name: str) -> str:
    """梅山村委会, 梅山村 and 梅山 are one village to those who write them."""
    name = "".join(name.split())
    for ending in _ENDINGS:
        if name.endswith(ending) and len(name) > len(ending):
            return name.removesuffix(ending)
    return name


class Places:
    """`villages` are (code, name, may this person import there) of the whole county, towns (code, name)."""

    def __init__(self, villages: Iterable[tuple[str, str, bool]], towns: Iterable[tuple[str, str]]) -> None:
        self._villages = {code: (name, open_) for code, name, open_ in villages}
        self._towns = {code[:9]: name for code, name in towns}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for code, (name, _) in self._villages.items():
            self._by_name[plain_name(name)].append(code)
        self._found: dict[str, tuple[str, str]] = {}

    def find(self, text: str) -> tuple[str, str]:
        """(code, "") or ("", the sentence for the clerk)."""
        found = self._found.get(text)
        if found is None:
            found = self._found[text] = self._find(text)
        return found

    def town_of(self, code: str) -> str:
        return self._towns.get(code[:9], "")

    def _find(self, text: str) -> tuple[str, str]:
        match = _CODE.fullmatch(text.strip())
        return self._by_code(match[1], match[2] or "") if match else self._by_word(text.strip())

    def _by_code(self, code: str, name: str) -> tuple[str, str]:
        known = self._villages.get(code)
        if known is None:
            return "", f"村(居)委会编码{code}不在区划表里，请按模板里的列表选。"
        if name and plain_name(name) != plain_name(known[0]):
            return "", f"村(居)委会编码{code}是“{known[0]}”，表里写的是“{name[:20]}”，请核对。"
        return self._within(code)

    def _by_word(self, name: str) -> tuple[str, str]:
        codes = self._by_name.get(plain_name(name), [])
        mine = [code for code in codes if self._villages[code][1]]
        if len(mine) == 1:
            return mine[0], ""
        if len(mine) > 1:
            towns = "、".join(self.town_of(code) for code in mine)
            return "", f"“{name[:20]}”在{towns}都有，请写成“编码-村名”。"
        return self._within(codes[0]) if codes else ("", self._unknown(name))

    def _within(self, code: str) -> tuple[str, str]:
        name, is_open = self._villages[code]
        return (code, "") if is_open else ("", f"{self.town_of(code)}{name}不在您的管理范围。")

    def _unknown(self, name: str) -> str:
        mine = {plain_name(known): known for known, is_open in self._villages.values() if is_open}
        near = get_close_matches(plain_name(name), mine, n=1, cutoff=0.4)
        hint = f"是否为：{mine[near[0]]}？" if near else "请按模板里的列表选。"
        return f"村(居)委会“{name[:20]}”不在您的管理范围内。{hint}"
