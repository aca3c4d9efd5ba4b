"""At which of the county's paying banks an account is: by 联行号, else by the written name, for one and for all of them."""

import re
import time

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from huimin.core import reference
from huimin.core.accounts import auth
from huimin.core.authority.roles import Role
from huimin.core.models import AuditEvent, BankBranch, Job, Office
from huimin.core.work import jobs
from recipients import proofs
from recipients.models import Account
from recipients.services import accounts, banks, registry_import
from tests.disbursement import factories as payees
from tests.factories import COUNTY, TOWN, OfficeFactory, UserFactory, bank_office, county
from tests.recipients import factories as make
from tests.recipients.sheets import member, workbook

pytestmark = pytest.mark.django_db
POST = "金寨县邮政储蓄银行"


def at(name, code=""):
    return banks.bank_at(COUNTY, branch_code=code, bank_name=name)


@pytest.fixture
def post():
    county()
    bank_office()
    return OfficeFactory(
        name=POST, kind=Office.Kind.BANK, bank_format="xlsx", bank_names="邮储银行、邮政储蓄银行"
    )


@pytest.mark.parametrize(
    ("written", "is_post"),
    [
        (POST, True),
        (f"{POST}梅山支行", True),
        ("邮储银行金寨县支行", True),
        ("邮政储蓄银行", True),
        ("金寨农村商业银行梅山支行", False),
        ("中国农业银行金寨县支行", None),
        ("", None),
    ],
)
def test_a_written_name_tells_the_bank_by_its_beginning(post, written, is_post):
    expected = None if is_post is None else post.pk if is_post else bank_office().pk
    assert at(written) == expected


def test_a_known_branch_tells_more_than_the_written_name(post):
    BankBranch.objects.create(code="403376400015", name="中国邮储金寨支行", bank="邮储银行")
    BankBranch.objects.create(code="103376400012", name="中国农业银行金寨县支行", bank="农业银行")
    assert at("金寨农村商业银行", "403376400015") == post.pk
    assert at(POST, "103376400012") is None
    assert at(POST, "999999999999") == post.pk, "a branch that nobody knows says nothing"


def test_the_longest_name_decides_and_two_that_fit_alike_decide_nothing(post):
    other = OfficeFactory(name="邮政储蓄银行霍山支行", kind=Office.Kind.BANK, bank_format="xlsx")
    assert at("邮政储蓄银行霍山支行营业部") == other.pk
    Office.objects.filter(pk=other.pk).update(bank_names="邮储银行")
    assert at("邮储银行") is None


def test_only_a_bank_that_can_be_paid_through_counts_and_only_in_its_county(post):
    assert banks.bank_at("341525000000", branch_code="", bank_name=POST) is None
    Office.objects.filter(pk=post.pk).update(bank_format="")
    assert at(POST) is None


def test_accounts_are_settled_when_they_are_imported(post):
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    rows = [
        member(1, holder=1, 开户银行="邮储银行梅山支行"),
        member(2, house=2, holder=2, 开户银行="某某银行"),
    ]
    registry_import.import_now(workbook(rows), filename="采集表.xlsx", actor=clerk)
    assert list(Account.objects.order_by("pk").values_list("bank", flat=True)) == [post.pk, None]


def test_an_approved_change_settles_the_new_account(post):
    (owner,) = make.household()
    clerk, checker = (
        UserFactory(role=role, at=TOWN) for role in (Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER)
    )
    new = accounts.NewAccount("passbook", owner.name, "100020003000400057", "邮储银行梅山支行")
    asked = accounts.ask_account_change(owner.pk, new, reason="换折", actor=clerk)
    accounts.check_account_change(asked.pk, "approve", number_again=new.number, actor=checker)
    assert owner.accounts.get(is_active=True).bank == post


def test_accounts_that_are_there_are_settled_in_one_statement_when_their_bank_is_registered():
    county()
    make.household(members=4)
    accounts = Account.objects.all()
    assert set(accounts.values_list("bank", flat=True)) == {None}
    bank = OfficeFactory(name="县农村商业银行", kind=Office.Kind.BANK, bank_format="pipe_txt")
    with CaptureQueriesContext(connection) as captured:
        assert banks.settle_accounts(actor=None) == accounts.count() == 4
    assert sum("UPDATE recipients_account" in one["sql"] for one in captured) == 1
    assert set(accounts.values_list("bank", flat=True)) == {bank.pk}
    assert banks.settle_accounts(actor=None) == 0
    assert proofs.accounts_are_at_their_banks() == (accounts.count(), [])


def saved(client, url, form, shown):
    """The second time, with what was shown and the box ticked."""
    seen = re.search(r'name="foreseen" value="(\w+)"', shown.content.decode())[1]
    assert client.post(url, form | {"foreseen": seen, "confirmed": "on"}).status_code == 302


@pytest.fixture
def keeper(client):
    county()
    client.force_login(UserFactory(role=Role.SYSTEM_ADMIN))
    session = client.session
    session[auth.STEP_UP_KEY] = int(time.time())
    session.save()
    return client


BANK = {"kind": "bank", "division": COUNTY, "department": "", "phone": "", "bank_format": "pipe_txt"}
ADD = "/back-office/core/office/add/"


@pytest.mark.ignore_template_errors
def test_a_spelling_of_another_bank_is_refused_at_its_field(keeper):
    make.household()
    bank_office()
    banks.settle_accounts(actor=None)
    slip = BANK | {"name": "金寨县邮政储蓄银行", "bank_names": "邮政储蓄银行、县农村商业银行"}
    text = keeper.post(ADD, slip).content.decode()
    assert "“县农村商业银行”已是金寨县农村商业银行的名称或写法" in text
    assert not Office.objects.filter(name=slip["name"]).exists()


@pytest.mark.ignore_template_errors
@pytest.mark.parametrize("between", ["，", ",", "、", "；", "\r\n", "，，"])
def test_names_may_stand_between_commas_of_any_kind_and_on_lines_of_their_own(keeper, between):
    form = BANK | {"name": "金寨县邮政储蓄银行", "bank_names": f"邮储银行{between}邮政储蓄银行"}
    saved(keeper, ADD, form, keeper.post(ADD, form))
    assert Office.objects.get(name=form["name"]).bank_names == "邮储银行、邮政储蓄银行"


@pytest.mark.ignore_template_errors
def test_a_bank_without_a_format_says_that_its_spellings_count_for_nothing(keeper):
    form = BANK | {"name": "金寨县邮政储蓄银行", "bank_names": "邮储银行", "bank_format": ""}
    assert "行名写法不起作用" in keeper.post(ADD, form).content.decode()
    assert not Office.objects.filter(name=form["name"]).exists()


@pytest.mark.ignore_template_errors
def test_what_a_change_does_to_accounts_is_shown_before_it_is_saved(keeper):
    make.household(members=3)
    one = bank_office()
    banks.settle_accounts(actor=None)
    url = f"/back-office/core/office/{one.pk}/change/"
    form = BANK | {"name": one.name, "bank_names": "金寨农村商业银行，写错的名"}
    shown = keeper.post(url, form)
    text = shown.content.decode()
    assert "3 个账户不再在金寨县农村商业银行，变为没有代发银行" in text
    assert "写成“写错的名…”的在用账户有 0 个，请核对有没有写错" in text
    one.refresh_from_db()
    assert one.bank_names == "金寨农村商业银行、县农村商业银行"
    assert keeper.post(url, form | {"confirmed": "on"}).status_code == 200, "ticked without having seen it"
    saved(keeper, url, form, shown)
    one.refresh_from_db()
    assert one.bank_names == "金寨农村商业银行、写错的名"
    job = Job.objects.get(kind=reference.SETTLE_ACCOUNTS)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert "其中 3 个变为没有代发银行" in job.message


@pytest.mark.ignore_template_errors
def test_a_bank_whose_name_nobody_writes_is_told_before_it_is_saved(keeper):
    make.household()
    form = BANK | {"name": "邮政储蓄银行金寨县分行", "bank_names": ""}
    shown = keeper.post(ADD, form)
    assert "写成“邮政储蓄银行金寨县分行…”的在用账户有 0 个，请核对有没有写错" in shown.content.decode()
    assert not Office.objects.filter(name=form["name"]).exists()
    saved(keeper, ADD, form, shown)


@pytest.mark.ignore_template_errors
def test_a_branch_that_takes_accounts_along_is_shown_before_it_is_saved(keeper):
    bank_office()
    code, clerk = "402377000018", UserFactory()
    for _ in range(2):
        with transaction.atomic():
            payees.account(payees.person(by=clerk.pk))
    form = {"code": code, "name": "某某银行梅山支行", "bank": "某某银行"}
    add = "/back-office/core/bankbranch/add/"
    shown = keeper.post(add, form)
    assert "2 个账户不再在金寨县农村商业银行" in shown.content.decode()
    assert not BankBranch.objects.exists()
    saved(keeper, add, form, shown)


def test_the_database_knows_one_way_to_separate_names():
    bank_office()
    with pytest.raises(DatabaseError, match="bank_names_are_separated"), transaction.atomic():
        Office.objects.update(bank_names="甲银行，乙银行")


@pytest.mark.ignore_template_errors
def test_registering_or_renaming_a_bank_asks_for_a_job_that_settles_all_accounts(client):
    county()
    make.household()
    admin = UserFactory(role=Role.SYSTEM_ADMIN)
    client.force_login(admin)
    session = client.session
    session[auth.STEP_UP_KEY] = int(time.time())
    session.save()
    form = {
        "name": "甲银行",
        "kind": "bank",
        "division": COUNTY,
        "department": "",
        "phone": "",
        "bank_format": "pipe_txt",
    }
    plain = form | {"bank_names": ""}
    saved(client, ADD, plain, client.post(ADD, plain))
    office = Office.objects.get(name="甲银行")
    url = f"/back-office/core/office/{office.pk}/change/"
    shown = client.post(url, form | {"bank_names": "县农村商业银行"})
    saved(client, url, form | {"bank_names": "县农村商业银行"}, shown)
    asked = list(Job.objects.filter(kind=reference.SETTLE_ACCOUNTS).order_by("pk"))
    assert len(asked) == 2
    assert jobs.run(asked[1].pk) == "done"
    assert set(Account.objects.values_list("bank", flat=True)) == {office.pk}
    told = AuditEvent.objects.get(action="bank.settle")
    assert (told.actor, told.detail) == (admin, {"changed": Account.objects.count()})
    other = OfficeFactory(name="甲村委会", kind=Office.Kind.VILLAGE)
    client.post(
        f"/back-office/core/office/{other.pk}/change/",
        form | {"name": "乙", "kind": "village", "bank_format": ""},
    )
    assert Job.objects.filter(kind=reference.SETTLE_ACCOUNTS).count() == 2, "an office that is no bank"


def test_a_clerk_reads_the_bank_on_the_persons_page(post):
    (owner,) = make.household()
    client = Client()
    client.force_login(UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN))
    url = reverse("recipients:person-detail", args=[owner.pk])
    assert "代发银行：金寨县农村商业银行" not in client.get(url).content.decode()
    assert "不在本县的代发银行" in client.get(url).content.decode()
    banks.settle_accounts(actor=None)
    assert "代发银行：金寨县农村商业银行" in client.get(url).content.decode()


def test_an_account_is_at_a_bank_and_nowhere_else():
    county()
    make.household()
    office = OfficeFactory(name="金寨县财政局")
    with pytest.raises(DatabaseError, match="账户只能在代发银行"), transaction.atomic():
        Account.objects.update(bank=office)
    with pytest.raises(DatabaseError, match="没有留痕不能改"), transaction.atomic():
        Account.objects.update(bank=bank_office())
    bank_office()
    banks.settle_accounts(actor=None)
    assert set(Account.objects.values_list("bank__kind", flat=True)) == {"bank"}


def test_only_banks_have_other_names():
    with pytest.raises(DatabaseError, match="only_banks_have_a_format"), transaction.atomic():
        OfficeFactory(name="县财政局另一股", kind=Office.Kind.FINANCE, bank_names="农商行")
