"""What must hold on every page a test looks at: a quiet console, no accessibility finding, nothing cut off."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from huimin.core.desk import refilling

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
WIDTH = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
WIDE_ONES = """() => [...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .slice(0, 5).map(e => e.tagName + "." + e.className)"""
# the browser reports every refused page on the console too; a test that asks for one says so
STATUS_LINE = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")

_axe = Axe()


class Console:
    """Errors of scripts and of the content policy, from all pages of a context."""

    def __init__(self, context: BrowserContext) -> None:
        self.errors: list[str] = []
        self.expected: set[str] = set()
        context.on("console", self._note)
        context.on("weberror", lambda error: self.errors.append(f"script: {error.error}"))

    def _note(self, message: ConsoleMessage) -> None:
        status = STATUS_LINE.match(message.text)
        if message.type == "error" and not (status and status[1] in self.expected):
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def complaints(self) -> list[str]:
        found, self.errors = self.errors, []
        return found


def shape(page: Page) -> str:
    """What kind of page this is: its address without numbers and the words of its heading and badge."""
    path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "N", page.url.split("://")[-1].partition("/")[2])
    heading = re.sub(r"[\d,.\-—]+", "N", page.title())
    return f"/{path.partition('?')[0]} {heading}"


def findings(page: Page) -> list[str]:
    """Accessibility findings of the page as it stands, each with the first places."""
    results = _axe.run(page, options=OPTIONS)
    return [
        f"{one['id']}: {one['help']} at "
        + "; ".join(" ".join(map(str, node["target"])) for node in one["nodes"][:3])
        for one in results.response["violations"]
    ]


def overflow(page: Page) -> list[str]:
    """Wide things scroll inside their own box; the page itself never scrolls sideways."""
    wide, room = page.evaluate(WIDTH)
    return [f"{wide}px on a {room}px screen: {page.evaluate(WIDE_ONES)}"] if wide > room else []


def forms_alike(page: Page) -> list[str]:
    """Forms of one address that a refusal could not tell apart (huimin/core/desk/refilling.py)."""
    path = "/" + page.url.split("://")[-1].partition("/")[2].partition("?")[0]
    found = [
        (address, one.mark)
        for one in refilling.forms_of(page.content(), page=path)
        if one.takes_text
        for address in one.addresses
    ]
    return [f"two forms for {address}" for address, mark in set(found) if found.count((address, mark)) > 1]
