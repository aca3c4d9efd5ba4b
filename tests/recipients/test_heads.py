"""户主变更: another head by two people, and the rights of 到户 policies go on without a day lost or paid twice."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse

from huimin.core.authority.duties import Duty
from huimin.core.authority.roles import Role
from huimin.core.desk import todos
from huimin.core.errors import BadInput, FileRefused, Refused, StepForbidden, StepRefused
from huimin.core.models import AuditEvent, Involvement
from huimin.core.work import verbs, workflow
from recipients import proofs as room
from recipients.models import Ending, Entitlement, EntitlementVersion, HeadChange, Person, Succession
from recipients.services import (
    corrections,
    deaths,
    declarations,
    entitlements,
    heads,
    passing,
    review,
    suspensions,
)
from tests.factories import ANYTHING, OTHER_TOWN, TOWN, UserFactory
from tests.recipients.factories import NOTHING, declaration, household, line, person, policy

PHOTO = b"\x89PNG\r\n\x1a\n a page of the household's book IEND\xaeB`\x82"
OPEN = NOTHING | {"is_open_ended": True}
WIFE, HUSBAND, SON = "12", "11", "20"


def clerk(**more):
    return UserFactory(**{"role": Role.TOWNSHIP_CLERK, "at": TOWN} | more)


def reviewer(**more):
    return UserFactory(**{"role": Role.TOWNSHIP_REVIEWER, "at": TOWN} | more)


def confirmed(head, policy_, period):
    one = declaration(policy_, lines=[head], period=period)
    review.take_step(one.pk, "submit", actor=one.made_by)
    return one


def wanted(new, *, cause="agreed", day=date(2026, 3, 10), relation=HUSBAND, **more):
    others = heads.members_of(new.household_id).exclude(pk=new.pk)
    given = {
        "reason": "户口本已变更",
        "proof": PHOTO,
        "relations": {one.pk: relation for one in others},
        "acknowledged": ANYTHING,
    } | more
    return heads.NewHead(cause=cause, starts_on=day, **given)


def asked(new, *, actor=None, **more):
    return heads.ask_head_change(new.pk, wanted(new, **more), actor=actor or clerk())


def approve(change, actor=None, **more):
    given = {"acknowledged": ANYTHING} | more
    return heads.check_head_change(change.pk, "approve", actor=actor or reviewer(), **given)


def changed(new, **more):
    return approve(asked(new, **more))


def die(head, day=date(2026, 2, 10)):
    deaths.record_death(head.pk, died_on=day, actor=clerk())


def ranges(who, policy_=None):
    found = EntitlementVersion.objects.filter(entitlement__beneficiary=who, valid__isempty=False)
    if policy_:
        found = found.filter(entitlement__policy=policy_)
    return [
        tuple(day and day.isoformat() for day in (one.valid.lower, one.valid.upper))
        for one in found.order_by("pk")
    ]


def faults():
    checks = (room.heads_have_their_source, room.successions_are_whole, room.versions_have_their_line)
    return [fault for check in checks for fault in check()[1]]


def sql(text, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(text, values)


@pytest.fixture
def home():
    """A couple with a right of a 到户 policy, 2 units a month from January on, that stops with the month after a cause."""
    head, wife = household(2)
    monthly = policy(object_type="household", frequency="monthly", **OPEN)
    confirmed(head, monthly, "2026-01")
    return head, wife, monthly


in_a_transaction = pytest.mark.django_db


@in_a_transaction
def test_the_widow_becomes_head_and_has_the_right_from_the_day_on_which_that_of_the_dead_ended(home):
    head, wife, _ = home
    die(head)
    assert ranges(head) == [("2026-01-01", "2026-03-01")]
    changed(wife, cause="died", day=None)
    head.refresh_from_db()
    wife.refresh_from_db()
    assert (head.is_holder, head.relation, wife.is_holder, wife.relation) == (False, HUSBAND, True, "02")
    assert ranges(head) + ranges(wife) == [("2026-01-01", "2026-03-01"), ("2026-03-01", None)]
    (version,) = EntitlementVersion.objects.filter(entitlement__beneficiary=wife)
    assert (version.quantity, version.payee, version.succession.earlier.beneficiary) == (2, wife, head)
    assert faults() == []


@in_a_transaction
def test_a_head_who_lives_loses_the_right_by_the_stop_rule_and_the_new_one_goes_on_that_day(home):
    head, wife, _ = home
    change = changed(wife)
    ending = Ending.objects.get(head_change=change)
    assert (ending.made_by, ending.happened, ending.rule) == (
        change.asked_by,
        date(2026, 3, 10),
        "next_month",
    )
    assert ranges(head) + ranges(wife) == [("2026-01-01", "2026-04-01"), ("2026-04-01", None)]
    assert AuditEvent.objects.get(action="succeed").detail["passed"] == 1


@in_a_transaction
def test_all_later_versions_pass_with_their_own_quantities(home):
    head, wife, monthly = home
    confirmed(head, monthly, "2026-07")
    changed(wife)
    assert ranges(wife) == [("2026-04-01", "2026-07-01"), ("2026-07-01", None)]
    assert faults() == []


@in_a_transaction
def test_the_new_head_can_be_declared_for_a_policy_to_households():
    head, wife = household(2)
    book = declaration(policy(object_type="household", **NOTHING), lines=[])
    die(head)
    with pytest.raises(FileRefused) as refused:
        declarations.load_lines(book.pk, [line(wife)], actor=book.made_by)
    assert "改为户主" in refused.value.errors[0].message
    changed(wife, cause="died", day=None)
    declarations.load_lines(book.pk, [line(wife)], actor=book.made_by)
    assert book.lines.get().payee == wife


@in_a_transaction
def test_rights_to_persons_stay_where_they_are():
    head, wife = household(2)
    confirmed(head, policy(frequency="monthly", **OPEN), "2026-01")
    changed(wife)
    assert ranges(head) == [("2026-01-01", None)]
    assert not Succession.objects.exists()


@in_a_transaction
def test_a_mistaken_change_is_mended_by_a_further_change(home):
    head, wife, _ = home
    changed(wife)
    keeper = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    with pytest.raises(StepRefused, match="再办一次户主变更"):
        corrections.correct_ending(Ending.objects.get().pk, "correct", actor=keeper, note="办错了")
    changed(Person.objects.get(pk=head.pk), cause="mistaken", relation=WIFE)
    assert ranges(wife) == []
    assert ranges(head) == [("2026-01-01", "2026-04-01"), ("2026-04-01", None)]
    assert Entitlement.objects.get(beneficiary=head).status == "active"
    assert faults() == []


@in_a_transaction
def test_a_death_that_is_corrected_afterwards_gives_nothing_back_that_the_new_head_has(home):
    head, wife, _ = home
    die(head)
    changed(wife, cause="died", day=None)
    death = head.deaths.get()
    assert deaths.correct_death(death.pk, "correct", actor=reviewer(), note="人在外地") == []
    assert ranges(head) + ranges(wife) == [("2026-01-01", "2026-03-01"), ("2026-03-01", None)]
    changed(Person.objects.get(pk=head.pk), cause="mistaken", day=date(2026, 2, 10), relation=WIFE)
    assert ranges(head) == [("2026-01-01", "2026-03-01"), ("2026-03-01", None)]
    assert ranges(wife) == []


@in_a_transaction
def test_a_suspended_right_is_decided_before_the_head_changes(home):
    head, wife, _ = home
    right = Entitlement.objects.get(beneficiary=head)
    keeper = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    entitlements.take_step(right.pk, "suspend", actor=keeper, note="待核实")
    change = asked(wife)
    with pytest.raises(StepRefused, match="终止了的不转给新户主"):
        approve(change)
    assert Person.objects.get(pk=head.pk).is_holder
    suspensions.take_step(right.suspensions.get().pk, "lift", actor=keeper, note="核实无误")
    approve(change)
    assert ranges(wife) == [("2026-04-01", None)]


@in_a_transaction
def test_what_was_suspended_when_the_head_died_does_not_pass(home):
    head, wife, _ = home
    right = Entitlement.objects.get(beneficiary=head)
    entitlements.take_step(
        right.pk, "suspend", actor=UserFactory(role=Role.DEPARTMENT_REVIEWER), note="待核实"
    )
    die(head)
    (one,) = passing.plan(asked(wife, cause="died", day=None))
    assert one.why_not == passing.SUSPENDED_AT_DEATH
    approve(HeadChange.objects.get())
    assert ranges(wife) == []


@in_a_transaction
def test_a_list_that_is_confirmed_after_the_change_gives_its_right_to_the_new_head():
    head, wife = household(2)
    monthly = policy(object_type="household", frequency="monthly", **OPEN)
    book = declaration(monthly, lines=[head], period="2026-05")
    changed(wife)
    review.take_step(book.pk, "submit", actor=book.made_by)
    assert (ranges(head), ranges(wife)) == ([], [("2026-05-01", None)])
    assert faults() == []


# --- two people -----------------------------------------------------------------------------------------------------------


@in_a_transaction
def test_nobody_approves_their_own_change_also_not_under_another_account(home):
    change = asked(home[1])
    for actor in (change.asked_by, reviewer(id_number=change.asked_by.id_number)):
        with pytest.raises(StepRefused, match=r"户主变更申请.*不能再办.*户主变更复核"):
            approve(change, actor)
    approve(change)
    duties = Involvement.objects.filter(subject=f"recipients.headchange:{change.pk}")
    assert set(duties.values_list("duty", flat=True)) == {"head.ask", "head.check"}


@in_a_transaction
def test_a_refusal_wants_its_reason_and_leaves_the_head(home):
    change = asked(home[1])
    with pytest.raises(StepRefused, match="写明原因"):
        heads.check_head_change(change.pk, "refuse", actor=reviewer())
    verbs.advance(f"recipients.headchange:{change.pk}", "refuse", actor=reviewer(), note="照片不清")
    assert Person.objects.get(pk=home[0].pk).is_holder
    assert asked(home[1]).status == "asked"


@in_a_transaction
def test_a_stranger_finds_nothing_and_a_wrong_post_may_not(home, client):
    change = asked(home[1])
    client.force_login(clerk(at=OTHER_TOWN))
    pages = [("head-ask", home[1].pk), ("head-detail", change.pk), ("head-proof", change.pk)]
    assert {client.get(reverse(f"recipients:{name}", args=[pk])).status_code for name, pk in pages} == {404}
    step = reverse("recipients:head-step", args=[change.pk, "approve"])
    assert client.post(step, {"action_key": uuid4()}).status_code == 404
    with pytest.raises(StepForbidden):
        asked(home[1], actor=UserFactory(role=Role.WINDOW_CLERK, at=TOWN))
    with pytest.raises(StepForbidden):
        approve(change, UserFactory(role=Role.DEPARTMENT_CLERK))


def test_two_at_once_ask_once_and_approve_once(run_in_threads):
    head, wife = household(2)
    confirmed(head, policy(object_type="household", frequency="monthly", **OPEN), "2026-01")
    clerks, reviewers = [clerk(), clerk()], [reviewer(), reviewer()]
    answers = run_in_threads(lambda index: asked(wife, actor=clerks[index]), 2)
    assert sorted(isinstance(one, (Refused, IntegrityError)) for one in answers) == [False, True]
    change = HeadChange.objects.get()
    answers = run_in_threads(lambda index: approve(change, reviewers[index]), 2)
    assert sorted(isinstance(one, Refused) for one in answers) == [False, True]
    assert ranges(wife) == [("2026-04-01", None)]


@in_a_transaction
def test_what_is_asked_for_is_whole_and_of_today(home):
    head, wife, _ = home
    for more, field in (
        ({"cause": "died"}, "cause"),
        ({"day": date(2099, 1, 1)}, "starts_on"),
        ({"day": None}, "starts_on"),
        ({"relation": "02"}, f"relation_{head.pk}"),
        ({"proof": b"no picture"}, "proof"),
        ({"reason": " "}, "reason"),
    ):
        with pytest.raises(BadInput) as refused:
            asked(wife, **more)
        assert refused.value.field == field, more
    with pytest.raises(StepRefused, match="已经是户主"):
        asked(head)
    asked(wife)
    with pytest.raises(StepRefused, match="已有一个待复核"):
        asked(wife)


@in_a_transaction
def test_a_household_that_has_changed_since_is_asked_for_anew(home):
    _, wife, _ = home
    change = asked(wife)
    person(wife.household)
    with pytest.raises(StepRefused, match="重新申请"):
        approve(change)
    heads.check_head_change(change.pk, "refuse", actor=reviewer(), note="成员有变动")
    changed(wife)
    assert Person.objects.get(pk=wife.pk).is_holder


# --- SQL as the app's role ------------------------------------------------------------------------------------------------


@in_a_transaction
def test_sql_makes_nobody_head_and_puts_no_head_into_another_house(home):
    head, wife, _ = home
    other = household(1)[0]
    with pytest.raises(DatabaseError, match="申请和复核"):
        sql("UPDATE recipients_person SET is_holder = false WHERE id = %s", head.pk)
    with pytest.raises(DatabaseError, match="申请和复核"):
        sql("UPDATE recipients_person SET household_id = %s WHERE id = %s", other.household_id, head.pk)
    change = asked(wife)
    with pytest.raises(DatabaseError, match="申请和复核"):
        sql("UPDATE recipients_person SET is_holder = false WHERE id = %s", head.pk)
    with pytest.raises(DatabaseError, match="没有经办人"):
        sql(
            "UPDATE recipients_headchange SET status = 'approved', checked_by_id = %s WHERE id = %s",
            reviewer().pk,
            change.pk,
        )
    twin = reviewer(id_number=change.asked_by.id_number)
    with pytest.raises(DatabaseError, match="另一个人复核"):
        sql(
            "UPDATE recipients_headchange SET status = 'approved', checked_by_id = %s WHERE id = %s",
            twin.pk,
            change.pk,
        )
    with pytest.raises(DatabaseError, match="不能修改"):
        sql("UPDATE recipients_headchange SET new_head_id = %s", other.pk)


@in_a_transaction
def test_sql_asks_for_no_head_of_another_household_and_approves_none_from_a_head_of_before(home):
    head, wife, _ = home
    change = asked(wife)
    other = household(2)[1]
    for column, value in (("new_head_id", other.pk), ("old_head_id", other.pk)):
        with pytest.raises(DatabaseError, match="与这一户不符"):
            sql(
                f"""INSERT INTO recipients_headchange (county_code, division_code, household_id, old_head_id, new_head_id,
                        cause, reason, starts_on, relations, proof_id, status, asked_by_id, created_at)
                    SELECT county_code, division_code, household_id,
                        {"%s" if column == "old_head_id" else "old_head_id"},
                        {"%s" if column == "new_head_id" else "new_head_id"},
                        cause, reason, starts_on, relations, proof_id, 'asked', asked_by_id, now()
                    FROM recipients_headchange""",
                value,
            )
    workflow.take_duty(change, Duty.HEAD_CHECK, actor=(second := reviewer()))
    die(wife)
    with pytest.raises(DatabaseError, match="与这一户不符"):
        sql("UPDATE recipients_headchange SET status = 'approved', checked_by_id = %s", second.pk)
    assert Person.objects.get(pk=head.pk).is_holder


@in_a_transaction
def test_sql_passes_no_right_without_a_change_and_none_that_is_larger_or_longer(home):
    _, wife, monthly = home
    changed(wife)
    right = Entitlement.objects.get(beneficiary=wife)
    stranger = household(1)[0]
    other = Entitlement.objects.create(
        policy=monthly, beneficiary=stranger, county_code=right.county_code, division_code=right.division_code
    )
    with pytest.raises(DatabaseError, match="只随复核通过"):
        sql(
            """INSERT INTO recipients_succession (change_id, household_id, policy_id, earlier_id, later_id, ending_id)
               SELECT change_id, household_id, policy_id, earlier_id, %s, ending_id FROM recipients_succession""",
            other.pk,
        )
    copied = """INSERT INTO recipients_entitlementversion (entitlement_id, valid, payee_id, quantity, facts, source_line_id,
                    succession_id, created_at)
                SELECT {}, payee_id, {}, facts, source_line_id, succession_id, now()
                FROM recipients_entitlementversion WHERE succession_id IS NOT NULL"""
    with pytest.raises(DatabaseError, match="不能无故缩短"):
        sql(
            "UPDATE recipients_entitlementversion SET valid = '[2026-04-01,2026-05-01)' WHERE entitlement_id = %s",
            right.pk,
        )
    for told in (
        ("entitlement_id, daterange('2026-05-01', NULL)", "99"),
        ("entitlement_id, daterange('2026-03-01', '2026-04-01')", "quantity"),
        (f"{other.pk}, daterange('2026-05-01', NULL)", "quantity"),
    ):
        with pytest.raises(DatabaseError, match="与原户主的不符"):
            sql(copied.format(*told))
    with pytest.raises(DatabaseError, match="line_confirmed_once"):
        sql(
            copied.format(f"{other.pk}, daterange('2026-05-01', NULL)", "quantity").replace(
                "succession_id, now()", "NULL, now()"
            )
        )
    with pytest.raises(DatabaseError, match=r"permission|权限"):
        sql("UPDATE recipients_succession SET household_id = 0")


@in_a_transaction
def test_sql_gives_an_ending_that_passed_on_not_back(home):
    changed(home[1])
    ending = Ending.objects.get()
    second = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    workflow.take_duty(ending, Duty.ENDING_CORRECT, actor=second)
    with pytest.raises(DatabaseError, match="再办一次户主变更"):
        sql(
            """UPDATE recipients_ending SET status = 'corrected', over_at = now(), correction_reason = 'x',
               corrected_by_id = %s""",
            second.pk,
        )


def test_the_proofs_name_a_head_nobody_approved_and_days_of_two_heads(committed_db, owner_connection):
    head, wife = household(2)
    confirmed(head, policy(object_type="household", frequency="monthly", **OPEN), "2026-01")
    changed(wife)
    for table in ("person", "entitlementversion"):
        owner_connection.execute(f"ALTER TABLE recipients_{table} DISABLE TRIGGER USER")
    owner_connection.execute("UPDATE recipients_person SET is_holder = false WHERE id = %s", [wife.pk])
    owner_connection.execute(
        """UPDATE recipients_entitlementversion v SET valid = '[2026-01-01,2026-06-01)' FROM recipients_entitlement e
           WHERE e.id = v.entitlement_id AND e.beneficiary_id = %s""",
        [head.pk],
    )
    owner_connection.commit()
    first, second = faults()
    assert first == f"农户 {head.household_id}"
    assert "期间重叠" in second


# --- pages ----------------------------------------------------------------------------------------------------------------


@in_a_transaction
def test_the_form_asks_what_everybody_is_to_the_new_head_and_takes_the_photograph(client, home):
    head, wife, _ = home
    client.force_login(clerk())
    assert (
        reverse("recipients:head-ask", args=[wife.pk])
        in client.get(reverse("recipients:person-detail", args=[wife.pk])).content.decode()
    )
    url = reverse("recipients:head-ask", args=[wife.pk])
    given = {"cause": "agreed", "starts_on": "2026-03-10", "reason": "户口本已变更"}

    def post(**more):
        photo = SimpleUploadedFile("book.png", PHOTO, "image/png")
        return client.post(url, given | {"proof": photo, "action_key": uuid4()} | more)

    text = post().content.decode()
    assert f"请选择{head.name}是新户主的" in text
    shown = post(**{f"relation_{head.pk}": HUSBAND})
    if shown.status_code == 200:  # the sex of these two is drawn
        odd = [code for code, _ in shown.context["form"].fields["acknowledged"].choices]
        shown = post(**{f"relation_{head.pk}": HUSBAND, "acknowledged": odd})
    change = HeadChange.objects.get()
    assert shown.url == reverse("recipients:head-detail", args=[change.pk])
    client.force_login(reviewer())
    assert client.get(reverse("recipients:head-proof", args=[change.pk])).content == PHOTO
    assert AuditEvent.objects.filter(action="proof").count() == 1


@in_a_transaction
def test_who_approves_sees_which_rights_pass_and_with_what_amounts_before(client, home):
    change = asked(home[1])
    second = reviewer()
    client.force_login(second)
    assert ("户主变更待复核", 1) in [(one.title, one.count) for one in todos.for_user(second)]
    page = client.get(reverse("recipients:head-detail", args=[change.pk]))
    text = page.content.decode()
    assert "2026年4月1日起" in text
    assert "173.80" in text
    assert "待复核" in client.get(reverse("recipients:head-list")).content.decode()
    seen = page.context["panel"].form.initial["seen"]
    odd = [one.code for one in page.context["doubts"]]
    url = reverse("recipients:head-step", args=[change.pk, "approve"])
    given = {"action_key": uuid4(), "seen": seen, "acknowledged": odd}
    assert client.post(url, given).status_code == 302
    assert ranges(home[1]) == [("2026-04-01", None)]
    text = client.get(reverse("recipients:head-detail", args=[change.pk])).content.decode()
    assert "已转给新户主" in text
    text = client.get(reverse("recipients:person-detail", args=[home[1].pk])).content.decode()
    assert f"承接{home[0].name}的" in text


@in_a_transaction
def test_a_page_that_showed_other_rights_approves_nothing(home):
    head, wife, monthly = home
    change = asked(wife)
    seen = passing.seen(passing.plan(change))
    confirmed(head, monthly, "2026-07")
    with pytest.raises(StepRefused, match="有变动"):
        approve(change, seen=seen)
    assert Person.objects.get(pk=head.pk).is_holder
    approve(change, seen=passing.seen(passing.plan(change)))


@in_a_transaction
def test_a_change_is_undone_from_its_own_day_however_long_ago(home, monkeypatch):
    head, wife, _ = home
    changed(wife)
    day = HeadChange.objects.get().starts_on
    monkeypatch.setattr(heads, "LONGEST_BACK", timedelta(days=30))
    former = Person.objects.get(pk=head.pk)
    with pytest.raises(BadInput, match="请核对年份"):
        asked(former, cause="mistaken", relation=WIFE, day=day + timedelta(days=1))
    changed(former, cause="mistaken", relation=WIFE, day=day)
    assert Person.objects.get(pk=head.pk).is_holder


@in_a_transaction
def test_a_change_that_was_sent_back_does_not_say_that_rights_have_passed(home, client):
    change = asked(home[1])
    heads.check_head_change(change.pk, "refuse", actor=reviewer(), note="照片不清")
    client.force_login(reviewer())
    shown = client.get(reverse("recipients:head-detail", args=[change.pk])).content.decode()
    assert "申请已退回，没有转" in shown
    assert "已转给新户主" not in shown


@in_a_transaction
def test_a_change_because_of_a_death_is_not_approved_once_the_death_was_corrected(home):
    head, wife = home[:2]
    die(head)
    change = asked(wife, cause="died", day=None)
    deaths.correct_death(head.deaths.get().pk, "correct", actor=reviewer(), note="登记错了人")
    with pytest.raises(StepRefused, match="死亡登记已更正"):
        approve(change)
    assert Person.objects.get(pk=head.pk).is_holder


@in_a_transaction
def test_a_change_is_not_approved_once_the_death_has_another_day_or_was_registered_since(home):
    head, wife = home[:2]
    agreed = asked(wife)
    die(head)
    with pytest.raises(StepRefused, match="与申请的原因、日期不符"):
        approve(agreed)
    heads.check_head_change(agreed.pk, "refuse", actor=reviewer(), note="户主去世了")
    died = asked(wife, cause="died", day=None)
    deaths.correct_death(head.deaths.get().pk, "correct", actor=reviewer(), note="日期打错了")
    die(head, date(2026, 3, 12))
    with pytest.raises(StepRefused, match="2026年3月12日死亡"):
        approve(died)


@in_a_transaction
def test_the_page_of_a_member_leads_to_the_change_that_waits_instead_of_asking_for_another(home, client):
    _, wife, _ = home
    page = reverse("recipients:person-detail", args=[wife.pk])
    client.force_login(clerk())
    ask = reverse("recipients:head-ask", args=[wife.pk])
    assert ask in client.get(page).content.decode()
    change = asked(wife)
    shown = client.get(page).content.decode()
    assert "看待复核的户主变更" in shown
    assert ask not in shown
    heads.check_head_change(change.pk, "refuse", actor=reviewer(), note="照片不清")
    assert ask in client.get(page).content.decode()


@in_a_transaction
def test_the_trail_of_a_change_under_which_nothing_passed_says_so():
    _, wife = household(2)
    changed(wife)
    assert AuditEvent.objects.get(action="succeed").label == "没有享受资格随户主变更转"


@pytest.mark.django_db
def test_a_change_of_head_that_can_no_longer_be_approved_is_refused():
    head, wife = household(2)
    change = asked(wife)
    die(wife)
    with pytest.raises(StepRefused, match="请退回"):
        approve(change)
    done = heads.check_head_change(change.pk, "refuse", actor=reviewer(), note="新户主去世")
    assert done.status == "refused"
    assert Person.objects.get(pk=head.pk).is_holder
