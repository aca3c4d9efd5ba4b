"""Names of thirty characters: no column of a list lies outside its box, on a desk's screen, on a phone and on paper."""

import mimetypes

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from disbursement.models import PaymentLine, Roster
from disbursement.queries import rosters_of
from huimin.core.accounts import auth
from publicity import services
from recipients.models import Notice as PostedNotice
from recipients.models import Person
from tests.disbursement import factories as make
from tests.e2e import checks
from tests.factories import VILLAGE
from tests.publicity.factories import notice, roster_at
from tests.recipients.factories import another_account

pytestmark = pytest.mark.django_db

NAME = "阿卜杜热合曼江买买提依明艾合麦提托合提居麦尼亚孜库尔班吾斯"
SITE = "http://long.names"
LAPTOP, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
PAPER = {"width": 688, "height": 973}  # of an A4 sheet inside its margins, at 96 dots to the inch
# boxes in which something must be pushed aside before all of it is seen
HIDDEN = """() => [...document.querySelectorAll(".table-wrap, .sheet__wide")]
    .filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => `${e.getAttribute("aria-label")}: ${e.scrollWidth} in ${e.clientWidth}`)"""


@pytest.fixture
def here(db):
    """A county in which everybody has the longest of names; some were paid, and a new list hangs out."""
    here = make.world(6)
    Person.objects.update(name=NAME)
    for one in Person.objects.all():
        another_account(one, holder_name=NAME)
    here.order = make.sent_order(here)
    make.returned(here, here.order, fail={0})
    here.rosters = list(rosters_of(here.order))
    here.disclosure = services.publish_disclosure(roster_at(here).pk, actor=here["department"])
    here.notice = notice(here, names=(NAME, "张三"))
    return here


class Screen:
    """A page of the project, made in this test's own transaction and shown by a browser."""

    def __init__(self, context, client):
        self.client, self.made = client, {}
        context.route("**/*", self._serve)
        self.page = context.new_page()

    def _serve(self, route):
        # no database here: the browser's driver answers from another greenlet, which has no part in the transaction
        path = route.request.url.removeprefix(SITE)
        if path in self.made:
            return route.fulfill(body=self.made[path], content_type="text/html; charset=utf-8")
        file = settings.BASE_DIR / "static" / path.removeprefix(settings.STATIC_URL)
        return route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0])

    def look(self, path):
        """What is hidden in a box, and whether the page itself scrolls sideways."""
        answer = self.client.get(path)
        assert answer.status_code == 200, path
        self.made[path] = answer.content
        self.page.goto(f"{SITE}{path}")
        return self.page.evaluate(HIDDEN), checks.overflow(self.page)


@pytest.fixture
def screen_of(browser):
    """screen_of(user, screen, size) sits down at a screen."""
    contexts = []

    def sit_down(user=None, screen=LAPTOP, size="normal"):
        client = Client()
        if user:
            client.force_login(user)
            session = client.session
            session["seen_at"] = session[auth.STEP_UP_KEY] = 2**33
            session.save()
        client.cookies["size"] = size
        contexts.append(browser.new_context(viewport=screen, locale="zh-CN"))
        return Screen(contexts[-1], client)

    yield sit_down
    for context in contexts:
        context.close()


def desks(here):
    book = here.books[VILLAGE]
    roster = roster_at(here)
    line = PaymentLine.objects.filter(roster=roster).first()
    return [
        ("village", reverse("recipients:person-list")),
        ("village", reverse("recipients:person-detail", args=[line.beneficiary_id])),
        ("village", reverse("recipients:declaration-detail", args=[book.pk])),
        ("village", reverse("recipients:notice-detail", args=[PostedNotice.objects.get().pk])),
        ("town_check", reverse("recipients:entitlement-list")),
        ("town_check", reverse("disbursement:roster-detail", args=[roster.pk])),
        ("department", reverse("disbursement:line-detail", args=[line.pk])),
        ("department", reverse("disbursement:correction-list")),
        (
            "department",
            reverse("publicity:desk-preview", args=[Roster.objects.exclude(pk=roster.pk).get().pk]),
        ),
        ("reconciler", reverse("disbursement:return-detail", args=[here.order.return_files.get().pk])),
    ]


def test_no_column_of_a_desks_list_is_out_of_sight(here, screen_of):
    found = {path: screen_of(here[who]).look(path) for who, path in desks(here)}
    assert not {path: one for path, one in found.items() if any(one)}


def test_a_desks_page_never_scrolls_sideways_on_a_phone(here, screen_of):
    found = {path: screen_of(here[who], PHONE).look(path)[1] for who, path in desks(here)}
    assert not {path: one for path, one in found.items() if one}


@pytest.mark.parametrize("size", ["normal", "large", "xlarge"])
def test_the_phone_shows_every_column_of_a_public_list_at_every_size_of_text(here, screen_of, size):
    phone = screen_of(None, PHONE, size)
    assert not any(phone.look(reverse("publicity:disclosure", args=[VILLAGE, here.disclosure.pk])))
    row = phone.page.locator("tbody tr").filter(has_text="已到账").first.inner_text()
    assert all(words in row for words in ("号", "组", ".25", "已到账"))
    assert not any(phone.look(reverse("publicity:notice", args=[here.notice.pk])))


def test_a_printed_roster_has_its_amounts_on_the_sheet(here, screen_of):
    sheet = screen_of(here["town_check"], PAPER)
    sheet.page.emulate_media(media="print")
    assert not any(sheet.look(reverse("disbursement:roster-print", args=[roster_at(here).pk])))


# what is touched, but for links inside a sentence, the box of the skip link and inputs in their labels
SMALL = """least => [...document.querySelectorAll("button, .btn, .input, summary, a[href^='tel:']")]
    .filter(e => e.offsetParent && e.getBoundingClientRect().height < least - .5)
    .map(e => `${e.innerText || e.name}: ${e.getBoundingClientRect().height}`)"""


@pytest.mark.parametrize(("size", "least"), [("normal", 44), ("large", 60), ("xlarge", 60)])
def test_what_is_touched_is_as_large_as_the_text_asks(here, screen_of, size, least):
    phone = screen_of(None, PHONE, size)
    small = {}
    for path in (
        reverse("publicity:query"),
        reverse("publicity:disclosure", args=[VILLAGE, here.disclosure.pk]),
    ):
        phone.look(path)
        small[path] = phone.page.evaluate(SMALL, least)
    assert not any(small.values()), small
