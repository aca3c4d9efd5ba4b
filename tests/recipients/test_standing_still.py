"""What a list was declared under stands still while it is reviewed, and nobody signs or decides without a duty."""

import pytest
from django.db import IntegrityError, connection, transaction

from huimin.core import proofs as core_proofs
from recipients import proofs
from recipients.models import JointSignature
from recipients.services import notices, objections, review
from subsidies.models import PolicyVersion
from tests.recipients.factories import NOTHING, chain, declaration
from tests.recipients.test_levels import set_status

TOWNSHIP = NOTHING | {"has_township_review": True}
JOINT = NOTHING | {"has_county_review": True, "joint_parties": ["department", "finance"]}
LAST_NOTICE = NOTHING | {"has_township_review": True, "has_county_notice": True}


def run(sql, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def under_notice(people, **more):
    """A list of two whose last notice hangs; one line was excluded at the township."""
    one = declaration(actor=people["village"], **LAST_NOTICE | more)
    review.take_step(one.pk, "submit", actor=people["village"])
    out = review.exclude_line(one.lines.first().pk, reason="不在村里", actor=people["township"])
    review.take_step(one.pk, "approve_township", actor=people["township"])
    notices.post_notice(one.pk, place="公开栏", actor=people["department"])
    return one, out


@pytest.mark.django_db
class TestRawSql:
    @pytest.mark.parametrize("sent", [False, True])
    @pytest.mark.parametrize(
        "change",
        [
            "version_id = version_id + 1",
            "policy_id = policy_id + 1",
            "period = '2027'",
            "period_range = '[2027-01-01,2028-01-01)'",
            "division_code = '341524101001'",
            "county_code = '341525000000'",
            "made_by_id = made_by_id + 1",
        ],
    )
    def test_what_a_list_was_declared_under_does_not_change(self, change, sent):
        one = declaration(**TOWNSHIP)
        if sent:
            review.take_step(one.pk, "submit", actor=one.made_by)
        with pytest.raises(IntegrityError, match="不能修改"):
            run(f"UPDATE recipients_declaration SET {change} WHERE id = %s", one.pk)

    def test_the_version_is_not_exchanged_while_a_notice_hangs(self):
        one, _ = under_notice(chain())
        other = PolicyVersion.objects.exclude(pk=one.version_id).first() or one.version
        with pytest.raises(IntegrityError, match="不能修改"):
            run("UPDATE recipients_declaration SET version_id = %s WHERE id = %s", other.pk + 7, one.pk)

    def test_who_was_excluded_is_not_taken_back_in_while_a_notice_hangs_without_them(self):
        _, out = under_notice(chain())
        with pytest.raises(IntegrityError, match="明细不能再改"):
            run(
                """UPDATE recipients_declarationline SET excluded_at_level = '', excluded_reason = '',
                   excluded_by_id = NULL WHERE id = %s""",
                out.pk,
            )
        with pytest.raises(IntegrityError, match="明细不能再改"):
            run("UPDATE recipients_declarationline SET excluded_reason = '别的' WHERE id = %s", out.pk)

    def test_an_exclusion_names_the_level_at_which_the_list_is(self):
        one, _ = under_notice(chain())
        with pytest.raises(IntegrityError, match="明细不能再改"):
            run(
                """UPDATE recipients_declarationline SET excluded_at_level = 'township_review', excluded_reason = 'x',
                   excluded_by_id = %s WHERE declaration_id = %s AND excluded_at_level = ''""",
                one.made_by_id,
                one.pk,
            )

    def test_a_township_review_is_not_passed_by_nobody(self):
        one = declaration(**TOWNSHIP)
        review.take_step(one.pk, "submit", actor=one.made_by)
        for target in ("confirmed", "draft"):
            with pytest.raises(IntegrityError, match="没有经办人"):
                set_status(one, target)

    def test_an_objection_is_not_answered_by_nobody_and_not_twice(self):
        people = chain()
        one, _ = under_notice(people)
        notice = one.notices.get()
        objections.file_objection(notice, "张三多报")
        answer = "UPDATE recipients_objection SET status = 'rejected', answer = '不属实', answered_by_id = %s"
        for somebody in ("village", "department"):
            with pytest.raises(IntegrityError, match="办理异议的人"):
                run(answer, people[somebody].pk)
        objections.answer_objection(
            notice.objections.get().pk, upheld=False, answer="查无此事", actor=people["department"]
        )
        with pytest.raises(IntegrityError, match="答复以后不能修改"):
            run("UPDATE recipients_objection SET answer = '属实'")

    def test_a_joint_review_is_not_signed_without_the_office(self):
        people = chain()
        one = declaration(**JOINT)
        review.take_step(one.pk, "submit", actor=one.made_by)
        review.take_step(one.pk, "sign_department", actor=people["department"])
        for signer in ("finance", "department"):
            with pytest.raises(IntegrityError, match="会签部门的经办人"), transaction.atomic():
                JointSignature.objects.create(
                    declaration=one, revision=1, party="finance", signed_by=people[signer]
                )


class TestProofs:
    @pytest.fixture
    def here(self, committed_db):
        return chain()

    def test_a_way_through_every_level_leaves_nothing_to_say(self, here, move_clock):
        one, _ = under_notice(here)
        move_clock(8)
        review.take_step(one.pk, "end_county_notice", actor=here["department"])
        assert proofs.levels_have_their_people() == (1, [])
        assert proofs.rights_hung_on_the_wall() == (1, [])

    def test_levels_that_the_owner_walked_over_are_named(self, here, owner_connection):
        one = declaration(**TOWNSHIP)
        two = declaration(**JOINT)
        for book in (one, two):
            review.take_step(book.pk, "submit", actor=book.made_by)
        behind(
            owner_connection,
            "recipients_declaration",
            "UPDATE recipients_declaration SET status = 'confirmed'",
        )
        assert set(proofs.levels_have_their_people()[1]) == {
            f"申报册 {one.pk} 没有人办过“乡镇审核申报”",
            f"申报册 {two.pk} 没有人办过“主管部门联审”",
            f"申报册 {two.pk} 没有人办过“财政联审”",
        }
        assert f"申报册 {one.pk}（已确认）留痕里没有这一步" in core_proofs.states_are_on_the_trail()[1]

    def test_a_signature_by_who_never_had_the_office_is_named(self, here, owner_connection):
        one = declaration(**JOINT)
        behind(
            owner_connection,
            "recipients_jointsignature",
            f"""INSERT INTO recipients_jointsignature (declaration_id, revision, party, signed_by_id, note)
                VALUES ({one.pk}, 1, 'finance', {here["village"].pk}, '')""",
        )
        assert proofs.levels_have_their_people()[1] == [f"申报册 {one.pk} 的会签人没有办过“财政联审”"]

    def test_who_came_in_after_the_last_notice_is_named(self, here, owner_connection, move_clock):
        one, out = under_notice(here)
        move_clock(8)
        review.take_step(one.pk, "end_county_notice", actor=here["department"])
        behind(
            owner_connection,
            "recipients_declarationline",
            f"""UPDATE recipients_declarationline SET excluded_at_level = '', excluded_reason = '',
                excluded_by_id = NULL WHERE id = {out.pk}""",
        )
        (fault,) = proofs.rights_hung_on_the_wall()[1]
        assert fault == f"申报册 {one.pk}：公示 1 人 173.80 元，确认 2 人 347.60 元"


def behind(owner, table, *statements):
    """Somebody with the owner's password who switches the table's triggers off first."""
    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for statement in statements:
        owner.execute(statement)
    owner.commit()
