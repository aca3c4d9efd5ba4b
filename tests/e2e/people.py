"""A person at a screen: opens pages, fills in what labels name, presses what buttons say."""

import re
import time
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response, expect

from tests.e2e import checks
from tests.e2e.codes import next_code
from tests.e2e.stack import Stack

SECONDS = 1000
PATIENCE = 30 * SECONDS  # a slow machine that also runs the worker
JOB_PATIENCE = 90 * SECONDS
STAFF_SCREEN = {"width": 1440, "height": 900}
PHONE_SCREEN = {"width": 390, "height": 844}


class Person:
    """One browser context. Every page that a method below comes to is inspected, each kind of page once a session."""

    def __init__(self, stack: Stack, context: BrowserContext, seen: set[str], name: str = "villager") -> None:
        context.set_default_timeout(PATIENCE)
        self.stack, self.context, self.seen, self.name = stack, context, seen, name
        self.console = checks.Console(context)
        self.page: Page = context.new_page()
        self.findings: list[str] = []
        self.scripted = True  # without scripts there is nothing to look at pages with

    # --- going somewhere

    def open(self, path: str, *, status: int = 200) -> Response:
        """Load a page by its address; another status than expected fails."""
        if status != 200:
            self.console.expected.add(str(status))
        address = path if path.startswith("http") else f"{self.stack.url}{path}"
        response = self.page.goto(address)
        assert response is not None, path
        assert response.status == status, f"{self.name} got {response.status} at {path}"
        self.inspect()
        return response

    def follow(self, words: str | re.Pattern, *, inside: str = "main", exact: bool = False) -> None:
        """Click the first link with these words."""
        link = self.page.locator(inside).get_by_role("link", name=words, exact=exact).first
        with self.page.expect_navigation():
            link.click()
        self.inspect()

    def press(self, words: str | re.Pattern, *, inside: str = "main", exact: bool = True) -> None:
        """Press a button that sends its form, and look at the page it leads to."""
        with self.page.expect_navigation():
            self.button(words, inside=inside, exact=exact).click()
        self.inspect()

    def press_twice(self, words: str) -> None:
        """A nervous double click on a button that sends its form."""
        with self.page.expect_navigation():
            self.button(words).dblclick()
        self.page.wait_for_load_state()
        self.inspect()

    def download(self, words: str | re.Pattern, *, inside: str = "main") -> bytes:
        with self.page.expect_download() as caught:
            self.page.locator(inside).get_by_role("link", name=words).first.click()
        return Path(caught.value.path()).read_bytes()

    def reload(self) -> None:
        self.page.reload()
        self.inspect()

    # --- filling in

    def fill(self, **labels: str) -> None:
        """fill(**{"指标文号": "…"}): a select takes the words of its option."""
        for label, value in labels.items():
            control = self.last = self.control(label)
            kind = control.evaluate("e => e.tagName + (e.type || '')")
            if kind.startswith("SELECT"):
                self._choose(control, value)
            elif kind.endswith(("radio", "checkbox")):
                control.check()
            else:
                control.fill(value)

    def _choose(self, control: Locator, words: str) -> None:
        options = control.locator("option").all_inner_texts()
        chosen = next((text for text in options if text.strip() == words), None)
        chosen = chosen or next((text for text in options if words in text), None)
        assert chosen is not None, f"no option with {words} among {options}"
        control.select_option(label=chosen)

    def attach(self, label: str, path: Path) -> None:
        self.last = self.control(label)
        self.last.set_input_files(str(path))

    def submit(self) -> None:
        """Press the button of the form that was filled in last."""
        form = self.last.locator("xpath=ancestor::form[1]")
        with self.page.expect_navigation():
            form.locator("button[type=submit]").first.click()
        self.inspect()

    def control(self, label: str) -> Locator:
        return self.page.locator("main").get_by_label(re.compile(f"^\\s*{re.escape(label)}")).first

    def button(self, words: str | re.Pattern, *, inside: str = "main", exact: bool = True) -> Locator:
        return self.page.locator(inside).get_by_role("button", name=words, exact=exact).first

    # --- looking

    def sees(self, *texts: str | re.Pattern) -> None:
        for text in texts:
            expect(self.page.locator("main")).to_contain_text(text, timeout=PATIENCE)

    def wait_until_sees(self, text: str) -> None:
        """Look again and again, as people do who wait for a worker."""
        deadline = time.monotonic() + JOB_PATIENCE / SECONDS
        while text not in self.text():
            assert time.monotonic() < deadline, f"{self.name} waited in vain for {text} at {self.path()}"
            self.page.reload()
        self.inspect()

    def does_not_see(self, text: str | re.Pattern) -> None:
        expect(self.page.locator("main")).not_to_contain_text(text)

    def is_refused(self, words: str, *reasons: str | re.Pattern) -> None:
        """The button is there, cannot be pressed, and the page says why."""
        expect(self.button(words)).to_be_disabled()
        self.sees(*reasons)

    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def path(self) -> str:
        return self.page.url.removeprefix(self.stack.url)

    def wait_for_job(self) -> None:
        """Stay on a job's page until the page itself says that the job has ended, then look at the result."""
        card = self.page.locator("section.task").first
        expect(card).to_be_visible()
        expect(card).not_to_have_attribute("data-poll", re.compile(".*"), timeout=JOB_PATIENCE)
        self.inspect()

    def inspect(self) -> None:
        """Width on every page; accessibility once for each kind of page."""
        self.page.wait_for_load_state()
        if not self.scripted:
            return
        place = f"{self.name} at {self.path()}: "
        self.findings += [place + one for one in checks.overflow(self.page)]
        self.findings += [place + one for one in self.console.complaints()]
        self.findings += [place + one for one in checks.forms_alike(self.page)]
        kind = f"{self.page.viewport_size} {checks.shape(self.page)}"
        if kind not in self.seen:
            self.seen.add(kind)
            self.findings += [place + one for one in checks.findings(self.page)]

    @contextmanager
    def expecting(self, status: int):
        """Answers with this status are part of the story."""
        self.console.expected.add(str(status))
        yield
        self.console.expected.discard(str(status))

    # --- signing in

    def sign_in(self, username: str) -> None:
        account = self.stack.accounts[username]
        self.open("/desk/login/")
        self.fill(用户名=username, 密码=account["password"])
        self.press("登录")
        self.enter_code_if_asked()
        self.sees("工作台")

    def give_code(self, back: str) -> None:
        """A one-time code before the acts that ask for one; it holds for ten minutes. Ends on the page `back`."""
        self.open(f"/desk/step-up/?next={back}")
        self.enter_code_if_asked()

    def enter_code_if_asked(self) -> None:
        """On the page that asks for a one-time code, give one; elsewhere do nothing."""
        if self.page.locator("input[autocomplete=one-time-code]").count() == 0:
            return
        code, number = next_code(
            self.stack.accounts[self.name]["totp_secret"], self.stack.used_codes.get(self.name, 0)
        )
        self.stack.used_codes[self.name] = number
        self.page.locator("input[autocomplete=one-time-code]").fill(code)
        self.press("确认")

    def close(self) -> list[str]:
        found = self.findings + [f"{self.name}: {one}" for one in self.console.complaints()]
        self.context.close()
        return found


def arrive(stack: Stack, browser: Browser, seen: set[str], username: str = "", **options) -> Person:
    """A person with a fresh browser: signed in as `username`, or a member of the public on a phone.

    The first arrival of a session goes through the login page; later ones bring its cookies along.
    """
    screen = STAFF_SCREEN if username else PHONE_SCREEN
    cookies = stack.signed_in.get(username) if username else None
    options = {
        "viewport": screen,
        "locale": "zh-CN",
        "timezone_id": "Asia/Shanghai",
        "storage_state": cookies,
    } | options
    person = Person(stack, browser.new_context(**options), seen, username or "villager")
    person.scripted = options.get("java_script_enabled", True)
    if username and cookies is None:
        person.sign_in(username)
        stack.signed_in[username] = person.context.storage_state()
    return person
