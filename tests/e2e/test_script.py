"""The script by itself, on a page of two lines: what needs a clock or a line that breaks."""

import pytest

from launcher.places import ROOT

SCRIPT = ROOT / "static" / "js" / "huimin.js"
SITE = "http://desk.example/"
PAGE = """<!DOCTYPE html><html><head>%(head)s</head><body %(body)s><div id="messages"></div>
<form method="post" action="/slow/"><input name="note"><button type="submit">送复核</button></form></body></html>"""


@pytest.fixture
def page(browser):
    found = browser.new_page()
    found.set_default_timeout(5_000)
    yield found
    found.close()


def shown(page, *, head="", body=""):
    """The page with the script, on a stopped clock; what is sent to /slow/ is counted and leads nowhere."""
    sent = []
    html = PAGE % {"head": head, "body": body}
    page.route("**/*", lambda route: route.fulfill(status=200, content_type="text/html", body=html))
    page.route("**/slow/", lambda route: (sent.append(route.request.post_data), route.fulfill(status=204)))
    page.route("**/go-on/", lambda route: (sent.append("go on"), route.fulfill(status=200, body="")))
    page.clock.install()
    page.goto(SITE + "desk/")
    page.add_script_tag(path=SCRIPT)
    return sent


def press(page):
    page.evaluate("() => { document.querySelector('button').click(); }")


def test_a_form_whose_sending_was_stopped_can_be_sent_again(page):
    sent = shown(page)
    page.fill("input", "旧卡丢了")
    press(page)
    press(page)
    assert page.inner_text("#messages") == "正在提交，请稍等。"
    page.clock.run_for(11_000)
    assert "可以再按一次" in page.inner_text("#messages")
    assert page.input_value("input") == "旧卡丢了"
    press(page)
    page.wait_for_timeout(200)
    assert len(sent) == 2


def test_some_minutes_before_the_idle_end_one_press_goes_on(page):
    sent = shown(page, body='data-idle="900" data-go-on="/go-on/"')
    page.clock.run_for(700_000)
    assert page.inner_text("#messages") == ""
    page.clock.run_for(60_000)
    assert "3 分钟后自动退出" in page.inner_text("#messages")
    page.click("text=继续")
    page.wait_for_function("!document.querySelector('.alert')")
    assert sent == ["go on"]
    page.clock.run_for(600_000)
    assert page.inner_text("#messages") == ""
    page.clock.run_for(400_000)
    assert "已经自动退出" in page.inner_text("#messages")


def test_a_page_that_answers_a_refused_form_has_its_own_address_for_a_reload(page):
    shown(page, head='<meta name="page-address" content="/desk/list/?page=2">')
    assert page.url == SITE + "desk/list/?page=2"
