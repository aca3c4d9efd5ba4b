from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.template import Context, Template
from django.test import RequestFactory

from huimin.core.desk import pages
from huimin.core.records import audit
from huimin.core.values.badges import Kind, StateChoices
from huimin.core.values.periods import Period

TODAY = date(2026, 6, 18)


def shown(source: str, query: str = "", **context: object) -> str:
    request = RequestFactory().get(f"/list?{query}")
    values = {"request": request, "house": {"today": TODAY}, "today": TODAY, **context}
    return Template(source).render(Context(values)).strip()


@pytest.mark.parametrize(
    ("source", "value", "text"),
    [
        ("{{ v|yuan }}", Decimal("46372154.6"), "46,372,154.60"),
        ("{{ v|yuan }}", Decimal("-1204.3"), "−1,204.30"),
        ("{{ v|yuan }}", Decimal(0), "0.00"),
        ("{{ v|yuan }}", None, "—"),
        ("{{ v|wan }}", Decimal("155040600"), "15,504.06"),
        ("{{ v|quantity }}", Decimal("412306.8500"), "412,306.85"),
        ("{{ v|quantity }}", Decimal("3.0000"), "3"),
        ("{{ v|quantity:2 }}", Decimal("5.2000"), "5.20"),
        ("{{ v|quantity:2 }}", Decimal("-0.1234"), "−0.1234"),
        ("{{ v|quantity }}", Decimal("100"), "100"),
        ("{{ v|count }}", 108642, "108,642"),
        ("{{ v|count }}", 0, "0"),
        ("{{ v|day:today }}", date(2026, 6, 9), "6月9日"),
        ("{{ v|day:today }}", date(2025, 6, 9), "2025年6月9日"),
        ("{{ v|day }}", date(2026, 6, 9), "2026年6月9日"),
        ("{{ v|day }}", None, "—"),
        ("{{ v|stamp }}", datetime(2026, 6, 18, 17, 30, tzinfo=UTC), "06-19 01:30"),
        ("{{ v|stamp:today }}", datetime(2025, 6, 18, 1, 0, tzinfo=UTC), "2025-06-18 09:00"),
        ("{{ v|mask_id }}", "99010119440214002X", "990101********002X"),
        ("{{ v|period }}", "2026Q1", "2026年第1季度"),
        ("{{ v|period }}", Period.parse("2026-02"), "2026年2月"),
        ("{{ v|mask_name_middle }}", "王桂英", "王*英"),
        ("{{ v|mask_id }}", "", "—"),
    ],
)
def test_values_are_shown_as_clerks_write_them(source, value, text):
    assert shown(source, v=value) == text


def test_money_that_is_not_decimal_is_not_shown():
    with pytest.raises(TypeError):
        shown("{{ v|yuan }}", v=1.5)


class Sample(StateChoices):
    DRAFT = "draft", "off", "草稿"
    ODD = "odd", Kind.BAD, "面积超确权"


def test_a_status_brings_its_own_badge():
    assert Sample("odd") is Sample.ODD
    assert Sample.choices == [("draft", "草稿"), ("odd", "面积超确权")]
    assert shown("{% badge s %}", s=Sample.ODD) == '<span class="badge badge--bad">面积超确权</span>'


def test_a_word_of_the_table_knows_its_badge():
    assert 'badge--doing">公示中<' in shown("{% badge '公示中' %}")


def test_a_free_word_needs_its_kind():
    assert 'badge--todo">与上年差 +38%<' in shown("{% badge '与上年差 +38%' 'todo' %}")
    with pytest.raises(LookupError, match="状态词表"):
        shown("{% badge '随便' %}")


def test_text_from_people_cannot_break_out_of_a_badge():
    assert "<b>" not in shown("{% badge w 'ok' %}", w="<b>")


def test_a_link_to_another_page_keeps_filters_of_many_values():
    assert shown("{% query_string page=3 %}", "a=1&a=2&page=2") == "?a=1&amp;a=2&amp;page=3"
    assert shown("{% query_string page=None %}", "a=1&page=2") == "?a=1"


@pytest.mark.parametrize(
    ("now", "order", "link"),
    [
        ("name", "ascending", "?x=1&amp;sort=-amount"),
        ("amount", "ascending", "sort=-amount"),
        ("-amount", "descending", "sort=amount"),
    ],
)
def test_a_column_head_turns_the_order_round_and_starts_at_the_first_page(now, order, link):
    html = shown("{% sort_header '金额' 'amount' 'num' %}", "x=1&page=4&after=9", sort=now)
    if now == "name":
        assert "aria-sort" not in html
        assert "?x=1&amp;sort=amount" in html
    else:
        assert f'aria-sort="{order}"' in html
        assert link in html
    assert "page=" not in html
    assert "after=" not in html


def test_the_record_shows_who_did_what_and_what_waits():
    entries = [
        pages.Entry("复核", who="周敏", state="now"),
        pages.Entry(
            "退回南溪镇",
            who="丁磊",
            when=datetime(2026, 6, 16, 2, 5, tzinfo=UTC),
            state="back",
            note="面积不一致",
        ),
    ]
    html = shown("{% timeline entries %}", entries=entries)
    assert "现在" in html
    assert "06-16 10:05" in html
    assert "面积不一致" in html


def test_a_refused_act_is_disabled_and_says_why():
    panel = pages.Panel("复核", [pages.Act("复核通过，送审批", "/x", "primary", refused="须由王建华办理")])
    html = shown("{% include 'partials/act_panel.html' %}", panel=panel, csrf_token="t")
    assert "disabled" in html
    assert "须由王建华办理" in html
    assert "formaction" not in html
    assert "<textarea" not in html


def test_an_act_that_sends_back_asks_for_a_reason():
    panel = pages.Panel(
        "复核",
        [pages.Act("通过", "/ok", "primary"), pages.Act("退回初审", "/back", "danger", needs_note=True)],
    )
    html = shown("{% include 'partials/act_panel.html' %}", panel=panel, csrf_token="t")
    assert "退回初审时必填" in html
    assert 'formaction="/back"' in html
    assert html.count("data-needs-note") == 1
    assert f'name="action_key" value="{panel.action_key}"' in html


@pytest.mark.parametrize(
    ("subject", "state", "said"),
    [
        ("disbursement.roster:12", "issued", "待核对"),
        ("disbursement.roster:12", "no state of it", "no state of it"),
        ("no.model:1", "issued", "issued"),
        ("disbursement.roster:12", "", ""),
    ],
)
def test_a_state_on_the_trail_is_said_in_the_words_of_its_model(subject, state, said):
    assert audit.state_words(subject, state) == said


def test_an_object_on_the_trail_is_named_as_people_name_it():
    assert audit.subject_words("disbursement.paymentorder:6") == "支付申请 6"
    assert audit.subject_words("no.model:1") == "no.model:1"
