"""Pictures of every kind of page of a running demo, for docs/screenshots: `python3 run.py screenshots`."""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from launcher.places import ROOT
from launcher.processes import answers
from tests.e2e import walk
from tests.e2e.codes import next_code
from tools.png import reduced

WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
TALLEST = 2400  # pixels of a long page; what is below looks like what is above
PAGES = 60  # of one post
STAFF_AREA = ("/desk/", "/back-office/", "/api/", "/display/")
LARGEST, LARGEST_SUM = 250_000, 12_000_000
# kinds of pages that other documents show, by the name of their picture
NAMED = {"/desk/disbursement/rosters/N/": "roster", "/desk/finance-check": "workbench"}
# somebody whose money has arrived, as they would type it: the demo's people are invented
PAID = """
from disbursement.models import PaymentResult
line = PaymentResult.objects.filter(kind="paid").select_related("line").latest("pk").line
print("\\t".join([line.beneficiary_name, line.beneficiary_id_number, line.account_tail]))
"""
DIGITS = "零一二三四五六七八九"


def accounts() -> list[dict]:
    """The demo's accounts, one per post, as the command lists them."""
    words = [sys.executable, "manage.py", "accounts", "--json"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def paid_person() -> list[str]:
    """Name, ID number and the card's last four of the last one paid; empty when nobody was."""
    words = [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", PAID]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip().split("\t") if done.returncode == 0 else []


def ask_for_money(page: Page, site: str, person: list[str]) -> None:
    page.goto(f"{site}/query/")
    for field, text in zip(("name", "id_number", "tail_or_phone"), person, strict=True):
        page.locator(f"#id_{field}").fill(text)
    asked = page.locator("label[for=id_answer]").inner_text().split("：")[-1].split("等于")[0]
    page.locator("#id_answer").fill(str(sum(map(DIGITS.index, re.findall(f"[{DIGITS}]", asked)))))
    with page.expect_navigation():
        page.get_by_role("button", name="查询", exact=True).click()


def sign_in(page: Page, site: str, account: dict) -> None:
    page.goto(f"{site}/desk/login/")
    page.get_by_label("用户名").fill(account["username"])
    page.get_by_label("密码").fill(account["password"])
    with page.expect_navigation():
        page.get_by_role("button", name="登录").click()
    code = page.locator("input[autocomplete=one-time-code]")
    if code.count():
        code.fill(next_code(account["totp_secret"], 0)[0])
        with page.expect_navigation():
            page.get_by_role("button", name="确认").click()


def staff_pages(browser: Browser, site: str, posts: list[dict]) -> Iterator[tuple[str, Page]]:
    """Each kind of page once, with the first post that reaches it."""
    done: set[str] = set()
    for account in posts:
        context = browser.new_context(viewport=WIDE, locale="zh-CN", timezone_id="Asia/Shanghai")
        page = context.new_page()
        sign_in(page, site, account)
        page.goto(f"{site}/desk/")
        for path in walk.kinds(page, walk.links(page, walk.MENU), under="/desk/", limit=PAGES):
            page.goto(f"{site}{path}")
            kind = walk.kind_of(path)
            # everybody's workbench is another one
            name = f"{kind}{account['username']}" if kind == "/desk/" else kind
            if name in done:
                continue
            done.add(name)
            for screen in (PHONE, WIDE):
                page.set_viewport_size(screen)
                yield f"{NAMED.get(name, name)}-{screen['width']}", page
        context.close()


def public_pages(browser: Browser, site: str) -> Iterator[tuple[str, Page]]:
    person = paid_person()
    for screen in (PHONE, WIDE):
        page = browser.new_context(viewport=screen, locale="zh-CN", timezone_id="Asia/Shanghai").new_page()
        page.goto(f"{site}/desk/login/")
        yield f"/login-{screen['width']}", page
        page.goto(site)
        for path in walk.kinds(page, ["/"], under="/", limit=PAGES):
            if not path.startswith(STAFF_AREA):
                page.goto(f"{site}{path}")
                yield f"/public{walk.kind_of(path)}-{screen['width']}", page
        if person:
            ask_for_money(page, site, person)
            yield f"/query-result-{screen['width']}", page
        page.context.close()


def file_name(kind: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", kind.removeprefix("/desk/").lower()).strip("-") + ".png"


def take(page: Page, helper: Page, into: Path, kind: str) -> dict:
    """Write one picture; gives its name, title and size."""
    page.wait_for_load_state()
    size = page.viewport_size
    height = min(TALLEST, max(size["height"], page.evaluate("document.documentElement.scrollHeight")))
    clip = {"x": 0, "y": 0, "width": size["width"], "height": height}
    content = reduced(page.screenshot(full_page=True, clip=clip), helper)
    path = into / file_name(kind)
    path.write_bytes(content)
    return {"name": path.name, "title": page.title(), "size": len(content)}


def write_index(into: Path, pictures: list[dict]) -> None:
    lines = ["# 页面截图", "", "由 `python3 run.py screenshots` 从运行中的演示生成；人和钱都是编的。", ""]
    lines += [f"- [{one['title'].removesuffix(' - 惠民直达')}]({one['name']})" for one in pictures]
    (into / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def picture_all(site: str, into: Path) -> list[dict]:
    """Public pages first, then each post's; gives what was written."""
    with sync_playwright() as driver:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=os.environ["HUIMIN_CHROMIUM"], args=flags)
        helper = browser.new_page()
        pictures = [take(page, helper, into, kind) for kind, page in public_pages(browser, site)]
        pictures += [take(page, helper, into, kind) for kind, page in staff_pages(browser, site, accounts())]
        browser.close()
    return pictures


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py screenshots", description=__doc__)
    parser.add_argument("--site", default="http://127.0.0.1:8000", help="address of the running demo")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "screenshots")
    options = parser.parse_args()
    if not answers(f"{options.site.rstrip('/')}/"):  # before the old pictures go
        print(f"{options.site} 没有应答：先在另一个终端运行 python3 run.py，或用 --site 指明演示的地址。")
        return 1
    options.into.mkdir(parents=True, exist_ok=True)
    for old in options.into.glob("*.png"):
        old.unlink()
    pictures = picture_all(options.site.rstrip("/"), options.into)
    write_index(options.into, pictures)
    total = sum(one["size"] for one in pictures)
    print(f"{len(pictures)} 张，共 {total / 1e6:.1f} MB，在 {options.into}")
    large = [one["name"] for one in pictures if one["size"] > LARGEST]
    if large or total > LARGEST_SUM:
        print(f"过大：{'、'.join(large) or '合计'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
