"""The way of a declaration: by the right people, level by level, and nothing around it."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from huimin.core import clock
from huimin.core.authority.roles import Role
from huimin.core.errors import BadInput, FileRefused, StepForbidden, StepRefused
from huimin.core.models import AuditEvent
from huimin.core.work import verbs
from recipients.models import Declaration, DeclarationLine, Entitlement, EntitlementVersion
from recipients.rules import Votes
from recipients.services import deaths, declarations, entitlements, notices, objections, review, suspensions
from tests.factories import OTHER_TOWN, TOWN, VILLAGE, UserFactory
from tests.recipients.factories import (
    NOTHING,
    account,
    chain,
    clerk_at,
    declaration,
    household,
    line,
    policy,
)


def votes(members=18, present=15, agreed=12, against=2, abstained=1):
    """A meeting of today, with as many representatives as are needed."""
    representatives = -(-members * 2 // 3)
    return Votes(
        clock.today(), "村部", "李主持", members, representatives, present, agreed, against, abstained
    )


JOINT = NOTHING | {"has_county_review": True, "joint_parties": ["department", "finance"]}
TOWNSHIP = NOTHING | {"has_township_review": True}


def step(one, name, actor, note=""):
    return review.take_step(one.pk, name, actor=actor, note=note)


def sql(text, *params):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(text, params)


@pytest.mark.django_db
def test_lines_get_their_amount_by_the_policys_rule():
    one = declaration()
    found = one.lines.get(line_no=1)
    assert (found.quantity, found.amount) == (Decimal(2), Decimal("173.80"))
    assert found.payee_id == found.beneficiary_id


@pytest.mark.django_db
def test_a_household_policy_pays_the_holder_and_takes_nobody_else():
    holder, wife = household(2)
    chosen = policy(object_type="household")
    one = declaration(chosen, lines=[holder])
    assert one.lines.get().payee == holder
    with pytest.raises(FileRefused) as caught:
        declarations.load_lines(one.pk, [line(wife, row=7)], actor=one.made_by)
    assert caught.value.errors[0].row == 7
    assert "享受人应填户主" in caught.value.errors[0].message


@pytest.mark.django_db
def test_only_the_beneficiary_or_the_holder_is_paid():
    holder, wife = household(2)
    stranger = household(1)[0]
    one = declaration(lines=[])
    declarations.load_lines(one.pk, [line(wife, payee=holder.name)], actor=one.made_by)
    assert one.lines.get().payee == holder
    other = household(1)[0]
    with pytest.raises(FileRefused) as caught:
        declarations.load_lines(one.pk, [line(other, payee=stranger.name)], actor=one.made_by)
    assert "收款人只能是享受人本人或本户户主" in caught.value.errors[0].message
    with pytest.raises(IntegrityError, match="收款人"):
        sql(
            "UPDATE recipients_declarationline SET payee_id = %s WHERE beneficiary_id = %s",
            stranger.pk,
            wife.pk,
        )


@pytest.mark.django_db
def test_every_bad_line_is_named_and_none_is_written():
    neighbour = household(1, village="341524101001")[0]
    dead = household(1)[0]
    good = household(1)[0]
    one = declaration(lines=[])
    deaths.record_death(dead.pk, died_on=date(2026, 1, 1), actor=one.made_by)
    rows = [line(neighbour, row=2), line(dead, row=3), line(good, row=4), line(good, row=5)]
    with pytest.raises(FileRefused) as caught:
        declarations.load_lines(one.pk, rows, actor=one.made_by)
    found = {error.row: error.message for error in caught.value.errors}
    assert "不在本村" in found[2]
    assert "登记死亡" in found[3]
    assert "与第4行是同一人" in found[5]
    assert not one.lines.exists()


@pytest.mark.django_db
def test_two_hundred_lines_take_as_many_statements_as_ten():
    def statements(number):
        people = [household(1)[0] for _ in range(number)]
        one = declaration(lines=[], actor=clerk_at())
        with CaptureQueriesContext(connection) as seen:
            declarations.load_lines(
                one.pk, [line(p, row=n) for n, p in enumerate(people, 1)], actor=one.made_by
            )
        return len(seen)

    assert statements(10) == statements(200)


@pytest.mark.django_db
def test_a_period_of_another_length_is_refused():
    with pytest.raises(BadInput, match="期次"):
        declarations.make_declaration(policy(), period="2026Q1", division_code=VILLAGE, actor=clerk_at())


@pytest.mark.django_db
def test_a_second_book_of_a_period_must_be_asked_for():
    one = declaration()
    with pytest.raises(StepRefused, match="另立一册"):
        declarations.make_declaration(one.policy, period="2026", division_code=VILLAGE, actor=one.made_by)
    second = declarations.make_declaration(
        one.policy, period="2026", division_code=VILLAGE, actor=one.made_by, another=True
    )
    assert second.serial == 2


@pytest.mark.django_db
def test_a_clerk_of_another_village_can_neither_make_nor_see_it():
    one = declaration()
    stranger = clerk_at("341524101001")
    with pytest.raises(StepForbidden):
        declarations.make_declaration(one.policy, period="2026", division_code=VILLAGE, actor=stranger)
    with pytest.raises(ObjectDoesNotExist):
        step(one, "submit", stranger)


@pytest.mark.django_db
def test_levels_that_the_policy_does_not_ask_for_are_skipped_by_the_policy_and_the_trail_says_so():
    one = declaration(**TOWNSHIP)
    step(one, "submit", one.made_by)
    one.refresh_from_db()
    assert one.status == "township_review"
    event = AuditEvent.objects.filter(subject=f"recipients.declaration:{one.pk}", action="submit").get()
    assert event.detail["skipped_by_policy"] == ["待评议", "村级公示中"]


@pytest.mark.django_db
def test_who_compiled_the_list_does_not_review_it():
    both = UserFactory(role=[Role.TOWNSHIP_CLERK, Role.TOWNSHIP_REVIEWER], at=TOWN)
    one = declaration(actor=both, **TOWNSHIP)
    step(one, "submit", both)
    with pytest.raises(StepRefused, match="不相容岗位"):
        step(one, "approve_township", both)


@pytest.mark.django_db
def test_a_second_account_of_the_compiler_does_not_review_it_either():
    one = declaration(**TOWNSHIP)
    step(one, "submit", one.made_by)
    twin = UserFactory(role=Role.TOWNSHIP_REVIEWER, at=TOWN, id_number=one.made_by.id_number)
    with pytest.raises(StepRefused, match="不相容岗位"):
        step(one, "approve_township", twin)


@pytest.mark.django_db
def test_the_reviewer_of_another_township_finds_nothing():
    one = declaration(**TOWNSHIP)
    step(one, "submit", one.made_by)
    with pytest.raises(ObjectDoesNotExist):
        step(one, "approve_township", UserFactory(role=Role.TOWNSHIP_REVIEWER, at=OTHER_TOWN))


@pytest.mark.django_db
def test_after_submission_lines_cannot_be_changed_by_page_or_by_sql():
    one = declaration(**TOWNSHIP)
    found = one.lines.first()
    step(one, "submit", one.made_by)
    with pytest.raises(StepRefused, match="已送审"):
        declarations.change_line(found.pk, quantity="9", facts={}, actor=one.made_by)
    with pytest.raises(IntegrityError, match="明细不能再改"):
        sql("UPDATE recipients_declarationline SET amount = 1 WHERE id = %s", found.pk)
    with pytest.raises(IntegrityError, match="明细不能再改"):
        sql("DELETE FROM recipients_declarationline WHERE id = %s", found.pk)


@pytest.mark.django_db
def test_the_joint_review_waits_for_every_office_and_one_person_signs_once():
    people = chain()
    one = declaration(**JOINT)
    step(one, "submit", one.made_by)
    step(one, "sign_department", people["department"])
    one.refresh_from_db()
    assert one.status == "county_review"
    with pytest.raises(IntegrityError, match="没有会签"):
        sql("UPDATE recipients_declaration SET status = 'confirmed' WHERE id = %s", one.pk)
    with pytest.raises(StepRefused, match="已经会签"):
        step(one, "sign_department", UserFactory(role=Role.DEPARTMENT_REVIEWER))
    with pytest.raises(StepRefused, match="不要求监督会签"):
        step(one, "sign_supervision", people["supervisor"])
    step(one, "sign_finance", people["finance"])
    one.refresh_from_db()
    assert one.status == "confirmed"
    assert Entitlement.objects.filter(policy=one.policy).count() == 2


@pytest.mark.django_db
def test_one_person_cannot_sign_for_two_offices():
    one = declaration(**JOINT)
    step(one, "submit", one.made_by)
    both = UserFactory(role=[Role.DEPARTMENT_REVIEWER, Role.FINANCE_CHECKER])
    step(one, "sign_department", both)
    with pytest.raises(StepRefused, match="不相容岗位"):
        step(one, "sign_finance", both)


@pytest.mark.django_db
def test_one_refusal_returns_it_and_signatures_of_the_earlier_round_do_not_count():
    people = chain()
    one = declaration(**JOINT)
    step(one, "submit", one.made_by)
    step(one, "sign_department", people["department"])
    with pytest.raises(StepRefused, match="写明原因"):
        step(one, "return_county", people["finance"])
    with pytest.raises(StepForbidden):
        step(one, "return_county", people["supervisor"], note="不同意")
    step(one, "return_county", people["finance"], note="面积不符")
    one.refresh_from_db()
    assert (one.status, one.revision) == ("draft", 2)
    step(one, "submit", one.made_by)
    step(one, "sign_finance", UserFactory(role=Role.FINANCE_CHECKER))
    one.refresh_from_db()
    assert one.status == "county_review"


def told(one):
    """What the row says, and what its lines add up to."""
    one.refresh_from_db()
    amounts = one.lines.filter(excluded_at_level="").values_list("amount", flat=True)
    return (one.people, one.total), (len(amounts), sum(amounts, Decimal(0)))


@pytest.mark.django_db
def test_a_declaration_knows_its_people_and_sum_whatever_is_done_to_its_lines():
    people = chain()
    one = declaration(lines=[household(1)[0] for _ in range(3)], **TOWNSHIP)
    neighbour = declaration(one.policy, period="2027", lines=[household(1)[0]])
    seen = [told(one)]
    first, second, _ = one.lines.all()
    declarations.change_line(first.pk, quantity="3", facts={}, actor=one.made_by)
    seen.append(told(one))
    declarations.remove_line(first.pk, actor=one.made_by)
    seen.append(told(one))
    step(one, "submit", one.made_by)
    review.exclude_line(second.pk, reason="已迁出", actor=people["township"])
    seen.append(told(one))
    assert all(row == lines for row, lines in seen)
    assert [row[0] for row, _ in seen] == [3, 3, 2, 1]
    assert told(neighbour)[0] == (1, Decimal("173.80"))


@pytest.mark.django_db
@pytest.mark.parametrize("column", ["people", "total"])
def test_people_and_sum_of_a_declaration_are_not_written_by_hand(column):
    one = declaration()
    with pytest.raises(IntegrityError, match="不能另写"):
        sql(f"UPDATE recipients_declaration SET {column} = {column} + 1 WHERE id = %s", one.pk)


@pytest.mark.django_db
def test_the_round_cannot_be_set_by_hand():
    one = declaration()
    with pytest.raises(IntegrityError, match="轮次"):
        sql("UPDATE recipients_declaration SET revision = 5 WHERE id = %s", one.pk)


@pytest.mark.django_db
def test_a_reviewer_takes_one_person_off_with_a_reason_and_the_rest_goes_on():
    people = chain()
    one = declaration(**TOWNSHIP)
    step(one, "submit", one.made_by)
    off = one.lines.first()
    with pytest.raises(StepForbidden):
        review.exclude_line(off.pk, reason="已迁出", actor=people["clerk"])
    with pytest.raises(StepRefused, match="写明原因"):
        review.exclude_line(off.pk, reason=" ", actor=people["township"])
    review.exclude_line(off.pk, reason="已迁出", actor=people["township"])
    with pytest.raises(StepRefused, match="全册"):
        review.exclude_line(one.lines.last().pk, reason="也迁出", actor=people["township"])
    step(one, "approve_township", people["township"])
    assert Entitlement.objects.get().beneficiary_id != off.beneficiary_id


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("members", "present", "agreed", "against", "abstained", "words"),
    [
        (18, 11, 11, 0, 0, "不足应到的三分之二"),
        (18, 15, 12, 2, 0, "之和应等于"),
        (10, 12, 12, 0, 0, "不能多于"),
    ],
)
def test_a_deliberation_without_quorum_or_with_a_wrong_count_is_no_deliberation(
    members, present, agreed, against, abstained, words
):
    one = declaration(**NOTHING | {"deliberation": "required"})
    step(one, "submit", one.made_by)
    meeting = votes(members, present, agreed, against, abstained)
    with pytest.raises((StepRefused, BadInput), match=words):
        review.deliberate(one.pk, meeting, actor=one.made_by)
    one.refresh_from_db()
    assert one.status == "deliberation"


@pytest.mark.django_db
def test_a_passed_deliberation_goes_on():
    one = declaration(**NOTHING | {"deliberation": "required"})
    step(one, "submit", one.made_by)
    with pytest.raises(StepRefused, match="登记到会人数"):
        step(one, "deliberate", one.made_by)
    assert review.deliberate(one.pk, votes(), actor=one.made_by).status == "confirmed"


@pytest.mark.django_db
def test_an_empty_list_cannot_be_submitted():
    one = declaration(lines=[])
    with pytest.raises(StepRefused, match="还没有明细"):
        step(one, "submit", one.made_by)


@pytest.mark.django_db
def test_the_command_takes_the_same_steps():
    one = declaration(**TOWNSHIP)
    verbs.advance(f"recipients.declaration:{one.pk}", "submit", actor=one.made_by)
    one.refresh_from_db()
    assert one.status == "township_review"
    with pytest.raises(BadInput):
        verbs.advance(f"recipients.declaration:{one.pk}", "fly", actor=one.made_by)


@pytest.mark.django_db
def test_confirmed_lines_become_versions_of_the_declared_period():
    one = declaration(**NOTHING)
    step(one, "submit", one.made_by)
    version = EntitlementVersion.objects.first()
    assert (version.valid.lower, version.valid.upper) == (date(2026, 1, 1), date(2027, 1, 1))
    assert version.source_line.declaration == one


@pytest.mark.django_db
def test_an_open_ended_right_ends_the_day_before_the_next_version_begins():
    chosen = policy(frequency="monthly", **NOTHING | {"is_open_ended": True})
    person = household(1)[0]
    for period in ("2026-01", "2026-04"):
        one = declaration(chosen, lines=[person], period=period)
        step(one, "submit", one.made_by)
    first, second = EntitlementVersion.objects.order_by("valid")
    assert (first.valid.lower, first.valid.upper) == (date(2026, 1, 1), date(2026, 4, 1))
    assert second.valid.upper is None
    again = declaration(chosen, lines=[person], period="2026-03")
    with pytest.raises(StepRefused, match="已有享受资格"):
        step(again, "submit", again.made_by)


@pytest.mark.django_db
def test_last_periods_rights_are_taken_over_without_the_dead():
    chosen = policy(frequency="monthly", **NOTHING)
    alive, dead = household(1)[0], household(1)[0]
    first = declaration(chosen, lines=[alive, dead], period="2026-01")
    step(first, "submit", first.made_by)
    deaths.record_death(dead.pk, died_on=date(2026, 1, 20), actor=first.made_by)
    second = declaration(chosen, lines=[], period="2026-02", actor=first.made_by)
    assert declarations.prefill(second.pk, actor=first.made_by) == 1
    assert second.lines.get().beneficiary == alive
    assert second.lines.get().amount == Decimal("173.80")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rule", "ends"),
    [
        ("same_month", date(2026, 2, 1)),
        ("next_month", date(2026, 3, 1)),
        ("next_quarter", date(2026, 4, 1)),
        ("next_year", date(2027, 1, 1)),
    ],
)
def test_a_death_ends_rights_by_the_policys_own_rule(rule, ends):
    chosen = policy(frequency="monthly", **NOTHING | {"is_open_ended": True, "stop_rule": rule})
    person = household(1)[0]
    one = declaration(chosen, lines=[person], period="2026-01")
    step(one, "submit", one.made_by)
    (ended,) = deaths.record_death(person.pk, died_on=date(2026, 2, 14), actor=one.made_by)
    assert (ended.status, ended.ends_on) == ("ended", ends)
    assert EntitlementVersion.objects.get().valid.upper == ends


@pytest.mark.django_db
def test_a_right_is_suspended_and_resumed_with_reasons_and_ended_by_hand():
    keeper = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    one = declaration(**NOTHING)
    step(one, "submit", one.made_by)
    right = Entitlement.objects.first()
    with pytest.raises(StepRefused, match="写明原因"):
        entitlements.take_step(right.pk, "suspend", actor=keeper)
    with pytest.raises(StepForbidden):
        entitlements.take_step(right.pk, "suspend", actor=one.made_by, note="逾期未认证")
    assert entitlements.take_step(right.pk, "suspend", actor=keeper, note="逾期未认证").status == "suspended"
    pause = right.suspensions.get()
    with pytest.raises(StepRefused, match="写明原因"):
        suspensions.take_step(pause.pk, "lift", actor=keeper)
    suspensions.take_step(pause.pk, "lift", actor=keeper, note="已认证")
    right.refresh_from_db()
    assert right.status == "active"
    ended = entitlements.take_step(right.pk, "end", actor=keeper, note="迁出", happened=date(2026, 5, 9))
    assert (ended.status, ended.ends_on) == ("ended", date(2026, 6, 1))


@pytest.mark.django_db
def test_a_new_declaration_revives_an_ended_right():
    keeper = UserFactory(role=Role.DEPARTMENT_REVIEWER)
    chosen = policy(frequency="monthly", **NOTHING)
    person = household(1)[0]
    one = declaration(chosen, lines=[person], period="2026-01")
    step(one, "submit", one.made_by)
    entitlements.take_step(Entitlement.objects.get().pk, "end", actor=keeper, note="迁出")
    again = declaration(chosen, lines=[person], period="2026-02")
    step(again, "submit", again.made_by)
    right = Entitlement.objects.get()
    assert (right.status, right.ends_on) == ("active", None)


# --- notices: the whole way, over the days ------------------------------------------------------------------------------------


def test_the_whole_way_by_the_right_people(committed_db, move_clock):
    people = chain()
    one = declaration(
        actor=people["village"],
        deliberation="required",
        joint_parties=["department", "finance", "supervision"],
    )
    step(one, "submit", people["village"])
    review.deliberate(one.pk, votes(), actor=people["village"])
    for poster, ender, name in (
        (people["village"], people["village"], "village"),
        (people["clerk"], people["clerk"], "township"),
        (people["department_clerk"], people["department_clerk"], "county"),
    ):
        if name == "township":
            step(one, "approve_township", people["township"])
        if name == "county":
            for party in ("department", "finance", "supervision"):
                step(one, f"sign_{party}", people["supervisor" if party == "supervision" else party])
        with pytest.raises(StepRefused, match="还没有张贴"):
            step(one, f"end_{name}_notice", ender)
        notice = notices.post_notice(one.pk, place="公开栏", actor=poster)
        assert (notice.ends_on - notice.starts_on).days == 7
        with pytest.raises(StepRefused, match="期满"):
            step(one, f"end_{name}_notice", ender)
        with pytest.raises(IntegrityError, match=r"没有期满|不能跳过"):
            sql("UPDATE recipients_declaration SET status = 'confirmed' WHERE id = %s", one.pk)
        move_clock(8)
        step(one, f"end_{name}_notice", ender)
    one.refresh_from_db()
    assert one.status == "confirmed"
    assert Entitlement.objects.count() == 2


NOTICED = NOTHING | {"has_village_notice": True}


def posted(people, **version):
    one = declaration(actor=people["village"], **{**NOTICED, **version})
    step(one, "submit", people["village"])
    return one, notices.post_notice(one.pk, place="公开栏", actor=people["village"])


@pytest.mark.django_db
def test_a_notice_freezes_what_the_public_may_read_and_nothing_else():
    people = chain()
    one, notice = posted(people)
    shown = list(notice.lines.all())
    assert [one_line.shown_name for one_line in shown] == [x.beneficiary.name for x in one.lines.all()]
    assert (notice.line_count, notice.total) == (2, Decimal("347.60"))
    assert notice.digest == notices.root_of(shown) == notices.digest_of(notice.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(n)::text FROM recipients_noticeline n")
        text = " ".join(row[0] for row in cursor.fetchall())
    for found in one.lines.select_related("beneficiary"):
        assert found.beneficiary.id_number not in text
        assert found.beneficiary.phone not in text
        assert found.beneficiary.accounts.get().number not in text


@pytest.mark.django_db
def test_a_protected_policy_shows_the_surname_only_as_core_masks_it():
    from huimin.core.values.identity import mask_name_surname

    people = chain()
    names = ["欧阳娜娜", "欧阳", "王小明", "李四", "司马光"]
    persons = [household(1, name=name)[0] for name in names]
    chosen = policy(is_protected=True, **NOTICED)
    one = declaration(chosen, actor=people["village"], lines=persons)
    step(one, "submit", people["village"])
    notice = notices.post_notice(one.pk, place="公开栏", actor=people["village"])
    assert [shown.shown_name for shown in notice.lines.all()] == [mask_name_surname(name) for name in names]


@pytest.mark.django_db
def test_a_notice_cannot_be_short_changed_or_posted_into_the_past_by_sql():
    _, notice = posted(chain())
    with pytest.raises(IntegrityError, match="不能修改"):
        sql("UPDATE recipients_notice SET ends_on = starts_on WHERE id = %s", notice.pk)
    with pytest.raises(Exception, match=r"permission denied|annot"):
        sql("UPDATE recipients_noticeline SET amount = 1")


@pytest.mark.django_db
def test_work_days_follow_the_calendar():
    from huimin.core.models import CalendarDay

    today = clock.today()
    CalendarDay.objects.bulk_create(
        CalendarDay(day=date.fromordinal(today.toordinal() + n), is_workday=n > 3) for n in range(60)
    )
    _, notice = posted(chain(), notice_in_workdays=True, notice_days=5)
    assert (notice.ends_on - notice.starts_on).days == 8


@pytest.mark.django_db
def test_an_open_objection_holds_the_list_and_an_upheld_one_posts_it_anew():
    people = chain()
    one, notice = posted(people)
    code = objections.file_objection(notice, "多报了面积", "19900000000")
    objection = notice.objections.get(code=code)
    assert "1 件异议" in review.blocked(Declaration.objects.get(pk=one.pk), _end())
    with pytest.raises(BadInput, match="二者选一"):
        objections.answer_objection(objection.pk, upheld=True, answer="属实", actor=people["clerk"])
    off = one.lines.first()
    objections.answer_objection(
        objection.pk, upheld=True, answer="经查属实", exclude=[off.pk], actor=people["clerk"]
    )
    notice.refresh_from_db()
    assert notice.withdrawn_at
    again = notices.post_notice(one.pk, place="公开栏", actor=people["village"])
    assert (again.sequence, again.line_count) == (2, 1)
    assert (again.ends_on - again.starts_on).days == 7


def _end():
    from recipients.states import DECLARATION_FLOW

    return DECLARATION_FLOW["end_village_notice"]


@pytest.mark.django_db
def test_an_upheld_objection_may_send_the_list_back():
    people = chain()
    one, notice = posted(people)
    objections.file_by_clerk(notice.pk, text="整册都不对", contact="", actor=people["clerk"])
    objections.answer_objection(
        notice.objections.get().pk, upheld=True, answer="重新核实", send_back=True, actor=people["township"]
    )
    one.refresh_from_db()
    assert (one.status, one.revision) == ("draft", 2)


@pytest.mark.django_db
def test_who_compiled_the_list_does_not_answer_objections_against_it():
    clerk = UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN)
    one = declaration(actor=clerk, **NOTICED)
    step(one, "submit", clerk)
    notice = notices.post_notice(one.pk, place="公开栏", actor=clerk)
    objections.file_objection(notice, "不公平")
    with pytest.raises(StepRefused, match="不相容岗位"):
        objections.answer_objection(notice.objections.get().pk, upheld=False, answer="查过", actor=clerk)
    assert notice.objections.get().status == "open"


@pytest.mark.django_db
def test_objection_text_and_contact_rest_encrypted():
    _, notice = posted(chain())
    objections.file_objection(notice, "张三多报", "19900000000")
    with connection.cursor() as cursor:
        cursor.execute("SELECT text, contact FROM recipients_objection")
        text, contact = cursor.fetchone()
    assert "张三".encode() not in bytes(text)
    assert b"199" not in bytes(contact)


JPEG = b"\xff\xd8\xff\xe0" + b"0" * 200 + b"\xff\xd9"


@pytest.mark.django_db
@pytest.mark.parametrize("content", [b"GIF89a....", b"<html>", b"\xff\xd8\xff truncated", b""])
def test_only_whole_pictures_are_kept_as_photographs(content):
    people = chain()
    _, notice = posted(people)
    with pytest.raises(BadInput, match="照片"):
        notices.add_photo(notice.pk, content, caption="", taken_on=clock.today(), actor=people["village"])
    assert (
        notices.add_photo(
            notice.pk, JPEG, caption="首日", taken_on=clock.today(), actor=people["village"]
        ).file.content_type
        == "image/jpeg"
    )


@pytest.mark.django_db
def test_the_poster_is_a_pdf_of_the_frozen_lines():
    _, notice = posted(chain())
    assert notices.poster(notice, verify_url="https://example.org/v").startswith(b"%PDF")


@pytest.mark.django_db
def test_a_line_of_the_draft_is_changed_and_removed():
    one = declaration()
    found = one.lines.first()
    changed = declarations.change_line(found.pk, quantity="3", facts={}, actor=one.made_by)
    assert changed.amount == Decimal("260.70")
    declarations.remove_line(found.pk, actor=one.made_by)
    assert not DeclarationLine.objects.filter(pk=found.pk).exists()


@pytest.mark.django_db
def test_a_second_active_account_of_one_person_is_refused():
    person = household(1)[0]
    with pytest.raises(IntegrityError, match="one_active_account"), transaction.atomic():
        account(person)
