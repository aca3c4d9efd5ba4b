"""A death ends rights by rule and leaves what it ended; a mistaken one is corrected by somebody else."""

import re
from datetime import date
from uuid import uuid4

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.urls import reverse

from huimin.core.authority.roles import Role
from huimin.core.errors import StepForbidden, StepRefused
from huimin.core.models import AuditEvent, Notification
from recipients.models import Death, Ending, Entitlement, EntitlementVersion, Person
from recipients.services import deaths, entitlements, review
from tests.factories import TOWN, UserFactory
from tests.recipients.factories import NOTHING, another_account, declaration, household, policy
from tests.recipients.test_heads import changed

OPEN_ENDED = NOTHING | {"is_open_ended": True}
DIED = date(2026, 2, 14)


def clerk(**more):
    return UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN, **more)


def living(**version):
    """A person with an open-ended right, and the clerk who keeps the registry."""
    person = household(1)[0]
    one = declaration(policy(frequency="monthly", **OPEN_ENDED | version), lines=[person], period="2026-01")
    review.take_step(one.pk, "submit", actor=one.made_by)
    return person, Entitlement.objects.get(beneficiary=person)


def correct(actor, note="同名的人，登记错了"):
    return deaths.correct_death(Death.objects.latest("pk").pk, "correct", actor=actor, note=note)


@pytest.mark.django_db
def test_a_mistaken_death_is_corrected_by_another_person_and_all_is_as_before():
    person, right = living()
    first = clerk()
    before = right.versions.get().valid
    deaths.record_death(person.pk, died_on=DIED, actor=first)
    assert right.versions.get().valid != before
    (restored,) = correct(clerk())
    assert (restored.status, restored.ends_on) == ("active", None)
    assert right.versions.get().valid == before
    assert Person.objects.get(pk=person.pk).died_on is None
    death = Death.objects.get()
    assert (death.status, death.correction_reason) == ("corrected", "同名的人，登记错了")
    assert Notification.objects.filter(user=first, title__contains="已更正").exists()
    assert AuditEvent.objects.filter(subject=f"recipients.entitlement:{right.pk}", action="restore").exists()


@pytest.mark.django_db
def test_who_registered_the_death_cannot_correct_it_nor_can_their_second_account():
    person, right = living()
    first = clerk()
    deaths.record_death(person.pk, died_on=DIED, actor=first)
    for same in (first, clerk(id_number=first.id_number)):
        with pytest.raises(StepRefused, match="换一位同事"):
            correct(same)
    right.refresh_from_db()
    assert right.status == "ended"


@pytest.mark.django_db
def test_a_correction_wants_its_reason_and_its_post():
    person, _ = living()
    deaths.record_death(person.pk, died_on=DIED, actor=clerk())
    with pytest.raises(StepRefused, match="写明原因"):
        correct(clerk(), note=" ")
    with pytest.raises(StepForbidden):
        correct(UserFactory(role=Role.VILLAGE_CLERK, at=person.division_code))


@pytest.mark.django_db
def test_a_right_that_was_suspended_is_suspended_again():
    person, right = living()
    keeper = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    entitlements.take_step(right.pk, "suspend", actor=keeper, note="逾期未认证")
    deaths.record_death(person.pk, died_on=DIED, actor=clerk())
    assert correct(clerk())[0].status == "suspended"


@pytest.mark.django_db
def test_a_right_that_had_ended_before_stays_ended():
    person, right = living()
    keeper = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    entitlements.take_step(right.pk, "end", actor=keeper, note="不再符合条件", happened=date(2026, 1, 20))
    deaths.record_death(person.pk, died_on=DIED, actor=clerk())
    assert correct(clerk()) == []
    right.refresh_from_db()
    assert right.status == "ended"


@pytest.mark.django_db
def test_a_corrected_death_can_be_registered_again_on_the_right_day():
    person, right = living()
    deaths.record_death(person.pk, died_on=DIED, actor=clerk())
    correct(clerk())
    (ended,) = deaths.record_death(person.pk, died_on=date(2026, 5, 2), actor=clerk())
    assert ended.ends_on == date(2026, 6, 1)
    assert right.versions.get().valid.upper == date(2026, 6, 1)


@pytest.mark.django_db
def test_a_range_is_given_back_only_up_to_a_version_confirmed_since():
    person, right = living()
    deaths.record_death(person.pk, died_on=DIED, actor=clerk())
    later = declaration(right.policy, lines=[], period="2026-04")
    from tests.recipients.factories import line

    correct(clerk())
    from recipients.services import declarations

    declarations.load_lines(later.pk, [line(person)], actor=later.made_by)
    deaths.record_death(person.pk, died_on=date(2026, 6, 3), actor=clerk())
    correct(clerk())
    review.take_step(later.pk, "submit", actor=later.made_by)
    first, second = EntitlementVersion.objects.filter(entitlement=right).order_by("valid")
    assert first.valid.upper == second.valid.lower == date(2026, 4, 1)
    assert second.valid.upper is None


@pytest.mark.django_db
def test_sql_can_neither_widen_a_version_nor_kill_or_revive_a_person_without_a_death():
    person, right = living()
    with pytest.raises(IntegrityError, match="死亡日期"), transaction.atomic():
        Person.objects.filter(pk=person.pk).update(died_on=DIED)
    deaths.record_death(person.pk, died_on=DIED, actor=clerk())
    with pytest.raises(IntegrityError, match="死亡日期"), transaction.atomic():
        Person.objects.filter(pk=person.pk).update(died_on=None)
    with (
        pytest.raises(IntegrityError, match="历史不能修改"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE recipients_entitlementversion SET valid = daterange(lower(valid), NULL)")
    death = Death.objects.get()
    with pytest.raises(IntegrityError, match="不能修改"), transaction.atomic():
        Death.objects.filter(pk=death.pk).update(died_on=date(2026, 1, 1))
    assert Ending.objects.get().entitlement == right


@pytest.mark.django_db
def test_ends_and_revivals_stand_on_the_trail_of_the_right():
    """What ends or returns by rule is moved like any other step: who, when, from what to what."""
    person, right = living()
    keeper = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    entitlements.take_step(right.pk, "end", actor=keeper, note="外出务工", happened=date(2026, 2, 1))
    again = declaration(right.policy, lines=[person], period="2026-06")
    review.take_step(again.pk, "submit", actor=again.made_by)
    deaths.record_death(person.pk, died_on=date(2026, 7, 1), actor=clerk())
    events = AuditEvent.objects.filter(subject=f"recipients.entitlement:{right.pk}").order_by("pk")
    assert list(events.values_list("action", "before", "after")) == [
        ("end", "active", "ended"),
        ("revive", "ended", "active"),
        ("end_by_rule", "active", "ended"),
    ]
    assert events[1].detail["declaration"] == again.pk


@pytest.mark.django_db
def test_a_right_is_not_ended_by_rule_from_the_outside():
    _, right = living()
    with pytest.raises(Exception, match="没有“end_by_rule”这一步"):
        entitlements.take_step(right.pk, "end_by_rule", actor=clerk(), note="不给理由")


@pytest.mark.django_db
def test_a_death_ends_rights_of_policies_that_the_registrar_does_not_handle():
    from tests.factories import grant

    person, right = living()
    limited = UserFactory()
    grant(limited, Role.DEPARTMENT_CLERK, policies=[right.policy_id + 1])
    (ended,) = deaths.record_death(person.pk, died_on=DIED, actor=limited)
    assert ended.status == "ended"


@pytest.mark.django_db
def test_the_page_offers_the_correction_to_a_second_person(client):
    person, right = living()
    first, second = clerk(), clerk()
    deaths.record_death(person.pk, died_on=DIED, actor=first)
    client.force_login(first)
    own = client.get(f"/desk/recipients/people/{person.pk}/").content.decode()
    assert "换一位同事" in own
    client.force_login(second)
    page = client.get(f"/desk/recipients/people/{person.pk}/").content.decode()
    key = re.search(r'id="act-panel".*?name="action_key" value="([^"]+)"', page, re.DOTALL)[1]
    url = re.search(r'formaction="([^"]+/correct/)"', page)[1]
    text = client.post(url, {"action_key": key, "note": "本人到窗口"}, follow=True).content.decode()
    assert "死亡登记已更正" in text
    right.refresh_from_db()
    assert right.status == "active"


# --- a death and a confirmation at once ----------------------------------------------------------------------------------


def impatient():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '100ms'")


def test_a_death_waits_for_a_confirmation_under_way(run_in_threads):
    person = household(1)[0]
    one = declaration(**NOTHING, lines=[person])

    def die(_):
        with transaction.atomic():
            impatient()
            deaths.record_death(person.pk, died_on=date(2026, 1, 5), actor=one.made_by)

    with transaction.atomic():
        review.take_step(one.pk, "submit", actor=one.made_by)
        (answer,) = run_in_threads(die, 1)
    assert isinstance(answer, OperationalError), answer
    # and afterwards it sees the right
    assert len(deaths.record_death(person.pk, died_on=date(2026, 1, 5), actor=one.made_by)) == 1


def test_a_confirmation_waits_for_a_death_under_way_and_then_sees_it(run_in_threads):
    person = household(1)[0]
    one = declaration(**NOTHING, lines=[person])
    # past the question whether everybody lives, which is asked before the confirmation
    with transaction.atomic():
        deaths.record_death(person.pk, died_on=date(2026, 1, 5), actor=one.made_by)

        def confirm(_):
            with transaction.atomic():
                impatient()
                entitlements.entitle(one, actor=one.made_by)

        (answer,) = run_in_threads(confirm, 1)
    assert isinstance(answer, OperationalError), answer
    with transaction.atomic():
        entitlements.entitle(one, actor=one.made_by)
    assert Entitlement.objects.get(beneficiary=person).status == "ended"


def test_rights_are_held_in_the_order_of_people_whatever_the_order_of_lines(committed_db):
    """Two lists that name the same people the other way round must not wait for one another in a ring."""
    early, late = household(1)[0], household(1)[0]
    one = declaration(**NOTHING, lines=[late, early])
    review.take_step(one.pk, "submit", actor=one.made_by)
    rights = Entitlement.objects.order_by("pk").values_list("beneficiary_id", flat=True)
    assert list(rights) == [early.pk, late.pk]


@pytest.mark.django_db
def test_who_corrects_a_death_reads_the_way_that_pays_what_was_missed(client):
    person, _ = living()
    deaths.record_death(person.pk, died_on=DIED, actor=clerk())
    client.force_login(clerk())
    url = f"/desk/recipients/people/{person.pk}/deaths/{Death.objects.get().pk}/correct/"
    page = client.post(url, {"action_key": uuid4(), "note": "本人到窗口"}, follow=True).content.decode()
    assert "建补发批次" in page
    assert "补报" not in page


@pytest.mark.django_db
def test_who_corrects_a_death_reads_that_head_and_card_stay_with_the_family(client):
    head, wife = household(2)
    deaths.record_death(head.pk, died_on=DIED, actor=clerk())
    client.force_login(UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN))
    page = reverse("recipients:person-detail", args=[head.pk])

    def panel():
        return client.get(page).context["death_panel"].hint

    assert "户主仍是" not in panel()
    assert "在用的卡" not in panel()
    changed(wife, cause="died", day=None)
    card = another_account(head, holder_name=wife.name)
    told = (
        f"户主仍是{wife.name}，不随更正改回。要改回来的，更正以后再办一次户主变更，变更日期填2026年2月14日。",
        f"在用的卡是尾号{card.tail}、户名{wife.name}的",
        "要换回本人的，更正以后申请换卡",
    )
    for words in told:
        assert words in panel()
    url = reverse("recipients:death-correct", args=[head.pk, Death.objects.get().pk])
    answer = client.post(url, {"note": "认错了人", "action_key": uuid4()}, follow=True).content.decode()
    for words in told:
        assert words in answer


@pytest.mark.django_db
def test_who_corrects_a_death_reads_who_is_head_by_now(client):
    head, wife, son = household(3)
    deaths.record_death(head.pk, died_on=DIED, actor=clerk())
    changed(wife, cause="died", day=None)
    changed(son, day=date(2026, 4, 1))
    client.force_login(UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN))
    page = client.get(reverse("recipients:person-detail", args=[head.pk]))
    assert f"户主仍是{son.name}，" in page.context["death_panel"].hint
