"""Browser tests: one real installation and one browser for the session; each test brings its own people."""

import os
import re
import shutil
from pathlib import Path

import pytest
from django.db import connections
from playwright.sync_api import Page, sync_playwright

from launcher.places import ROOT
from tests import servers
from tests.e2e import stack as stacks
from tests.e2e.people import arrive

# the browser's driver keeps an event loop in this thread; Django's closing of connections must not mind it
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

HOUSEHOLDS = "40"  # of the small seeded county


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Stories first, however the rest was shuffled: the walk through all pages then finds what they left to look at."""
    for item in items:
        item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: "whole_way" not in item.nodeid)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What the open pages looked like when a test failed."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for number, person in enumerate(getattr(item, "people", [])):
            picture = shots_folder() / f"failed-{item.name}-{number}-{person.name}.png"
            try:
                person.page.screenshot(path=picture, full_page=True)
                report.sections.append((f"screen of {person.name} at {person.path()}", str(picture)))
            except Exception as error:
                report.sections.append((f"screen of {person.name}", f"no picture: {error}"))
        if "stack" in getattr(item, "funcargs", {}):
            report.sections.append(("logs", item.funcargs["stack"].log_tails()))


def shots_folder() -> Path:
    folder = Path(os.environ.get("HUIMIN_E2E_SHOTS", ROOT / ".run" / "e2e"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def template(django_db_setup):
    """The migrated database that installations are cloned from."""
    return servers.TEMPLATE


@pytest.fixture(scope="session")
def stack(template, tmp_path_factory):
    """The served installation, with the demo's accounts and a small seeded county."""
    state = tmp_path_factory.mktemp("e2e")
    with stacks.cloned(f"huimin_e2e_{os.getpid()}", state) as place:
        place.command("seed_demo", "--bare", "--households", HOUSEHOLDS)
        with stacks.running(place, state) as stack:
            stack.accounts = {one["username"]: one for one in stack.answer("accounts", "--all")}
            yield stack


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as driver:
        chromium = (
            os.environ.get("HUIMIN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        )
        flags = [
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--hide-scrollbars",
        ]
        flags += ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()
        connections.close_all()  # opened while the driver's loop ran, so that nobody finds them after it has ended


@pytest.fixture
def site(stack):
    """The address of the running installation."""
    return stack.url


@pytest.fixture(scope="session")
def seen():
    """Kinds of pages whose accessibility was already looked at."""
    return set()


@pytest.fixture
def people(request, stack, browser, seen):
    """All who took part; what went wrong on any of their pages fails the test at its end."""
    present = request.node.people = []
    yield present
    complaints = [one for person in present for one in person.close()]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def person(stack, browser, seen, people):
    """person("zhang") sits down at a screen, signed in; person() is a villager with a phone."""
    by_name = {}

    def come(username="", **options):
        if username and username in by_name and not options:
            return by_name[username]
        by_name[username] = arrive(stack, browser, seen, username, **options)
        people.append(by_name[username])
        return by_name[username]

    return come


@pytest.fixture
def move_clock(stack):
    return stack.move_clock


@pytest.fixture
def run_command(stack):
    return stack.command


@pytest.fixture
def shot():
    """shot(page, name): keep a picture of the page as it stands."""

    def take(page: Page, name: str) -> Path:
        path = shots_folder() / f"{re.sub(r'[^a-z0-9-]+', '-', name.lower())}.png"
        page.screenshot(path=path, full_page=True)
        return path

    return take


@pytest.fixture
def installation(template, tmp_path):
    """An installation without web server, for commands alone."""
    with stacks.cloned(f"huimin_e2e_way_{os.getpid()}", tmp_path) as place:
        place.environment["REDIS_URL"] = f"unix://{tmp_path}/no-broker.sock"
        yield place
