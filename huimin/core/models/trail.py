from typing import Any

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.contrib.postgres.indexes import OpClass
from django.db import models

from huimin.core.authority.duties import Duty
from huimin.core.fields import BlindIndexField
from huimin.core.models.guards import append_only, no_truncate
from huimin.core.models.staff import User

# every column that a later change could touch is under the digest; e is the event
CANONICAL = """jsonb_build_array(e.id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
    to_char(e.business_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), e.actor_id, e.office_name, e.subject,
    e.action, e.label, e.before, e.after, e.note, e.detail, e.county_code, e.division_code, e.policy_id)::text"""


class AuditEvent(models.Model):
    """What somebody did, written in the same transaction as the change itself and sealed afterwards.

    `detail` never holds private values: ids, counts, sums, states.
    """

    at = models.DateTimeField("时间", db_default=models.functions.Now())
    business_at = models.DateTimeField("业务时间")
    actor = models.ForeignKey(User, models.PROTECT, verbose_name="操作人", null=True, related_name="+")
    office_name = models.CharField("机构", max_length=80, blank=True)
    subject = models.CharField("对象", max_length=80)
    action = models.CharField("动作", max_length=60)
    label = models.CharField("说明", max_length=120, blank=True)
    before = models.CharField("原状态", max_length=24, blank=True)
    after = models.CharField("新状态", max_length=24, blank=True)
    note = models.TextField("意见", blank=True)
    detail: Any = models.JSONField("明细", default=dict)
    county_code = models.CharField("县代码", max_length=12, blank=True)
    division_code = models.CharField("区划代码", max_length=12, blank=True)
    policy_id = models.BigIntegerField("政策", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "审计日志"
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["subject", "id"], name="audit_subject"),
            models.Index(fields=["actor", "id"], name="audit_actor"),
            models.Index(fields=["at"], name="audit_at"),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="event_is_of_now",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                # whoever writes by SQL writes at the end of the trail as well, whatever number and time they give
                func="""
                    NEW.id := nextval('core_auditevent_id_seq');
                    NEW.at := statement_timestamp();
                    NEW.business_at := statement_timestamp() + (business_now() - now());
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="waits_for_its_seal",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                func="INSERT INTO core_unsealedevent (event_id) VALUES (NEW.id); RETURN NULL;",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.action}"


class UnsealedEvent(models.Model):
    """An event that waits for its seal: a trigger puts it here, the sealer takes it away once the seal stands.

    The proof of the chain does not look here but at every event.
    """

    event = models.OneToOneField(
        AuditEvent, models.PROTECT, primary_key=True, db_constraint=False, related_name="+"
    )

    class Meta:
        verbose_name = verbose_name_plural = "待封存记录"
        triggers = [
            pgtrigger.Protect(name="unsealed_is_fixed", operation=pgtrigger.Update),
            pgtrigger.Trigger(
                name="unsealed_until_sealed",
                operation=pgtrigger.Delete,
                when=pgtrigger.Before,
                func="""
                    IF NOT EXISTS (SELECT FROM core_auditseal s WHERE s.event_id = OLD.event_id) THEN
                        RAISE EXCEPTION 'event % is not sealed yet', OLD.event_id USING ERRCODE = '42501';
                    END IF;
                    RETURN OLD;
                """,
            ),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"{self.event_id}"


class AuditSeal(models.Model):
    """A link of the hash chain over committed events; `seq` is the order of sealing."""

    seq = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(AuditEvent, models.PROTECT, related_name="seal")
    sealed_at = models.DateTimeField(db_default=models.functions.Now())
    previous = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = verbose_name_plural = "审计封存"
        triggers = [
            *append_only(),
            # a link can never be taken back, so one that does not fit must not get in
            pgtrigger.Trigger(
                name="seal_fits_the_chain",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                declare=[("head", "bytea"), ("link", "text")],
                func=f"""
                    SELECT digest INTO head FROM core_auditseal WHERE seq = NEW.seq - 1;
                    SELECT {CANONICAL} INTO link FROM core_auditevent e WHERE e.id = NEW.event_id;
                    IF NEW.previous IS DISTINCT FROM
                           (CASE WHEN NEW.seq = 1 THEN decode(repeat('00', 32), 'hex') ELSE head END)
                       OR NEW.digest IS DISTINCT FROM
                           sha256(NEW.previous || int8send(NEW.seq) || convert_to(link, 'UTF8')) THEN
                        RAISE EXCEPTION 'seal % does not fit the chain', NEW.seq USING ERRCODE = '42501';
                    END IF;
                    RETURN NEW;
                """,  # noqa: S608
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq}"


class DutyConflict(models.Model):
    """A pair of duties that one person may not have on one subject; filled by migration, read by a trigger."""

    first = models.CharField("岗位", max_length=32, choices=Duty)
    second = models.CharField("不相容岗位", max_length=32, choices=Duty)

    class Meta:
        verbose_name = verbose_name_plural = "不相容岗位"
        constraints = [models.UniqueConstraint(fields=["first", "second"], name="duty_conflict_once")]

    def __str__(self) -> str:
        return f"{self.first} / {self.second}"


class Involvement(models.Model):
    """A person had a duty on a subject. Subjects made from others inherit theirs (roster from declarations, …).

    `conflicts` holds tokens that overlap exactly when two rows exclude one another. Each pair (a, b) of
    DutyConflict has three: own a = {0, 2}, own b = {0, 1}, inherited a = {1}, inherited b = {2}. So an own duty
    excludes own and inherited ones, but what somebody did on two different sources does not stop the thing made
    of both.
    """

    subject = models.CharField("对象", max_length=80)
    person_key = BlindIndexField("人员标识")
    duty = models.CharField("岗位", max_length=32, choices=Duty)
    inherited = models.BooleanField("来自上游", default=False)
    conflicts: Any = ArrayField(models.IntegerField(), editable=False, default=list)
    user = models.ForeignKey(User, models.PROTECT, verbose_name="人员", related_name="+")
    at = models.DateTimeField("时间", db_default=models.functions.Now())

    class Meta:
        verbose_name = verbose_name_plural = "经手记录"
        constraints = [
            models.UniqueConstraint(fields=["subject", "person_key", "duty"], name="involvement_once"),
            ExclusionConstraint(
                name="involvement_separation",
                expressions=[
                    ("subject", RangeOperators.EQUAL),
                    (OpClass("person_key", name="gist_bytea_ops"), RangeOperators.EQUAL),
                    (OpClass("conflicts", name="gist__int_ops"), RangeOperators.OVERLAPS),
                ],
                violation_error_message="不相容岗位不能由同一人办理。",
            ),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="involvement_conflicts",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                # the app cannot name another person than the account says, nor its own tokens
                func="""
                    NEW.person_key := (SELECT person_key FROM core_user WHERE id = NEW.user_id);
                    NEW.conflicts := coalesce((
                        SELECT array_agg(token::int ORDER BY token) FROM core_dutyconflict c,
                            unnest(CASE WHEN NEW.inherited AND NEW.duty = c.first THEN ARRAY[3 * c.id + 1]
                                        WHEN NEW.inherited THEN ARRAY[3 * c.id + 2]
                                        WHEN NEW.duty = c.first THEN ARRAY[3 * c.id, 3 * c.id + 2]
                                        ELSE ARRAY[3 * c.id, 3 * c.id + 1] END) AS token
                        WHERE NEW.duty IN (c.first, c.second)), '{}');
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.duty}"
