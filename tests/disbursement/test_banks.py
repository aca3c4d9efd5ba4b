"""A paying bank and its format: chosen with the order, asked about before money is frozen, understood when it answers."""

from decimal import Decimal
from importlib import invalidate_caches
from pathlib import Path
from shutil import copy

import pytest
from django.db import transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.urls import reverse

from disbursement import proofs, services
from disbursement.models import BankFile, PaymentOrder, PaymentResult, ReturnFile, ReturnLine
from huimin.core import bankformats, clock
from huimin.core.authority.roles import Role
from huimin.core.bankformats.registry import all_formats, get_format
from huimin.core.bankformats.simulator import simulate_return
from huimin.core.errors import BadInput, FileRefused, StepRefused
from huimin.core.models import Office
from huimin.core.records import files
from tests.core import odd_bank_format
from tests.disbursement import factories as make
from tests.factories import COUNTY, OfficeFactory, UserFactory, bank_office, county
from tests.recipients.factories import another_account

pytestmark = pytest.mark.django_db
ODD = "金寨县定长银行"


@pytest.fixture
def odd_format(tmp_path, monkeypatch):
    """One more file in the folder of formats, nothing else."""
    copy(odd_bank_format.__file__, tmp_path / "odd.py")
    monkeypatch.setattr(bankformats, "__path__", [*bankformats.__path__, str(tmp_path)])
    invalidate_caches()
    all_formats.cache_clear()
    yield get_format("odd")
    monkeypatch.undo()
    all_formats.cache_clear()


def bank(name, code):
    return OfficeFactory(name=name, kind=Office.Kind.BANK, bank_format=code)


def ordered(here, **kwargs):
    rosters = make.approved(here, make.issued_batch(here))
    return make.make_order([one.pk for one in rosters], actor=here["order_maker"], **kwargs)


def odd_world(people):
    """Everybody's account is at a second paying bank, of the odd format."""
    county()
    odd = bank(ODD, "odd")
    here = make.world(people, at=lambda _: ODD)
    here.odd = odd
    return here


def sent(here, order):
    services.sign_order(order.pk, actor=here["treasurer"], whole_yuan=str(int(order.total)))
    return services.send_order(order.pk, actor=here["treasurer"])


def test_a_bank_of_one_new_file_is_paid_through_and_understood(odd_format):
    here = odd_world(9)
    order = sent(here, ordered(here, bank_id=here.odd.pk))
    made = BankFile.objects.get(order=order)
    assert made.file.name.endswith(".dat")
    data = files.read(made.file)
    answer = simulate_return(
        data, seed=3, fail_rate=Decimal("0.5"), date=f"{clock.today():%Y%m%d}", bank=odd_format
    )
    taken = services.accept_return(answer, "whatever.bin", actor=here["reconciler"]).return_file
    assert (taken.format, taken.line_count) == ("odd", 9)
    services.confirm_return(taken.pk, actor=here["reconciler2"])
    assert 0 < PaymentResult.objects.filter(kind="paid").count() < 9
    for check in (proofs.bank_files, proofs.return_files):
        assert check() == (9, [])


def test_the_banks_own_code_becomes_our_reason_when_its_file_is_taken_in(odd_format):
    here = odd_world(3)
    order = sent(here, ordered(here, bank_id=here.odd.pk))
    lines = [
        one._replace(reason_code="X9", bank_words="") if one.result == "1" else one
        for one in odd_format.read_return(
            make.answer(order, bank=odd_format, fail={1}, change=lambda line: line._replace(reason_code="ZZ" if line.result == "1" else ""))
        ).lines
    ]  # fmt: skip
    taken = services.accept_return(
        make.file_of(order, lines, bank=odd_format), "r", actor=here["reconciler"]
    ).return_file
    failed = ReturnLine.objects.get(return_file=taken, outcome="failed")
    assert (failed.reason, failed.bank_code) == ("frozen", "X9")
    services.confirm_return(taken.pk, actor=here["reconciler2"])
    assert PaymentResult.objects.get(kind="bank_failed").reason == "frozen"


def test_a_name_that_the_banks_file_cannot_hold_is_found_before_money_is_frozen(odd_format):
    here = odd_world(3)
    another_account(here.people[1], holder_name="李䶮", bank_name=ODD)
    with pytest.raises(StepRefused, match="银行文件放不下的字：䶮"):
        ordered(here, bank_id=here.odd.pk)
    assert not PaymentOrder.objects.exists()


def test_with_two_banks_one_must_be_chosen_and_with_none_the_page_says_who_registers_it():
    county()
    other = bank("金寨县邮政储蓄银行", "xlsx")
    here = make.world(2, at=lambda _: "金寨县邮政储蓄银行梅山支行")
    with pytest.raises(BadInput, match="请选择代发银行"):
        ordered(here)
    rosters = list(make.Roster.objects.values_list("pk", flat=True))
    order = make.make_order(rosters, actor=here["order_maker"], bank_id=other.pk)
    assert (order.bank, order.bank_format) == (other, "xlsx")
    services.cancel_order(order.pk, actor=here["treasurer"], note="换银行")
    Office.objects.update(bank_format="")
    with pytest.raises(StepRefused, match="请系统管理员在“机构”里登记"):
        make.make_order(rosters, actor=here["order_maker"])


def test_lines_of_a_bank_that_pays_no_more_are_paid_across_by_another():
    county()
    other = bank("金寨县邮政储蓄银行", "xlsx")
    here = make.world(2, at=lambda _: "金寨县邮政储蓄银行")
    rosters = [one.pk for one in make.approved(here, make.issued_batch(here))]
    Office.objects.filter(pk=other.pk).update(bank_format="")
    with pytest.raises(StepRefused, match="跨行支付"):
        make.make_order(rosters, actor=here["order_maker"])
    order = make.make_order(rosters, actor=here["order_maker"], cross_bank=True)
    assert set(order.parts.values_list("bank_id", flat=True)) == {other.pk}


def test_the_page_asks_which_bank_only_where_there_are_two():
    here = make.world(2)
    make.approved(here, make.issued_batch(here))
    client = Client()
    client.force_login(here["order_maker"])
    url = reverse("disbursement:order-new")
    assert 'name="bank"' not in client.get(url).content.decode()
    bank("金寨县邮政储蓄银行", "xlsx")
    page = client.get(url)
    assert 'name="bank"' in page.content.decode()
    rosters = list(make.Roster.objects.values_list("pk", flat=True))
    key = page.context["groups"][0]["action_key"]
    first = bank_office()
    client.post(url, {"rosters": rosters, "bank": first.pk, "action_key": key})
    assert PaymentOrder.objects.get().bank == first


def test_an_orders_bank_and_format_cannot_be_changed():
    here = make.world(2)
    order = ordered(here)
    other = bank("金寨县邮政储蓄银行", "xlsx")
    for change in ({"bank": other}, {"bank_format": "xlsx"}):
        with pytest.raises(DatabaseError, match="支付申请编制后不能修改"), transaction.atomic():
            PaymentOrder.objects.filter(pk=order.pk).update(**change)


def test_only_banks_have_a_format():
    with pytest.raises(DatabaseError, match="only_banks_have_a_format"), transaction.atomic():
        OfficeFactory(name="县财政局另一股", kind=Office.Kind.FINANCE, bank_format="xlsx")


def test_a_bank_sees_nothing_of_what_another_bank_pays():
    here = make.world(3)
    order = make.sent_order(here)
    found = make.returned(here, order)
    stranger = UserFactory(role=Role.BANK, at=COUNTY, office=bank("金寨县邮政储蓄银行", "xlsx"))
    for rows, row in ((PaymentOrder.objects, order), (ReturnFile.objects, found)):
        assert row in rows.visible_to(here["bank"])
        assert row not in rows.visible_to(stranger)
    with pytest.raises(FileRefused, match="不存在"):
        services.accept_return(make.answer(order, fail={0}), "r.txt", actor=stranger)


def test_nothing_outside_the_folder_of_formats_names_one():
    root = Path(__file__).parents[2]
    apps = ("huimin", "subsidies", "recipients", "disbursement", "publicity", "supervision", "servicecenter")
    named = [
        str(path.relative_to(root))
        for app in apps
        for path in (root / app).rglob("*.py")
        if "bankformats" not in path.parts and "migrations" not in path.parts
        if "pipe_txt" in path.read_text() or "bankformats.xlsx" in path.read_text()
    ]
    assert sorted(named) == [
        "disbursement/management/commands/bank_simulator.py",  # the stand-in's default
        "huimin/demo/accounts.py",  # the demo's bank
    ]
