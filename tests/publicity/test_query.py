"""我的补贴: found with three things, and one answer for everything else."""

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.db.models import Sum
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from disbursement import services as money
from disbursement.models import Roster
from huimin.core import clock
from publicity import queries, rules, services
from publicity.models import QueryLog, QueryMiss
from publicity.queries import own
from publicity.services import Question, guard
from recipients.models import Person
from tests.disbursement import factories as make
from tests.disbursement.test_heads_and_money import change_head, households
from tests.disbursement.test_stops_of_households import stopped_then_changed
from tests.factories import id_number
from tests.publicity.factories import ask, ask_about, paid_world, solve, without_tokens
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db
QUERY = "/query/"


@pytest.fixture
def here():
    return paid_world(4, fail=(0,))


def failed_and_paid(here):
    """A person whose payment failed, and one who was paid."""
    from disbursement.models import PaymentLine

    failed = PaymentLine.objects.filter(results__kind="bank_failed").first()
    paid = PaymentLine.objects.filter(results__kind="paid").first()
    return Person.objects.get(pk=failed.beneficiary_id), Person.objects.get(pk=paid.beneficiary_id), paid


def test_a_person_finds_their_payment_in_plain_words(here, client):
    _, person, line = failed_and_paid(here)
    page = ask_about(client, person)
    text = page.content.decode()
    assert page.status_code == 200
    assert "已到账" in text
    assert f"{line.amount:,.2f} 元" in text
    assert f"尾号 {line.account_tail}" in text
    assert line.standard_text in text
    assert "查完了，清除" in text


def test_a_failed_payment_tells_why_what_to_do_and_whom_to_ask(here, client):
    person, _, _ = failed_and_paid(here)
    text = ask_about(client, person).content.decode()
    assert "没有发成功" in text
    assert "卡注销了" in text
    assert 1 <= text.split('class="do"')[1].split("</ol>")[0].count("<li>") <= 3
    assert "12345" in text


def test_the_result_masks_name_and_number_and_shows_no_neighbour(here, client):
    _, person, _ = failed_and_paid(here)
    text = ask_about(client, person).content.decode()
    assert person.name not in text
    assert person.id_number not in text
    assert f"{person.id_number[:2]}" in text
    assert person.id_number[-3:] in text
    for other in Person.objects.exclude(pk=person.pk):
        assert other.name not in text
        assert other.id_number not in text


def test_the_result_is_in_no_cache_and_in_no_address(here, client):
    _, person, _ = failed_and_paid(here)
    page = ask_about(client, person)
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert "noindex" in page.headers["X-Robots-Tag"]
    words = " ".join(page.content.decode().split())
    # with scripts the page counts from the last touch, without them from the answer
    assert 'data-clear="180" href="/query/cleared/"' in words
    assert '<noscript> <meta http-equiv="refresh" content="180;url=/query/cleared/"> </noscript>' in words
    assert client.get(QUERY, {"name": person.name, "id_number": person.id_number}).status_code == 200
    assert person.name not in client.get(QUERY, {"name": person.name}).content.decode()


def test_what_is_under_review_is_told_by_its_stage(here, client):
    _, person, _ = failed_and_paid(here)
    book = here.books[person.division_code]
    type(book).objects.filter(pk=book.pk).update(status="village_notice")
    text = ask_about(client, person).content.decode()
    assert "正在审核的" in text
    assert "正在村里公示" in text
    assert f"申报 {book.lines.get(beneficiary=person).amount:,.2f} 元" in text


def test_a_draft_tells_no_amount(here, client):
    _, person, _ = failed_and_paid(here)
    book = here.books[person.division_code]
    type(book).objects.filter(pk=book.pk).update(status="draft")
    text = ask_about(client, person).content.decode()
    assert "村里正在登记" in text
    assert "申报 " not in text


@pytest.mark.parametrize("typed", ["13805641234", "138 0564 1234", "+86 138-0564-1234"])
def test_the_registered_telephone_serves_instead_of_the_card(here, client, typed):
    _, person, _ = failed_and_paid(here)
    type(person).objects.filter(pk=person.pk).update(phone="13805641234")
    assert "已到账" in ask_about(client, person, tail_or_phone=typed).content.decode()


def test_nothing_typed_serves_as_the_telephone_of_who_left_none(here, client):
    _, person, _ = failed_and_paid(here)
    type(person).objects.filter(pk=person.pk).update(phone=None)
    assert "没有查到" in ask_about(client, person, tail_or_phone="-" * 11).content.decode()


# --- what is due and not listed -------------------------------------------------------------------------------------


def confirmed(here, person):
    """A right of another policy that no batch has paid yet."""
    book = make.declaration(make.policy(here["finance"]), person.division_code, here["village"])
    return make.entitle(book, person)


def test_what_is_confirmed_and_not_listed_is_told_as_waiting(here, client):
    _, person, _ = failed_and_paid(here)
    right = confirmed(here, person)
    text = ask_about(client, person).content.decode()
    section = text.split('id="awaited"')[1]
    assert "资格已确认，等发放" in section
    assert right.policy.name in section
    assert "另有 1 项还没有列入发放名单" in text


def test_what_is_listed_is_told_once_as_a_payment(here, client):
    _, person, _ = failed_and_paid(here)
    assert 'id="awaited"' not in ask_about(client, person).content.decode()


def test_a_list_that_was_cancelled_leaves_its_people_waiting(client):
    here = make.world(2)
    batch = make.issued_batch(here)
    person = here.people[1]
    assert 'id="awaited"' not in ask_about(client, person).content.decode()
    Roster.objects.filter(batch=batch).update(status="cancelled")
    assert "资格已确认，等发放" in ask_about(client, person).content.decode()


def test_who_has_no_card_is_told_to_register_one(here, client):
    _, person, _ = failed_and_paid(here)
    type(person).objects.filter(pk=person.pk).update(phone="13805641234")
    confirmed(here, person)
    person.accounts.update(is_active=False, closed_at=clock.now())
    page = ask(client, name=person.name, id_number=person.id_number, tail_or_phone="13805641234")
    section = page.content.decode().split('id="awaited"')[1]
    assert "登记里没有您的卡" in section
    assert "社保卡到梅山镇财政所登记" in section


def test_a_missing_card_of_somebody_else_is_told_as_the_payees(here, client):
    _, holder, _ = failed_and_paid(here)
    child = make.person(holder.division_code, household=holder.household)
    make.account(child)
    book = make.declaration(make.policy(here["finance"]), child.division_code, here["village"])
    make.entitle(book, child, payee=holder)
    holder.accounts.update(is_active=False, closed_at=clock.now())
    assert "登记里没有收款人的卡" in ask_about(client, child).content.decode()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("withheld", "这项补贴暂停着"),
        ("forfeited", "这项补贴暂停着"),
        ("ended", None),
        ("active", "资格已确认，等发放"),
    ],
)
def test_the_state_of_the_right_decides_what_is_said(here, client, status, words):
    _, person, _ = failed_and_paid(here)
    right = confirmed(here, person)
    if status == "ended":
        lists.ended(right, right.versions.get().valid.lower)
    if status in {"withheld", "forfeited"}:
        lists.suspended(right, status, right.versions.get().valid.lower - timedelta(days=40))
    text = ask_about(client, person).content.decode()
    assert words in text if words else 'id="awaited"' not in text


def test_a_right_that_ended_within_what_is_listed_waits_for_nothing(here, client):
    _, person, _ = failed_and_paid(here)
    lists.ended(person.entitlements.get(), date(2026, 7, 1))
    assert 'id="awaited"' not in ask_about(client, person).content.decode()


def test_a_standing_right_waits_from_the_first_day_that_no_list_reaches(client):
    here = make.world(2, rule=make.MONTHLY, frequency="monthly")
    person = here.people[1]
    this_month = clock.today().replace(day=1)
    make.issued_batch(here, f"{this_month - timedelta(days=1):%Y-%m}")
    section = awaited_of(client, person)
    assert f"{this_month.year}年{this_month.month}月1日" in section
    for month in range(1, this_month.month + 1):
        if month != (this_month - timedelta(days=1)).month:
            make.issued_batch(here, f"{this_month.year}-{month:02}")
    assert 'id="awaited"' not in ask_about(client, person).content.decode()


def test_a_stranger_is_told_nothing_of_what_waits(here, client):
    _, person, _ = failed_and_paid(here)
    confirmed(here, person)
    assert "等发放" not in ask_about(client, person, tail_or_phone="0000").content.decode()


def test_what_waits_is_read_only_for_the_one_who_is_shown_it(here):
    _, person, line = failed_and_paid(here)
    shown = reads(Question(person.name, person.id_number, line.account_tail, "10.1.1.1"))
    wrong = reads(Question(person.name, person.id_number, "0000", "10.2.1.1"))
    assert f"e.beneficiary_id = {person.pk} " in shown[-1]
    assert "e.beneficiary_id = 0 " in wrong[-1]


MISSES = {
    "no such person": {"id_number": "990001199001010015"},
    "wrong name": {"name": "王大明"},
    "wrong card": {"tail_or_phone": "0000"},
    "wrong telephone": {"tail_or_phone": "13900000000"},
    "half a telephone": {"tail_or_phone": "1380564"},
    "short number": {"id_number": "12345"},
    "letters": {"id_number": "不是号码"},
    "very long": {"id_number": "9" * 90},
    "wildcard": {"name": "%", "tail_or_phone": "____"},
    "empty tail digits": {"tail_or_phone": "尾号"},
    "other person's name": {"name": "张三"},
}


def test_every_kind_of_miss_gives_the_same_bytes_headers_and_status(here):
    _, person, _ = failed_and_paid(here)
    seen = set()
    for place, change in enumerate(MISSES.values()):
        QueryMiss.objects.all().delete()
        client = Client(REMOTE_ADDR=f"10.{place}.0.1")
        page = ask_about(client, person, **change)
        headers = {key: value for key, value in page.headers.items() if key != "Content-Length"}
        typed = change.get("name", person.name)
        page_text = without_tokens(page).replace(f'value="{typed}"', "")
        seen.add((page.status_code, str(sorted(headers.items())), page_text))
    assert len(seen) == 1
    assert "请核对姓名、身份证号和卡尾号（或登记的电话）" in seen.pop()[2]


def misses_of(person, tails):
    """What is said to one try after the other, each from another network."""
    pages = [
        ask_about(Client(REMOTE_ADDR=f"10.{place}.0.1"), person, tail_or_phone=tail)
        for place, tail in enumerate(tails)
    ]
    return [without_tokens(page) for page in pages]


def test_a_blocked_person_is_answered_like_a_wrong_card(here):
    _, person, line = failed_and_paid(here)
    *_, fifth, right, wrong = misses_of(person, ["0000"] * 5 + [line.account_tail, "0000"])
    assert fifth == right == wrong
    assert "今天的次数用完了" in right
    assert QueryLog.objects.filter(outcome="blocked").count() == 2


def test_every_miss_tells_how_many_tries_are_left_today(here):
    _, person, _ = failed_and_paid(here)
    said = [re.search(r"今天还能查 (\d) 次|次数用完了", text)[1] for text in misses_of(person, ["0000"] * 5)]
    assert said == ["4", "3", "2", "1", None]


def test_tries_are_counted_alike_for_a_number_that_nobody_has(here):
    _, person, _ = failed_and_paid(here)
    nobody = Person(name=person.name, id_number="990001199001010015")
    for one in (person, nobody):
        left = [
            services.answer_question(Question("赵钱孙", one.id_number, "0000", f"10.{n}.7.7")).tries_left
            for n in range(6)
        ]
        assert left == [4, 3, 2, 1, 0, 0]


def test_a_house_over_its_limit_is_told_to_wait_an_hour_whoever_it_asks_about(here):
    _, person, line = failed_and_paid(here)
    many("10.1.1.1", 20)
    for number in (person.id_number, "990001199001010015"):
        answer = services.answer_question(Question(person.name, number, line.account_tail, "10.1.1.1"))
        assert (answer.person, answer.tries_left) == (None, None)
    assert "过一小时再查" in rules.miss_text(None)


def test_a_day_of_tries_begins_at_midnight(here):
    services.answer_question(Question("赵钱孙", "990001199001010015", "0000", "10.1.1.1"))
    begins = QueryMiss.objects.get(scope="person").window_start
    assert timezone.localtime(begins).hour == 0


def test_after_a_miss_the_name_stays_and_no_number_does(here, client):
    _, person, _ = failed_and_paid(here)
    text = ask_about(client, person, tail_or_phone="0000").content.decode()
    assert f'value="{person.name}"' in text
    assert person.id_number not in text
    assert 'value="0000"' not in text


def test_right_answers_are_not_counted_as_misses(here):
    _, person, _ = failed_and_paid(here)
    for n in range(7):
        assert "已到账" in ask_about(Client(REMOTE_ADDR=f"10.{n}.0.1"), person).content.decode()


def test_spoofed_addresses_do_not_widen_the_limit(here):
    """Ten thousand guesses would fare like these: five are looked at, whatever X-Forwarded-For says."""
    _, person, _ = failed_and_paid(here)
    for n in range(8):
        client = Client(HTTP_X_FORWARDED_FOR=f"203.0.{n}.7", REMOTE_ADDR="10.1.1.1")
        ask_about(client, person, tail_or_phone=f"{n:04d}")
    outcomes = list(QueryLog.objects.order_by("id").values_list("outcome", flat=True))
    assert outcomes == ["missed"] * 5 + ["blocked"] * 3
    assert QueryMiss.objects.filter(scope="address").count() == 1


def test_behind_a_proxy_only_its_own_entry_counts(here, settings):
    settings.TRUSTED_PROXIES = 1
    for n in range(3):
        client = Client(HTTP_X_FORWARDED_FOR=f"203.0.{n}.7, 198.51.100.5", REMOTE_ADDR="127.0.0.1")
        ask(client, name="张三", id_number=id_number(), tail_or_phone="0000")
    assert QueryMiss.objects.filter(scope="address").get().misses == 3


def many(address, count, *, at_window=False):
    for n in range(count):
        question = Question(f"张{n}", f"99{n:04d}19900101001X", "0000", address, at_window=at_window)
        services.answer_question(question)


@pytest.mark.parametrize(
    ("address", "used", "ask_from"),
    [
        ("10.1.1.1", 20, "10.1.1.1"),
        ("10.1.1.{}", 200, "10.1.1.250"),
    ],
)
def test_addresses_and_their_neighbourhood_are_limited(here, address, used, ask_from):
    _, person, line = failed_and_paid(here)
    for n in range(used):
        many(address.format(n % 200), 1)
    right = Question(person.name, person.id_number, line.account_tail, ask_from)
    assert services.answer_question(right).person is None
    elsewhere = Question(person.name, person.id_number, line.account_tail, "172.16.0.1")
    assert services.answer_question(elsewhere).person is not None


def found(person, line, address):
    right = Question(person.name, person.id_number, line.account_tail, address)
    return services.answer_question(right).person is not None


def test_a_name_is_limited_over_all_numbers_that_a_network_tries(here):
    _, person, line = failed_and_paid(here)
    for n in range(20):
        services.answer_question(Question(person.name, f"98{n:04d}19900101001X", "0000", f"10.1.1.{n}"))
    assert not found(person, line, "10.1.1.99")


def test_a_name_is_not_closed_for_everybody_by_one_network(here):
    _, person, line = failed_and_paid(here)
    for n in range(25):
        services.answer_question(Question(person.name, f"98{n:04d}19900101001X", "0000", f"10.1.1.{n}"))
    assert found(person, line, "10.2.1.1")


def test_an_address_over_its_limit_closes_nobody_else_out(here):
    """Thirty misses, then six about somebody whose first 14 digits are known, and twenty-one about a name."""
    _, person, line = failed_and_paid(here)
    many("10.66.6.6", 30)
    for n in range(6):
        services.answer_question(Question(f"赵{n}", person.id_number[:14] + "0000", "0000", "10.66.6.6"))
    for n in range(21):
        services.answer_question(Question(person.name, f"98{n:04d}19900101001X", "0000", "10.66.6.6"))
    assert found(person, line, "172.16.0.1")
    assert found(person, line, "10.66.6.7"), "nor its neighbours, by their common network"


def test_an_address_over_its_limit_makes_nobody_elses_sums_harder(here):
    many("10.66.6.6", 60)
    busy = QueryMiss.objects.filter(scope="everybody").aggregate(n=Sum("misses"))["n"]
    assert busy == rules.LIMITS["address"].most


def test_a_window_over_the_limit_of_addresses_still_spends_what_it_asks_about(here):
    _, person, line = failed_and_paid(here)
    many("10.1.1.1", 25, at_window=True)
    for n in range(6):
        guess = Question(person.name, person.id_number, f"{n:04d}", "10.1.1.1", at_window=True)
        services.answer_question(guess)
    assert not found(person, line, "172.16.0.1")


def test_a_right_answer_takes_off_what_it_put_on_and_no_more(here):
    _, person, line = failed_and_paid(here)
    many("10.1.1.1", 25, at_window=True)
    before = dict(QueryMiss.objects.values_list("scope", "misses").filter(scope__in=["address", "network"]))
    right = Question(person.name, person.id_number, line.account_tail, "10.1.1.1", at_window=True)
    assert services.answer_question(right).person
    after = dict(QueryMiss.objects.values_list("scope", "misses").filter(scope__in=["address", "network"]))
    assert before == after == {"address": 25, "network": 20}


@pytest.mark.parametrize("scope", ["objection", "progress", "window", "paper", "verify", "compare"])
def test_a_house_with_a_whole_ipv6_network_is_one_user(db, scope):
    most = rules.LIMITS[scope].most
    assert sum(services.count_use(scope, f"2001:db8:1:1::{n:x}") for n in range(1, most * 2)) == most


def test_uses_are_limited_by_neighbourhood_too_and_one_house_does_not_spend_it(db):
    most = rules.LIMITS["objection"].most
    for _ in range(most * rules.NEIGHBOURS + 1):
        services.count_use("objection", "10.1.1.1")
    assert services.count_use("objection", "10.1.1.2")
    for n in range(3, 3 + rules.NEIGHBOURS):
        for _ in range(most):
            services.count_use("objection", f"10.1.1.{n}")
    assert not services.count_use("objection", "10.1.1.200")
    assert services.count_use("objection", "10.1.2.1")


def test_a_window_token_is_not_guessed_from_one_house(client, settings, db):
    settings.WINDOW_TOKEN = "secret-77"
    for n in range(40):
        page = client.post(
            "/query/window/", {"token": f"secret-{n + 47}"}, REMOTE_ADDR=f"2001:db8:1:1::{n + 1:x}"
        )
        assert page.status_code == 200


def test_a_service_window_is_spared_by_address_but_not_by_person(here, client, settings):
    settings.WINDOW_TOKEN = "open-sesame-2026"
    _, person, _ = failed_and_paid(here)
    many("127.0.0.1", 25)
    assert "没有查到" in ask_about(client, person).content.decode()
    wrong = client.post("/query/window/", {"token": "guess"})
    assert "口令不对" in wrong.content.decode()
    assert client.post("/query/window/", {"token": "open-sesame-2026"}).status_code == 302
    assert "已到账" in ask_about(client, person).content.decode()
    for n in range(6):
        ask_about(client, person, tail_or_phone=f"{n:04d}")
    assert "没有查到" in ask_about(client, person).content.decode()
    settings.WINDOW_TOKEN = "another"
    assert "（服务窗口）" not in client.get(QUERY).content.decode()


def test_counters_begin_anew_the_next_day(here):
    _, person, line = failed_and_paid(here)
    right = Question(person.name, person.id_number, line.account_tail, "10.9.9.9")
    for n in range(6):
        services.answer_question(Question(person.name, person.id_number, "0000", f"10.{n}.1.1"))
    assert services.answer_question(right).person is None
    for row in QueryMiss.objects.all():
        row.window_start -= timedelta(days=1)
        row.save()
    assert services.answer_question(right).person is not None


def test_old_counters_are_dropped(here):
    many("10.1.1.1", 2)
    QueryMiss.objects.update(window_start="2020-01-01T00:00:00Z")
    assert guard.forget_old() >= 2
    assert not QueryMiss.objects.exists()


def test_counters_and_log_hold_no_clear_values(here, client):
    _, person, _ = failed_and_paid(here)
    ask_about(client, person)
    ask_about(client, person, tail_or_phone="0000")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(m::text, ' ') FROM (SELECT * FROM publicity_querymiss) m"
            " UNION ALL SELECT string_agg(l::text, ' ') FROM publicity_querylog l"
            " UNION ALL SELECT string_agg(e::text, ' ') FROM core_auditevent e"
        )
        stored = " ".join(row[0] or "" for row in cursor.fetchall())
    for private in (person.name, person.id_number, person.id_number[:14], "127.0.0"):
        assert private not in stored
    assert person.name.encode().hex() not in stored


def statements(question):
    with CaptureQueriesContext(
        connection,
    ) as seen:
        services.answer_question(question)
    return [query["sql"].split("(")[0][:40] for query in seen.captured_queries]


def test_found_missed_malformed_and_blocked_cost_the_same_statements(here):
    _, person, line = failed_and_paid(here)
    found = statements(Question(person.name, person.id_number, line.account_tail, "10.1.1.1"))
    missed = statements(Question(person.name, person.id_number, "0000", "10.2.1.1"))
    nobody = statements(Question("王五", "990001199001010015", "1234", "10.3.1.1"))
    malformed = statements(Question("???", "x", "", "10.4.1.1"))
    for n in range(5):
        services.answer_question(Question(person.name, person.id_number, "0000", f"10.{n}.5.1"))
    blocked = statements(Question(person.name, person.id_number, line.account_tail, "10.5.1.1"))
    assert len(found) == 9
    assert found == missed == nobody == malformed == blocked


def reads(question):
    """What a question reads, with its parameters: the statements that select."""
    with CaptureQueriesContext(connection) as seen:
        services.answer_question(question)
    return [one["sql"] for one in seen.captured_queries if "disbursement_" in one["sql"]]


def test_payments_are_read_only_for_the_one_who_is_shown_them(here):
    """A wrong card, a blocked person and a stranger read the payments of nobody: their number is in no time."""
    _, person, line = failed_and_paid(here)
    nobody, own = (f"l.beneficiary_id = {pk}" for pk in (queries.NOBODY, person.pk))
    shown = reads(Question(person.name, person.id_number, line.account_tail, "10.1.1.1"))[-2]
    wrong = reads(Question(person.name, person.id_number, "0000", "10.2.1.1"))[-2]
    stranger = reads(Question("王五", "990001199001010015", "1234", "10.3.1.1"))[-2]
    for n in range(5):
        services.answer_question(Question(person.name, person.id_number, "0000", f"10.{n}.5.1"))
    blocked = reads(Question(person.name, person.id_number, line.account_tail, "10.5.1.1"))[-2]
    assert own in shown
    assert wrong == stranger == blocked
    assert nobody in wrong


def test_tails_are_matched_over_as_many_lines_whoever_is_asked_about(here, monkeypatch):
    monkeypatch.setattr(own, "MOST_PAYMENTS", 3)  # the county has more lines than a person
    _, person, line = failed_and_paid(here)
    rows = []
    for pk in (person.pk, queries.NOBODY):
        with CaptureQueriesContext(connection) as seen:
            queries.tails_of(pk)
        with connection.cursor() as cursor:
            cursor.execute(
                "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + seen.captured_queries[0]["sql"]
            )
            plan = "\n".join(row[0] for row in cursor.fetchall())
        rows.append(re.search(r"CTE read\n\s+->  Append \(actual rows=([\d.]+)", plan)[1])
    assert [float(count) for count in rows] == [3, 3]
    assert queries.tails_of(person.pk) == [line.account_tail]
    assert queries.tails_of(queries.NOBODY) == []


def test_a_page_costs_as_many_statements_for_a_miss_as_for_a_result(here):
    _, person, line = failed_and_paid(here)
    costs = []
    for place, tail in enumerate((line.account_tail, "0000")):
        client = Client(REMOTE_ADDR=f"10.{place}.0.1")
        given = {"name": person.name, "id_number": person.id_number, "tail_or_phone": tail}
        given |= solve(client.get(QUERY).content.decode())
        with CaptureQueriesContext(connection) as seen:
            client.post(QUERY, given)
        costs.append(len(seen))
    assert costs[0] == costs[1]


def test_the_number_of_statements_does_not_grow_with_the_payments(here):
    _, person, line = failed_and_paid(here)
    question = Question(person.name, person.id_number, line.account_tail, "10.1.1.1")
    before = len(statements(question))
    for _ in range(2):
        make.entitle(
            make.declaration(make.policy(here["finance"]), person.division_code, here["village"]), person
        )
    assert len(statements(question)) == before


# --- the sum --------------------------------------------------------------------------------------------------------


def test_a_sum_is_good_once(here, client):
    _, person, line = failed_and_paid(here)
    given = {"name": person.name, "id_number": person.id_number, "tail_or_phone": line.account_tail}
    given |= solve(client.get(QUERY).content.decode())
    assert "已到账" in client.post(QUERY, given).content.decode()
    assert "请再算一次" in client.post(QUERY, given).content.decode()


@pytest.mark.parametrize("change", [{"answer": "99"}, {"token": "forged"}, {"token": ""}])
def test_without_the_right_sum_nothing_is_looked_up(here, client, change):
    _, person, line = failed_and_paid(here)
    given = {"name": person.name, "id_number": person.id_number, "tail_or_phone": line.account_tail}
    given |= solve(client.get(QUERY).content.decode()) | change
    text = client.post(QUERY, given).content.decode()
    assert "请再算一次" in text
    assert "已到账" not in text
    assert not QueryLog.objects.exists()


def test_an_empty_box_is_named(client, here):
    text = client.post(QUERY, solve(client.get(QUERY).content.decode())).content.decode()
    assert "还不能查，有 3 处要改" in text
    assert "请填写身份证号" in text


@pytest.mark.parametrize("change", [{"answer": "99"}, {"id_number": ""}])
def test_after_a_fault_the_page_asks_a_new_sum_that_can_be_answered(here, client, change):
    _, person, line = failed_and_paid(here)
    given = {"name": person.name, "id_number": person.id_number, "tail_or_phone": line.account_tail}
    first = solve(client.get(QUERY).content.decode())
    again = solve(client.post(QUERY, given | first | change).content.decode())
    assert again["token"] != first["token"]
    assert "已到账" in client.post(QUERY, given | again).content.decode()


def test_the_token_does_not_tell_the_answer():
    one = services.new_challenge()
    answer = solve(f'算一算：{one.question} name="token" value="{one.token}"')["answer"]
    from django.core import signing

    payload = signing.loads(one.token, salt="publicity.challenge")
    assert answer not in payload.values()
    assert services.settle_challenge(one.token, answer)


def test_sums_get_harder_while_many_questions_fail():
    assert rules.sum_from(b"x").question.count("加") == 1
    assert rules.sum_from(b"x", hard=True).question.count("加") == 2


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("10.1.1.1", "10.1.1.0/24"),
        ("::ffff:10.1.1.1", "10.1.1.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("local", "local"),
    ],
)
def test_neighbourhoods_of_addresses(address, same):
    assert rules.network_of(address)[1] == same


def test_clearing_asks_the_browser_to_forget(client, here):
    page = client.get(reverse("publicity:query-cleared"))
    assert page.headers["Clear-Site-Data"] == '"cache"'
    assert "已经清除" in page.content.decode()


def test_payments_of_another_county_are_not_told(here, settings):
    _, person, _ = failed_and_paid(here)
    assert queries.payments_of(person.pk)
    settings.COUNTY_CODE = "341523000000"
    assert queries.payments_of(person.pk) == []


# --- what became of a right -----------------------------------------------------------------------------------------


def told_changes(client, person):
    text = ask_about(client, person).content.decode()
    return " ".join(text.split('id="changes"')[1].split("</section>")[0].split()) if "changes" in text else ""


def test_a_pause_is_told_also_while_a_list_is_on_its_way(here, client):
    _, person, _ = failed_and_paid(here)
    lists.suspended(person.entitlements.get(), "withheld", date(2026, 10, 1))
    shown = told_changes(client, person)
    assert "这项补贴暂停着" in shown
    assert "从2026年10月1日起暂缓。以前各期还没有发出去的也先停着，恢复以后没有发的都补给您" in shown
    assert "梅山镇财政所" in shown


def test_months_that_a_lifted_pause_took_are_told_as_never_paid(client):
    here = make.world(2, rule=make.MONTHLY, frequency="monthly")
    make.issued_batch(here, "2026-06")
    person = here.people[1]
    pause = lists.suspended(person.entitlements.get(), "forfeited", date(2026, 7, 10))
    assert "停发期间的以后不补" in told_changes(client, person)
    lists.lifted(pause, date(2026, 9, 15))
    assert "2026年8月1日到2026年9月30日这段时间停发，不发，以后也不补" in told_changes(client, person)


def test_a_former_head_reads_that_the_right_passed_and_nothing_of_the_new_one(client):
    here, head, wife = households()
    pause = lists.suspended(head.entitlements.get(), "forfeited", date(2026, 7, 10))
    lists.lifted(pause, date(2026, 9, 15))
    change_head(here, wife)
    shown = told_changes(client, head)
    assert "停发" not in shown  # the months are the new head's
    assert "已转给您家的新户主" in shown
    assert "从2026年4月1日起" in shown
    assert wife.name not in ask_about(client, head).content.decode()
    shown = told_changes(client, wife)
    assert "停发" not in shown
    assert "这项补贴转给了您，从2026年4月1日起由您领" in shown
    assert head.name not in shown


def test_a_line_on_its_way_whose_right_is_withheld_is_not_told_as_in_hand(client):
    here = make.world(2)
    make.issued_batch(here)
    person = here.people[1]
    assert "正在办" in ask_about(client, person).content.decode()
    lists.suspended(person.entitlements.get(), "withheld", clock.today())
    text = ask_about(client, person).content.decode()
    assert rules.TURNS["withheld"][0] in text
    assert "正在办。" not in text
    assert ">正在办<" not in text


def awaited_of(client, person):
    return ask_about(client, person).content.decode().split('id="awaited"')[1].split("</section>")[0]


def test_one_months_amount_is_not_told_for_a_right_of_several_months(client):
    here, _, wife = households()
    change_head(here, wife)
    lists.ended(wife.entitlements.get(), date(2026, 6, 1))
    section = awaited_of(client, wife)
    assert "2026年4月1日到2026年5月31日的" in section
    assert "元</span>" not in section


def test_the_declared_amount_is_told_where_all_of_the_declared_period_waits(here, client):
    _, person, _ = failed_and_paid(here)
    confirmed(here, person)
    assert "元</span>" in awaited_of(client, person)


def test_a_new_head_reads_from_when_on_the_right_is_theirs(client):
    here, _, wife = households()
    change_head(here, wife, day=clock.today())
    section = awaited_of(client, wife)
    assert "还没有到时间" in section
    assert f"{clock.today().year}年" in section
    assert "由您领" in told_changes(client, wife)


def test_a_new_head_reads_of_a_stop_that_stands_for_the_house_until_it_is_lifted(client):
    here, _, line, wife = stopped_then_changed()
    section = awaited_of(client, wife)
    after, held, before = section.split("<li")[1:]
    assert "2026年6月1日到2026年6月30日的" in held
    assert "您家这些天的有一笔停发了，还没有恢复" in held
    assert "不用您办什么" not in held
    assert "2026年4月1日到2026年5月31日的" in before
    assert "等发放" in after
    money.lift_stop(line.pk, reason="核实不是重复领取", actor=here["department"])
    assert "停发了" not in awaited_of(client, wife)


def test_a_right_that_was_ended_is_told_with_whom_to_ask(here, client):
    _, person, _ = failed_and_paid(here)
    lists.ended(person.entitlements.get(), date(2026, 7, 1))
    assert "从2026年7月1日起不再发" in told_changes(client, person)


@pytest.mark.parametrize(
    ("kind", "words"), [("withheld", "恢复以后没有发的都补给您"), ("forfeited", "停发期间的以后不补")]
)
def test_a_pause_that_stands_is_told_of_a_right_that_has_ended_too(client, kind, words):
    here = make.world(2, rule=make.MONTHLY, frequency="monthly")
    make.issued_batch(here, "2026-06")
    person = here.people[1]
    lists.suspended(person.entitlements.get(), kind, date(2026, 7, 10))
    lists.ended(person.entitlements.get(), date(2026, 10, 1))
    shown = told_changes(client, person)
    assert words in shown
    assert "从2026年10月1日起不再发" in shown
    assert "以前没有发的照发" not in shown


def test_an_earlier_month_that_no_list_holds_waits_after_a_later_one_is_listed(client):
    here = make.world(2, rule=make.MONTHLY, frequency="monthly")
    person = here.people[1]
    make.issued_batch(here, "2026-07")
    section = awaited_of(client, person)
    assert "2026年1月1日到2026年6月30日的" in section
    assert "2026年8月1日到" in section


def test_of_a_month_with_a_last_day_of_a_pause_in_it_nothing_waits(client):
    here = make.world(2, rule=make.MONTHLY, frequency="monthly")
    person = here.people[1]
    pause = lists.suspended(person.entitlements.get(), "forfeited", date(2025, 11, 10))
    lists.lifted(pause, date(2026, 9, 15))
    assert "2026年10月1日" in awaited_of(client, person)
