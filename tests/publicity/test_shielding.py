"""保护隐私 turned on after lists with full names hung and stood open: what the public may still read, and the ways on."""

import pytest
from django.db import IntegrityError, transaction
from django.db.utils import InternalError
from django.urls import reverse

from disbursement import services as disbursement
from huimin.core.authority.roles import Role
from huimin.core.desk import todos
from huimin.core.errors import StepRefused
from publicity import queries, services
from publicity.models import Disclosure
from recipients.services import notices, review
from subsidies import services as subsidies
from tests.disbursement import factories as make
from tests.factories import UserFactory
from tests.publicity.factories import disclosure_at, paid_world, published_world, roster_at
from tests.publicity.test_publishing import _bare_disclosure
from tests.recipients import factories as lists

pytestmark = pytest.mark.django_db


def protect(policy, on=True):
    clerk, checker = UserFactory(role=Role.FINANCE_CLERK), UserFactory(role=Role.FINANCE_CHECKER)
    change = subsidies.ask_change(policy, reason="涉及残疾人", actor=clerk, is_protected=on)
    subsidies.advance_change(change.pk, "approve", actor=checker)
    policy.refresh_from_db()


def titles(user):
    return {one.title for one in todos.for_user(user) if one.count}


def test_open_lists_with_full_names_leave_the_site_at_once(client):
    here = published_world()
    found = disclosure_at(here)
    shown = reverse("publicity:disclosure", args=[found.division_code, found.pk])
    assert client.get(shown).status_code == 200
    protect(here.policy)
    assert client.get(shown).status_code == 404
    assert not queries.standing_disclosures().exists()
    page = client.get(reverse("publicity:verify-code", args=[found.code])).content.decode()
    assert "已改为只公示姓氏" in page
    assert shown not in page
    assert "公开的名单写着全名，已不显示" in titles(here["department"])


def test_a_list_approved_with_full_names_is_not_published_any_more():
    here = paid_world()
    protect(here.policy)
    with pytest.raises(StepRefused, match="签章时写的是全名"):
        services.publish_disclosure(roster_at(here).pk, actor=here["department"])
    assert not queries.publishable(here["department"]).exists()


@pytest.mark.parametrize(("surname_only", "why"), [(False, "政策保护隐私"), (True, "名单里有全名")])
def test_the_database_refuses_to_open_it_too(surname_only, why):
    here = paid_world()
    protect(here.policy)
    roster = roster_at(here)
    with pytest.raises((IntegrityError, InternalError), match=why), transaction.atomic():
        _bare_disclosure(here, roster, root=roster.content_hash, surname_only=surname_only)


def test_a_list_made_before_is_made_anew_before_it_is_submitted():
    here = make.world(4)
    roster = make.issued_batch(here).rosters.order_by("-line_count").first()
    protect(here.policy)
    with pytest.raises(StepRefused, match="重新生成花名册"):
        disbursement.advance_roster(roster.pk, "submit", actor=here["town"])
    disbursement.regenerate_roster(roster.pk, actor=here["town"])
    disbursement.advance_roster(roster.pk, "submit", actor=here["town"])


def test_failed_money_is_corrected_under_the_surname_and_its_list_may_be_opened():
    here = paid_world()
    protect(here.policy)
    batch = make.batch_of(here.order)
    correction = disbursement.make_correction(batch.pk, actor=here["department"])
    make.returned(here, make.sent_order(here, correction))
    made = services.publish_disclosure(correction.rosters.get().pk, actor=here["department"])
    assert made.surname_only
    assert Disclosure.objects.standing().get() == made


def test_taking_it_off_again_leaves_masked_lists_as_they_are():
    here = paid_world(protected=True)
    made = services.publish_disclosure(roster_at(here).pk, actor=here["department"])
    protect(here.policy, on=False)
    assert made.surname_only
    assert all("*" in line.shown_name for line in made.lines.all())
    assert Disclosure.objects.standing().get() == made


@pytest.fixture
def hung():
    people = lists.chain()
    one = lists.declaration(actor=people["village"], **lists.NOTHING | {"has_village_notice": True})
    review.take_step(one.pk, "submit", actor=people["village"])
    return people, notices.post_notice(one.pk, place="公开栏", actor=people["village"])


def test_a_notice_with_full_names_leaves_the_site_and_is_posted_anew(client, hung):
    people, notice = hung
    page = reverse("publicity:notice", args=[notice.pk])
    assert client.get(page).status_code == 200
    protect(notice.policy)
    notice.refresh_from_db()
    assert client.get(page).status_code == 404
    assert "不再显示" in client.get(reverse("publicity:verify-code", args=[notice.code])).content.decode()
    with pytest.raises(StepRefused, match="写着全名"):
        notices.poster(notice, verify_url="https://example.invalid/")
    with pytest.raises(StepRefused, match="从墙上揭下"):
        review.take_step(notice.declaration_id, "end_village_notice", actor=people["village"])
    second = UserFactory(role=Role.VILLAGE_CLERK, at=lists.VILLAGE)
    assert "村级公示写着全名，要揭下重贴" in titles(second)
    notices.withdraw_notice(notice.pk, note="改为保护隐私", actor=second)
    again = notices.post_notice(notice.declaration_id, place="公开栏", actor=people["village"])
    assert again.surname_only
    assert all("*" in line.shown_name for line in again.lines.all())
    assert client.get(reverse("publicity:notice", args=[again.pk])).status_code == 200
