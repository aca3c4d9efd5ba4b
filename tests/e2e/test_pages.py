"""Every page of every post and of the public site, and what must work without scripts or without a mouse."""

import pytest
from playwright.sync_api import expect

from tests.e2e import walk
from tests.e2e.people import PHONE_SCREEN

LAPTOP = {"width": 1366, "height": 768}
PAGES_PER_POST = 40
PUBLIC_PAGES = 40
FOCUS = """() => { const e = document.activeElement, s = getComputedStyle(e);
    return {tag: e.tagName, words: e.textContent.trim(), outline: s.outlineStyle !== 'none' && s.outlineWidth !== '0px',
            shadow: s.boxShadow !== 'none'}; }"""


def test_every_page_of_every_post_is_whole(stack, person):
    visited = {}
    one_of_each = {account["role"]: username for username, account in reversed(stack.accounts.items())}
    for username in one_of_each.values():
        someone = person(username, viewport=LAPTOP)
        someone.open("/desk/")
        start = walk.links(someone.page, walk.MENU)
        assert start, f"{username} has no menu"
        for path in walk.kinds(someone.page, start, under="/desk/", limit=PAGES_PER_POST):
            someone.open(path)
            visited.setdefault(walk.kind_of(path), []).append(username)
    assert len(visited) >= 30, sorted(visited)


@pytest.mark.parametrize("size", ["normal", "xlarge"])
def test_every_public_page_fits_a_phone(person, site, size):
    villager = person()
    if size != "normal":
        villager.context.add_cookies([{"name": "size", "value": size, "url": site}])
    count = 0
    villager.open("/")
    for path in walk.kinds(villager.page, ["/"], under="/", limit=PUBLIC_PAGES):
        if not path.startswith(("/desk/", "/back-office/", "/api/", "/display/")):
            villager.open(path)
            count += 1
    assert count >= 8, f"the public site has only {count} kinds of pages"


def test_the_first_tab_stop_skips_the_menu_and_focus_is_seen(stack, person):
    username = next(iter(stack.accounts))
    for someone, path in ((person(username), "/desk/"), (person(viewport=PHONE_SCREEN), "/")):
        someone.open(path)
        someone.page.keyboard.press("Tab")
        at = someone.page.evaluate(FOCUS)
        assert at["words"] == "跳到主要内容", at
        someone.page.keyboard.press("Enter")
        expect(someone.page.locator("#main")).to_be_focused()
        someone.page.keyboard.press("Tab")
        at = someone.page.evaluate(FOCUS)
        assert at["outline"] or at["shadow"], f"focus cannot be seen on {at}"


def test_signing_in_works_without_scripts(stack, person):
    username = next(iter(stack.accounts))
    someone = person(java_script_enabled=False, viewport=LAPTOP)
    someone.name = username
    someone.sign_in(username)
    expect(someone.page.locator("h1")).to_be_visible()


def test_a_wrong_password_is_answered_in_words(stack, person):
    someone = person()
    someone.open("/desk/login/")
    someone.fill(用户名=next(iter(stack.accounts)), 密码="not-the-password")
    someone.press("登录")
    expect(someone.page.locator(".error-summary")).to_be_visible()


def test_asking_for_ones_own_subsidies_works_without_scripts(person):
    villager = person(java_script_enabled=False)
    villager.open("/query/")
    villager.press("查询")
    expect(villager.page.locator(".error-summary")).to_be_visible()
