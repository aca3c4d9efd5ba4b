"""A list from before a bank was registered: who is known to be there since is paid by that bank, and nobody else with them."""

from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from disbursement import queries, services
from disbursement.models import OrderPart, PaymentLine, PaymentOrder
from disbursement.services import parts
from huimin.core.errors import StepRefused
from huimin.core.models import Office
from recipients.services.banks import settle_accounts
from tests.disbursement import factories as make
from tests.disbursement.test_parts import POST, holds, numbers, order, post_bank, sent
from tests.factories import bank_office
from tests.recipients.factories import another_account

pytestmark = pytest.mark.django_db
NAMES = (POST, "中国农业银行", "金寨农村商业银行")


def before_the_bank(people=9):
    """Every third account is at the post bank, which is registered once the lists were approved; every third at none."""
    here = make.world(people, at=lambda n: NAMES[n // 3 % 3])
    here.batch = make.issued_batch(here)
    here.rosters = [one.pk for one in make.approved(here, here.batch)]
    here.first, here.second = bank_office(), post_bank()
    settle_accounts(actor=None)
    return here


def lines_at(name):
    return sorted(PaymentLine.objects.filter(bank_name=name).values_list("pk", flat=True))


def test_the_bank_that_was_registered_since_pays_its_own_accounts_and_no_others():
    here = before_the_bank()
    (made,) = order(here, bank_id=here.second.pk)
    assert numbers(made) == lines_at(POST)
    assert set(made.parts.values_list("bank_id", "is_across")) == {(0, False)}
    assert set(PaymentLine.objects.filter(bank_name=POST).values_list("bank_id", flat=True)) == {0}
    sent(here, made)
    (other,) = order(here, bank_id=here.first.pk, cross_bank=True)
    assert numbers(other) == sorted(lines_at(NAMES[1]) + lines_at(NAMES[2]))
    sent(here, other)
    assert holds() == []


def test_across_are_only_the_accounts_at_no_bank_today():
    here = before_the_bank()
    (made,) = order(here, bank_id=here.first.pk, cross_bank=True)
    across = OrderPart.objects.filter(order=made, is_across=True)
    assert sum(across.values_list("line_count", flat=True)) == len(lines_at(NAMES[1]))
    assert not set(numbers(made)) & set(lines_at(POST))
    left = queries.to_order(here.rosters)
    assert {bank for one in left.values() for bank in one} == {here.second.pk}


def test_the_pages_tell_the_bank_of_today_and_one_row_a_list():
    here = before_the_bank()
    client = Client()
    client.force_login(here["order_maker"])
    (group,) = client.get(reverse("disbursement:order-new")).context["groups"]
    assert {str(one.bank): one.count for one in group["at_banks"]} == {
        str(here.first): 3,
        POST: 3,
        "None": 3,
    }
    (made,) = order(here, bank_id=here.second.pk)
    page = client.get(reverse("disbursement:order-detail", args=[made.pk]))
    assert len(page.context["parts"]) == len(here.rosters)
    assert sum(one.line_count for one in page.context["parts"]) == 3
    assert "跨行" not in page.content.decode().partition("还没有编入")[0]
    line = client.get(reverse("disbursement:line-detail", args=[lines_at(POST)[0]])).content.decode()
    assert POST in line
    assert "不在本县的代发银行" not in line


def test_an_account_that_was_exchanged_since_is_no_reason_to_pay_the_old_one():
    here = before_the_bank()
    line = PaymentLine.objects.get(pk=lines_at(POST)[0])
    another_account(next(one for one in here.people if one.pk == line.beneficiary_id), bank_name=POST)
    settle_accounts(actor=None)
    (made,) = order(here, bank_id=here.second.pk)
    assert numbers(made) == lines_at(POST)[1:]


def test_lines_of_a_bank_that_pays_no_more_go_to_the_one_that_has_their_accounts_now():
    here = before_the_bank()
    Office.objects.filter(pk=here.first.pk).update(bank_format="", bank_names="")
    Office.objects.filter(pk=here.second.pk).update(bank_names="金寨农村商业银行")
    settle_accounts(actor=None)
    (made,) = order(here)
    assert numbers(made) == sorted(lines_at(POST) + lines_at(NAMES[2]))


def test_the_database_takes_no_account_of_another_bank_of_today_and_no_wrong_word_on_across():
    here = before_the_bank()
    (made,) = order(here, bank_id=here.second.pk)
    (part, *_) = parts.parts_of(made)
    services.cancel_order(made.pk, actor=here["treasurer"], note="换")
    for bank, across in ((here.first, False), (here.first, True), (here.second, True)):
        other = PaymentOrder.objects.get(pk=made.pk)
        other.pk, other.number, other.bank, other.status = None, f"X{bank.pk}{across}", bank, "draft"
        other.line_count, other.total = part.count, part.total
        other.save(force_insert=True)
        with pytest.raises(IntegrityError, match="账户在别的代发银行"), transaction.atomic():
            parts.write(other, [replace(part, is_across=across)])


def test_accounts_that_were_settled_meanwhile_are_told_in_words(monkeypatch):
    here = before_the_bank()
    true = parts.plan
    monkeypatch.setattr(
        parts,
        "plan",
        lambda *args, **kwargs: [
            [replace(one, is_across=True) for one in file] for file in true(*args, **kwargs)
        ],
    )
    with pytest.raises(StepRefused, match="刚刚重新认定过"):
        order(here, bank_id=here.second.pk)
    assert not PaymentOrder.objects.exists()
