"""Finding pages as people do: from the menu, by links, one of each kind."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:  # tests without a browser read NOT_PAGES too
    from playwright.sync_api import Page

MENU = "nav.side a[href], .side a[href]"
# links that answer with a file, leave the site, end the session, or lead to pages that Django drew
NOT_PAGES = re.compile(
    r"export|download|poster|/paper/|/errors/|/photos/|/(heads|numbers)/[^/]+/proof/|/file/|/files/|\.(xlsx|csv|pdf|txt|png|jpg|svg)$|/logout|^/back-office/|^(tel|mailto):|/template"
)
NUMBER = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)[\w-]*\d[\w-]*(?=/|$)")


def kind_of(path: str) -> str:
    """The address with its numbers, dates and codes left out, without the query."""
    return NUMBER.sub("N", urlsplit(path).path)


def links(page: Page, selector: str = "a[href]") -> list[str]:
    """Paths on this site that the page links to, each once, as it orders them."""
    found = page.eval_on_selector_all(selector, "all => all.map(a => a.href)")
    here = urlsplit(page.url)
    paths = []
    for one in found:
        parts = urlsplit(one)
        if parts.netloc == here.netloc and not NOT_PAGES.search(parts.path):
            paths.append(parts.path + (f"?{parts.query}" if parts.query else ""))
    return list(dict.fromkeys(paths))


def kinds(page: Page, start: list[str], *, under: str, limit: int) -> Iterator[str]:
    """One address of each kind that can be reached from `start`; the caller opens each before asking for the next."""
    waiting, known = deque(start), {kind_of(path) for path in start}
    while waiting and limit:
        limit -= 1
        yield waiting.popleft()
        for path in links(page):
            if path.startswith(under) and kind_of(path) not in known:
                known.add(kind_of(path))
                waiting.append(path)
