import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.fields import BlindIndexField, EncryptedTextField
from huimin.core.models import StoredFile, User
from huimin.core.models.guards import begins, no_truncate, taken_in_duty
from recipients.models.registry import Person
from recipients.states import NUMBER_FLOW, NumberChangeStatus


class NumberChange(Scoped):
    """更正身份证号: the right number of a record, asked for by one and checked against the card by another.

    Birth date and sex follow from the number. The record stays the same person's: rights, payments, cards and what was said
    of a death or a 停发 stay with it (docs/decisions/0022). With `other` two records exchange their numbers at once.
    """

    person = models.ForeignKey(Person, models.PROTECT, verbose_name="人员", related_name="number_changes")
    # whose record bears the right number by mistake, and gets this one's
    other = models.ForeignKey(
        Person, models.PROTECT, verbose_name="互换的人", null=True, related_name="number_exchanges"
    )
    old_number = EncryptedTextField("原身份证号", purpose="id_number")
    old_key = BlindIndexField("原身份证号索引")
    old_birth_date = models.DateField("原出生日期")
    old_sex = models.CharField("原性别", max_length=1)
    id_number = EncryptedTextField("身份证号", purpose="id_number")
    id_key = BlindIndexField("身份证号索引")
    id_commitment = models.BinaryField(max_length=32)
    birth_date = models.DateField("出生日期")
    sex = models.CharField("性别", max_length=1)
    other_commitment = models.BinaryField(max_length=32, null=True)
    reason = models.CharField("更正原因", max_length=200)
    proof = models.ForeignKey(StoredFile, models.PROTECT, verbose_name="证件照片", related_name="+")
    status = models.CharField(
        "状态", max_length=8, choices=NumberChangeStatus, default=NumberChangeStatus.ASKED
    )
    asked_by = models.ForeignKey(User, models.PROTECT, verbose_name="申请人", related_name="+")
    checked_by = models.ForeignKey(User, models.PROTECT, verbose_name="复核人", null=True, related_name="+")
    created_at = models.DateTimeField("申请时间", db_default=Now())

    area = Area.REGISTRY

    class Meta:
        verbose_name = verbose_name_plural = "更正身份证号"
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="number_change_needs_second_person",
                condition=Q(checked_by__isnull=True) | ~Q(checked_by=F("asked_by")),
                violation_error_message="更正身份证号要由另一个人复核。",
            ),
            models.CheckConstraint(
                name="number_change_checked_by_somebody",
                condition=Q(status="asked") | Q(checked_by__isnull=False),
            ),
            models.CheckConstraint(name="number_changes", condition=~Q(id_key=F("old_key"))),
            models.CheckConstraint(
                name="number_exchange_is_whole",
                condition=Q(other=None, other_commitment=None)
                | Q(other__isnull=False, other_commitment__isnull=False) & ~Q(other=F("person")),
            ),
            models.UniqueConstraint(
                fields=["person"],
                name="one_open_number_change",
                condition=Q(status="asked"),
                violation_error_message="这个人已有一个待复核的更正身份证号。",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="number_change_steps", field="status", transitions=NUMBER_FLOW.transitions()),
            taken_in_duty(NUMBER_FLOW),
            begins(NUMBER_FLOW),
            pgtrigger.Protect(name="number_change_stays", operation=pgtrigger.Delete),
            no_truncate(),
            pgtrigger.Trigger(
                name="number_change_is_fixed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # what was asked for is what is approved, by somebody who is not the same person under another account
                func="""
                    IF OLD.status <> 'asked' OR to_jsonb(NEW) - ARRAY['status', 'checked_by_id']
                          IS DISTINCT FROM to_jsonb(OLD) - ARRAY['status', 'checked_by_id'] THEN
                        RAISE EXCEPTION '更正身份证号的申请不能修改' USING ERRCODE = '23514';
                    END IF;
                    IF NEW.checked_by_id IS NOT NULL AND (SELECT count(DISTINCT person_key) FROM core_user
                            WHERE id IN (NEW.asked_by_id, NEW.checked_by_id)) < 2 THEN
                        RAISE EXCEPTION '更正身份证号要由另一个人复核' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="number_change_is_of_its_records",
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("status"),
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.status <> 'refused'"),
                # when it is asked for, and again when it is approved: the records stand, in its county, and bear these
                # numbers now; they are held, so that neither is set aside meanwhile
                func="""
                    PERFORM FROM recipients_person p WHERE p.id IN (NEW.person_id, NEW.other_id) ORDER BY p.id FOR NO KEY UPDATE;
                    IF NOT EXISTS (SELECT FROM recipients_person p WHERE p.id = NEW.person_id AND p.status <> 'void'
                            AND p.county_code = NEW.county_code AND p.division_code = NEW.division_code
                            AND (p.id_key, p.birth_date, p.sex) = (NEW.old_key, NEW.old_birth_date, NEW.old_sex))
                       OR NEW.other_id IS NOT NULL AND NOT EXISTS (SELECT FROM recipients_person p
                            WHERE p.id = NEW.other_id AND p.status <> 'void' AND p.county_code = NEW.county_code
                            AND p.id_key = NEW.id_key) THEN
                        RAISE EXCEPTION '更正身份证号的档案已有变动' USING ERRCODE = '23514';
                    END IF;
                    IF EXISTS (SELECT FROM recipients_person p WHERE p.county_code = NEW.county_code
                               AND p.id_key = NEW.id_key AND p.status <> 'void' AND p.id IS DISTINCT FROM NEW.other_id) THEN
                        RAISE EXCEPTION '这个身份证号已在另一份档案里' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            # the one hand that changes the number of a record (parties.number_changes_by_request)
            pgtrigger.Trigger(
                name="record_bears_its_number",
                operation=pgtrigger.UpdateOf("status"),
                when=pgtrigger.After,
                condition=pgtrigger.Condition("OLD.status <> 'approved' AND NEW.status = 'approved'"),
                func="""
                    IF NEW.other_id IS NOT NULL THEN
                        UPDATE recipients_person SET id_key = sha256(('exchanging ' || id)::bytea) WHERE id = NEW.person_id;
                        UPDATE recipients_person SET id_number = NEW.old_number, id_key = NEW.old_key,
                            id_commitment = NEW.other_commitment, birth_date = NEW.old_birth_date, sex = NEW.old_sex
                        WHERE id = NEW.other_id;
                    END IF;
                    UPDATE recipients_person SET id_number = NEW.id_number, id_key = NEW.id_key,
                        id_commitment = NEW.id_commitment, birth_date = NEW.birth_date, sex = NEW.sex
                    WHERE id = NEW.person_id;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} 更正身份证号"

    @property
    def badge(self) -> str:
        return NumberChangeStatus(self.status).badge
