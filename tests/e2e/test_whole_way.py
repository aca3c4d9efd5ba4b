"""The way of the money on screen, from the indicator to the villager's telephone, by seventeen people.

One test, because it is one story: each chapter stands on what the people of the one before have done.
"""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from huimin.demo.people import Village
from tests.e2e import county

VILLAGE = "341524100200"
POLICY = "耕地地力保护补贴"
HOUSEHOLDS = 46  # about 120 people
NOTICE_DAYS = 8
DOCUMENT = "皖财农〔2026〕318号"


class Story:
    """Who and what the chapters have in common."""

    def __init__(self, stack, person, move_clock, shot, folder):
        self.stack, self.person, self.move_clock, self.shot, self.folder = (
            stack,
            person,
            move_clock,
            shot,
            folder,
        )
        place = stack.rows("SELECT name FROM core_division WHERE code = %s", VILLAGE)[0][0]
        self.village = Village(VILLAGE, place)
        today = stack.rows("SELECT (business_now() AT TIME ZONE 'Asia/Shanghai')::date")[0][0]
        self.year, self.today = (today - timedelta(days=60)).year, today
        self.families = county.households(self.village, HOUSEHOLDS, on=today)
        self.declaration = self.batch = self.roster = self.order = self.answer = self.correction = ""
        self.failed: list[tuple] = []

    def at(self, username, path):
        """The person, looking at an object of the story."""
        someone = self.person(username)
        someone.open(path)
        return someone


@pytest.fixture
def story(stack, person, move_clock, shot, tmp_path):
    return Story(stack, person, move_clock, shot, tmp_path)


def test_the_whole_way_of_the_money(story, run_command):
    money_arrives(story)
    people_are_registered(story)
    village_declares(story)
    notices_run_their_days(story)
    three_offices_sign(story)
    rosters_are_made(story)
    five_people_check(story)
    order_is_signed_and_sent(story)
    bank_answers(story)
    failed_money_is_paid_again(story)
    ledger_is_tied_out(story)
    list_is_published(story)
    villager_looks_it_up(story)
    run_command("prove")


# --- 1. money and people -----------------------------------------------------------------------------------------------


def money_arrives(story):
    """An indicator is registered by one and confirmed by another."""
    clerk = story.at("finance", "/desk/subsidies/indicators/")
    clerk.follow("登记指标")
    clerk.fill(指标文号=DOCUMENT, 指标说明="耕地地力保护补贴追加", 资金来源="专项", 预算年度=str(story.year))
    clerk.fill(**{"下达数（元）": "1,000,000.00"})
    clerk.submit()
    clerk.sees(DOCUMENT, "待确认", "1,000,000.00")
    path = clerk.path()
    assert clerk.button("核对无误，确认").count() == 0
    checker = story.at("finance-check", path)
    checker.press("核对无误，确认")
    checker.sees("已确认")
    clerk.open(path)
    clerk.follow("挂接政策")
    clerk.fill(政策=POLICY, 优先级="2")
    clerk.submit()
    clerk.sees(POLICY)


def people_are_registered(story):
    """A bad workbook is refused whole with its faults; the mended one goes in, and a second time changes nothing."""
    clerk = story.at("town1", "/desk/recipients/imports/")
    bad, rows = county.broken_registry(story.folder, story.families, on=story.today)
    clerk.attach("表格文件", bad)
    clerk.submit()
    clerk.wait_for_job()
    clerk.reload()
    clerk.sees("不符，未导入", f"有 {len(rows)} 处要改")
    for row in rows:
        expect(clerk.page.get_by_role("cell", name=re.compile(rf"第{row}行")).first).to_be_visible()
    ours = "SELECT count(*) FROM recipients_household WHERE code = ANY(%s)"
    assert story.stack.rows(ours, [one.code for one in story.families]) == [(0,)]
    workbook = clerk.download(re.compile("下载"))
    assert workbook.startswith(b"PK")
    good = county.registry(story.folder, story.families, on=story.today)
    clerk.open("/desk/recipients/imports/")
    clerk.attach("表格文件", good)
    clerk.submit()
    clerk.wait_for_job()
    clerk.reload()
    people = sum(len(one.members) for one in story.families)
    clerk.sees("已导入", f"{people}")
    clerk.open("/desk/recipients/imports/")
    clerk.attach("表格文件", good)
    clerk.submit()
    clerk.sees("没有重复写入")
    clerk.open(f"/desk/recipients/people/?q={story.families[0].holder.name}")
    clerk.sees(story.families[0].holder.name)
    clerk.does_not_see(story.families[0].holder.id_number)


# --- 2. review ----------------------------------------------------------------------------------------------------------


def village_declares(story):
    clerk = story.at("village1", "/desk/recipients/declarations/new/")
    clerk.fill(政策=POLICY, 期次=str(story.year), 村="梅山村")
    clerk.submit()
    story.declaration = clerk.path()
    clerk.attach("表格文件", county.declaration(story.folder, story.families))
    clerk.submit()
    clerk.sees(f"已导入 {HOUSEHOLDS} 行")
    total = sum(
        (one.area * Decimal("86.90")).quantize(Decimal("0.01"), "ROUND_HALF_UP") for one in story.families
    )
    clerk.sees(f"{total:,.2f}")
    clerk.press("送审")
    clerk.sees("村级公示中")
    clerk.is_refused("公示期满，送乡镇审核", "还没有张贴公示")


def notices_run_their_days(story):
    """Village, township: each posted, tried too early, ended after its days; who compiled cannot review."""
    clerk = story.person("village1")
    post_notice(clerk)
    clerk.is_refused("公示期满，送乡镇审核", re.compile("公示到.*期满"))
    villager = story.person()
    villager.open("/notices/")
    villager.follow(re.compile(POLICY))
    villager.sees(story.families[0].holder.name)
    villager.does_not_see(story.families[0].holder.id_number)
    story.move_clock(NOTICE_DAYS)
    clerk.open(story.declaration)
    clerk.press("公示期满，送乡镇审核")
    clerk.sees("待乡镇审核")
    assert clerk.button("乡镇审核通过").count() == 0
    reviewer = story.at("town1-review", story.declaration)
    reviewer.press("乡镇审核通过")
    post_notice(reviewer)
    reviewer.is_refused("公示期满，送县级联审", re.compile("公示到.*期满"))
    story.move_clock(NOTICE_DAYS)
    reviewer.open(story.declaration)
    reviewer.press("公示期满，送县级联审")
    reviewer.sees("待县级联审")


def post_notice(person):
    person.fill(张贴地点="村务公开栏")
    person.submit()
    person.sees("公示")


def three_offices_sign(story):
    """In parallel; the last signature moves the declaration on to the county's notice, then to entitlements."""
    for username, words in (
        ("farm-review", "主管部门同意"),
        ("finance-check", "财政同意"),
        ("supervisor", "监督同意"),
    ):
        someone = story.at(username, story.declaration)
        someone.press(words)
    someone.sees("县级公示中")
    keeper = story.at("farm", story.declaration)
    post_notice(keeper)
    keeper.is_refused("公示期满，确认享受资格", re.compile("公示到.*期满"))
    story.move_clock(NOTICE_DAYS)
    keeper.open(story.declaration)
    keeper.press("公示期满，确认享受资格")
    keeper.sees("已确认")
    count = story.stack.rows(
        "SELECT count(*) FROM recipients_entitlement WHERE division_code = %s AND status = 'active'", VILLAGE
    )
    assert count == [(HOUSEHOLDS,)]


# --- 3. rosters ---------------------------------------------------------------------------------------------------------


def rosters_are_made(story):
    clerk = story.at("farm", "/desk/disbursement/batches/new/")
    clerk.fill(政策=POLICY, 期次=str(story.year))
    clerk.submit()
    story.batch = clerk.path()
    clerk.press("下达乡镇")
    clerk.wait_until_sees("梅山镇")
    clerk.sees("待核对")
    clerk.follow("梅山镇", inside="table")
    story.roster = clerk.path()
    clerk.sees("相符", f"{HOUSEHOLDS}")
    neighbour = story.person("town2")
    neighbour.open(story.roster, status=404)
    maker = story.at("town1", story.roster)
    maker.press("核对无误，送审")
    maker.sees("待乡镇审核")
    assert maker.button("乡镇审核通过，送部门").count() == 0


def five_people_check(story):
    for username, words, state in (
        ("town1-review", "乡镇审核通过，送部门", "待部门经办"),
        ("farm", "部门经办，送部门审核", "待部门审核"),
        ("farm-review", "部门审核通过，送财政", "待初审"),
        ("finance", "初审通过，送复核", "待复核"),
        ("finance-check", "复核通过（终审）", "已终审"),
    ):
        someone = story.at(username, story.roster)
        someone.press(words)
        someone.sees(state)


def order_is_signed_and_sent(story):
    """Made by one, signed by another with a one-time code; a nervous finger signs once, the file never changes."""
    maker = story.at("finance", "/desk/disbursement/orders/new/")
    maker.press("编制支付申请，冻结指标")
    story.order = maker.path()
    maker.sees("待签章")
    assert maker.button("签章，同意支付").count() == 0
    signer = story.at("treasury2", story.order)
    signer.give_code(story.order)
    total = story.stack.rows("SELECT trunc(total)::bigint FROM disbursement_paymentorder ORDER BY id DESC")[
        0
    ][0]
    signer.fill(应付金额的整数部分=str(total))
    signer.press_twice("签章，同意支付")
    signer.enter_code_if_asked()
    signer.sees("待送银行")
    signs = "SELECT count(*) FROM core_auditevent WHERE action = 'sign' AND subject = %s"
    assert story.stack.rows(signs, subject(story.order)) == [(1,)]
    signer.press("生成代发文件，送银行")
    signer.wait_until_sees("银行代发中")
    signer.wait_until_sees("SHA-256")
    first = signer.download("下载")
    assert first == signer.download("下载")
    maker.reload()
    assert maker.page.locator("main").get_by_role("link", name="下载").count() == 0
    story.payroll = first


def subject(path):
    return f"disbursement.paymentorder:{path.rstrip('/').rpartition('/')[2]}"


# --- 4. the bank --------------------------------------------------------------------------------------------------------


def bank_answers(story):
    """Uploaded by one, confirmed by another after the differences were looked at; a double click counts once."""
    uploader = story.at("reconcile1", "/desk/disbursement/returns/upload/")
    uploader.attach("回盘文件", county.bank_answer(story.folder, story.payroll, fail_rate="0.06"))
    uploader.submit()
    story.answer = uploader.path()
    uploader.sees("待确认", "失败")
    uploader.is_refused("核对无误，确认入账", "不相容岗位")
    checker = story.at("reconcile2", story.answer)
    checker.give_code(story.answer)
    checker.press_twice("核对无误，确认入账")
    checker.enter_code_if_asked()
    checker.wait_until_sees("已入账")
    story.failed = story.stack.rows(
        """SELECT l.id, l.beneficiary_id, l.payee_name FROM disbursement_paymentresult r
           JOIN disbursement_paymentline l ON l.id = r.line_id WHERE r.kind = 'bank_failed' ORDER BY l.id"""
    )
    paid = story.stack.rows("SELECT count(*) FROM disbursement_paymentresult WHERE kind = 'paid'")[0][0]
    assert story.failed
    assert paid + len(story.failed) == HOUSEHOLDS


def failed_money_is_paid_again(story):
    """New cards are asked for by one and approved by another; the correction takes the whole chain once more."""
    for number, (_, person_id, name) in enumerate(story.failed, 1):
        new_card(story, person_id, name, number)
    clerk = story.at("farm", "/desk/disbursement/corrections/")
    clerk.press("把选中的做成更正批次")
    clerk.sees("更正发放（第1次）")
    story.correction = clerk.path()
    if clerk.button("下达乡镇").count():
        clerk.press("下达乡镇")
    clerk.wait_until_sees("梅山镇")
    clerk.follow("梅山镇", inside="table")
    story.roster, first_roster = clerk.path(), story.roster
    maker = story.at("town1", story.roster)
    maker.press("核对无误，送审")
    five_people_check(story)
    order_is_signed_and_sent(story)
    uploader = story.at("reconcile1", "/desk/disbursement/returns/upload/")
    uploader.attach("回盘文件", county.bank_answer(story.folder, story.payroll, fail_rate="0"))
    uploader.submit()
    checker = story.at("reconcile2", uploader.path())
    checker.give_code(uploader.path())
    checker.press("核对无误，确认入账")
    checker.enter_code_if_asked()
    checker.wait_until_sees("已入账")
    paid = "SELECT count(DISTINCT entitlement_id) FROM disbursement_paymentline l JOIN disbursement_paymentresult r ON r.line_id = l.id WHERE r.kind = 'paid'"
    assert story.stack.rows(paid) == [(HOUSEHOLDS,)]
    story.roster = first_roster


def new_card(story, person_id, name, number):
    card = f"621799{900_000_000_000 + number}"
    clerk = story.at("town1", f"/desk/recipients/people/{person_id}/account/")
    clerk.fill(种类="社保卡", 账户名称=name, 银行账号=card + luhn(card), 开户银行="县农村商业银行营业部")
    clerk.fill(变更原因="原卡已注销，本人到窗口换卡")
    clerk.submit()
    clerk.open("/desk/recipients/accounts/")
    assert clerk.button("复核通过").count() == 0 or clerk.button("复核通过").is_disabled()
    (change,) = story.stack.rows("SELECT max(id) FROM recipients_accountchange")[0]
    checker = story.at("town1-review", f"/desk/recipients/accounts/{change}/")
    checker.fill(再输一遍新账号=card + luhn(card))
    checker.press("复核通过")


def luhn(digits):
    from huimin.demo.people import luhn_digit

    return luhn_digit(digits)


# --- 5. the public ------------------------------------------------------------------------------------------------------


def ledger_is_tied_out(story):
    """What came in is what was paid, waits or is free, to the fen; the page says so."""
    clerk = story.at("reconcile1", "/desk/disbursement/ledger/")
    clerk.sees("相符")
    clerk.does_not_see("不符")
    story.shot(clerk.page, "whole-way-ledger")
    unbalanced = "SELECT count(*) FROM subsidies_indicator WHERE issued <> available + frozen + paid"
    assert story.stack.rows(unbalanced) == [(0,)]
    closer = story.at("finance", story.batch)
    closer.press("关账")
    closer.sees("已办结")


def list_is_published(story):
    """Both rounds, each after a look at what the public will read."""
    clerk = story.at("farm", "/desk/publicity/")
    for _ in range(2):
        clerk.follow("预览、公开")
        clerk.does_not_see(story.families[0].holder.id_number)
        clerk.press("公开这份名单")
        clerk.open("/desk/publicity/")
    clerk.sees(POLICY, "已公开")
    assert clerk.page.get_by_role("link", name="预览、公开").count() == 0


def villager_looks_it_up(story):
    """On a telephone: one's own money, the village's list, and the code on the poster."""
    paid = next(one for one in story.families if one.holder.name not in {row[2] for row in story.failed})
    villager = story.person()
    villager.open("/query/")
    villager.fill(姓名=paid.holder.name, 身份证号=paid.holder.id_number, 收款卡号后四位=paid.account[-4:])
    villager.fill(算一算=str(sum_asked(villager)))
    villager.press("查询")
    villager.sees(
        "已到账", POLICY, f"{(paid.area * Decimal('86.90')).quantize(Decimal('0.01'), 'ROUND_HALF_UP'):,.2f}"
    )
    villager.does_not_see(paid.holder.id_number)
    story.shot(villager.page, "whole-way-query")
    villager.open(f"/villages/{VILLAGE}/")
    villager.follow(re.compile(f"^(?!.*更正).*{POLICY}"))
    villager.sees(paid.holder.name)
    villager.does_not_see(paid.account[-4:])
    code = story.stack.rows("SELECT code FROM publicity_disclosure ORDER BY id DESC")[0][0]
    villager.open("/verify/")
    villager.fill(公示右下角的核验码=code)
    villager.submit()
    villager.sees(re.compile("一样|相符|是真的"))


def sum_asked(villager):
    """The little sum of the form, written in words."""
    digits = "零一二三四五六七八九"
    words = villager.page.locator("label[for=id_answer]").inner_text()
    return sum(digits.index(one) for one in re.findall(f"[{digits}]", words.split("：")[-1].split("等于")[0]))


def test_a_form_sent_twice_by_two_windows_acts_once(stack, person):
    """Two windows with the same form: the second is told, and nothing happens twice."""
    clerk = person("finance")
    clerk.open("/desk/subsidies/indicators/new/")
    clerk.fill(指标文号="双窗〔2026〕1号", 指标说明="同一张表交两次", 资金来源="专项", 预算年度="2026")
    clerk.fill(**{"下达数（元）": "10.00"})
    with clerk.page.expect_navigation():
        clerk.page.evaluate(
            """() => { const form = document.querySelector('main form[method=post]');
                fetch(form.action || location.href, {method: 'POST', body: new FormData(form)}).then(() => form.submit()); }"""
        )
    clerk.inspect()
    found = stack.rows("SELECT count(*) FROM subsidies_indicator WHERE document_number = '双窗〔2026〕1号'")
    assert found == [(1,)]
    expect(clerk.page.locator("main")).to_contain_text(re.compile("已经|没有重复"))


def test_todays_date_is_the_business_clock(stack, person):
    """What pages call today follows the one clock."""
    today = stack.rows("SELECT (business_now() AT TIME ZONE 'Asia/Shanghai')::date")[0][0]
    clerk = person("village1")
    clerk.open("/desk/")
    clerk.sees(f"{today.month}月{today.day}日")
    assert isinstance(today, date)
