"""A county whose money has been paid: everything by the services of the apps below."""

import re
from datetime import timedelta

from django.urls import reverse

from disbursement.queries import rosters_of
from huimin.core import clock
from huimin.core.models import Office
from publicity import services
from recipients.models import Notice, NoticeLine
from tests.disbursement import factories as make
from tests.factories import TOWN, VILLAGE

_WORDS = {word: number for number, word in enumerate("零一二三四五六七八九十")}


def paid_world(people=10, *, fail=(0,), **kwargs):
    """People who were paid, one of whom the bank refused; `here.rosters` are settled and not published."""
    here = make.world(people, **kwargs)
    here.order = make.sent_order(here)
    make.returned(here, here.order, fail=fail)
    here.order.refresh_from_db()
    assert here.order.status == "settled"
    here.rosters = list(rosters_of(here.order))
    Office.objects.get_or_create(
        name="梅山镇财政所",
        defaults={"kind": Office.Kind.TOWNSHIP, "division_id": TOWN, "phone": "0564-7350001"},
    )
    return here


def published_world(people=10, **kwargs):
    here = paid_world(people, **kwargs)
    here.disclosures = [
        services.publish_disclosure(roster.pk, actor=here["department"]) for roster in here.rosters
    ]
    return here


def roster_at(here, code=TOWN):
    return next(roster for roster in here.rosters if roster.division_code == code)


def disclosure_at(here, code=TOWN):
    return next(one for one in here.disclosures if one.division_code == code)


def solve(html):
    """The token and the answer of the sum on a page, as a person would read it."""
    question = re.search(r"算一算：([零一二三四五六七八九十加]+)等于几", html)[1]
    token = re.search(r'name="token" value="([^"]+)"', html)[1]
    return {"token": token, "answer": str(sum(_WORDS[term] for term in question.split("加")))}


def ask(client, *, name, id_number, tail_or_phone, **extra):
    """One honest question to 我的补贴."""
    url = reverse("publicity:query")
    sum_part = solve(client.get(url).content.decode())
    return client.post(
        url, {"name": name, "id_number": id_number, "tail_or_phone": tail_or_phone, **sum_part}, **extra
    )


def ask_about(client, person, **changes):
    own = {
        "name": person.name,
        "id_number": person.id_number,
        "tail_or_phone": person.accounts.get(is_active=True).tail,
    }
    return ask(client, **own | changes)


def without_tokens(response):
    """The page without what must differ each time: the sum, its token and Django's own token."""
    text = response.content.decode()
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", text)
    text = re.sub(r'name="token" value="[^"]+"', "", text)
    return re.sub(r"算一算：[零一二三四五六七八九十加]+等于几", "", text)


def notice(here, *, names=("张三", "李四"), village=VILLAGE):
    """A running village notice over a declaration of the world."""
    book = here.books[village]
    type(book).objects.filter(pk=book.pk).update(status="village_notice")
    book.refresh_from_db()
    today = clock.today()
    made = Notice.objects.create(
        declaration=book,
        policy=book.policy,
        county_code=book.county_code,
        division_code=village,
        revision=book.revision,
        level="village",
        starts_on=today,
        ends_on=today + timedelta(days=7),
        place="村公示栏",
        line_count=len(names),
        total="100.00",
        digest="0" * 64,
        surname_only=book.policy.is_protected,
        posted_by=here["village"],
    )
    NoticeLine.objects.bulk_create(
        NoticeLine(
            notice=made,
            line_no=number,
            village="梅山村",
            group_name="第1组",
            shown_name=name,
            quantity="1.0000",
            standard_text="86.90 元/亩",
            amount="50.00",
        )
        for number, name in enumerate(names, 1)
    )
    return made
