"""Banks saved while accounts are written, or by two people at once: no account stays where no bank is any more."""

import threading

from django.db import transaction

from huimin.core import reference
from huimin.core.authority.roles import Role
from huimin.core.models import Job, Office
from recipients import proofs
from recipients.models import Account
from recipients.services import banks
from tests.factories import COUNTY, OfficeFactory, UserFactory, county
from tests.recipients import factories as make

POST = "金寨县邮政储蓄银行"


def test_two_banks_keptat_once_are_settled_by_a_job_each(run_in_threads):
    admin = UserFactory(role=Role.SYSTEM_ADMIN)
    jobs_made = run_in_threads(lambda _: reference.banks_changed(actor=admin).pk, 2)
    assert len(set(jobs_made)) == 2
    assert Job.objects.filter(kind=reference.SETTLE_ACCOUNTS).count() == 2


def test_settling_waits_for_who_asked_before_the_bank_was_saved(run_in_threads):
    """An account is being written; the bank is saved meanwhile and its accounts are settled: this one too."""
    with transaction.atomic():
        county()
        (owner,) = make.household()
    asked, kept = threading.Event(), threading.Event()

    def write_or_settle(index):
        if index:
            asked.wait(20)
            post_office = OfficeFactory(name=POST, kind=Office.Kind.BANK, bank_format="pipe_txt")
            kept.set()
            banks.settle_accounts(actor=None)
            return post_office.pk
        with transaction.atomic():
            change = make.approved_change(owner, bank_name=POST)
            at_none = banks.bank_at(COUNTY, branch_code="", bank_name=POST)
            asked.set()
            kept.wait(20)
            return at_none, make.account_of(change, bank_id=at_none).pk

    (at_none, pk), bank = run_in_threads(write_or_settle, 2)
    assert at_none is None
    assert Account.objects.get(pk=pk).bank_id == bank
    assert proofs.accounts_are_at_their_banks()[1] == []
