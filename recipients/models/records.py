import pgtrigger
from django.db import models
from django.db.models import Q

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import User
from huimin.core.models.guards import begins, fixed, no_truncate, taken_in_duty, told_on_the_trail
from recipients.models.imports import RegistryImport
from recipients.models.registry import Person
from recipients.states import RECORD_FLOW, RecordPauseStatus


class RecordPause(Scoped):
    """停用记录: a person's record is out of use until another human being lifts that.

    While it stands nobody lists or declares the person, as beneficiary or payee; what was not paid meanwhile is due
    afterwards. Person.status says the same for the many statements that ask, and is written by these rows alone.
    """

    person = models.ForeignKey(Person, models.PROTECT, verbose_name="人员", related_name="pauses")
    status = models.CharField(
        "状态", max_length=8, choices=RecordPauseStatus, default=RecordPauseStatus.STANDING
    )
    reason = models.CharField("停用原因", max_length=200)
    # a workbook that registered the person as 停用
    registry_import = models.ForeignKey(
        RegistryImport, models.PROTECT, verbose_name="采集表", null=True, related_name="+", db_index=False
    )
    made_by = models.ForeignKey(User, models.PROTECT, verbose_name="停用人", related_name="+")
    # both set by the database
    made_at = models.DateTimeField("停用时间", null=True, editable=False)
    lifted_by = models.ForeignKey(User, models.PROTECT, verbose_name="恢复人", null=True, related_name="+")
    lifted_at = models.DateTimeField("恢复时间", null=True, editable=False)
    lift_reason = models.CharField("恢复原因", max_length=200, blank=True)

    area = Area.REGISTRY

    class Meta:
        verbose_name = verbose_name_plural = "停用记录"
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["lifted_at"], name="record_pauses_lifted", condition=Q(status="lifted"))
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["person"],
                name="one_standing_record_pause",
                condition=Q(status="standing"),
                violation_error_message="这份档案已经停用。",
            ),
            models.CheckConstraint(name="record_pause_has_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="record_pause_lifted_whole",
                condition=Q(status="standing", lifted_by=None, lift_reason="")
                | Q(status="lifted", lifted_by__isnull=False) & ~Q(lift_reason=""),
                violation_error_message="恢复要写明原因。",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="record_pause_steps", field="status", transitions=RECORD_FLOW.transitions()),
            taken_in_duty(RECORD_FLOW),
            begins(RECORD_FLOW),
            pgtrigger.Protect(name="record_pause_stays", operation=pgtrigger.Delete),
            no_truncate(),
            # of a workbook once, whatever the number of its people: an event of the import, and of people it registers
            told_on_the_trail(
                "pause_is_told",
                event="""e.subject = CASE WHEN NEW.registry_import_id IS NULL THEN 'recipients.person:' || NEW.person_id
                         ELSE 'recipients.registryimport:' || NEW.registry_import_id END AND e.action = 'pause'""",
                message="停用档案没有留痕",
                actor="made_by_id",
            ),
            told_on_the_trail(
                "resumption_is_told",
                event="e.subject = 'recipients.person:' || NEW.person_id AND e.action = 'resume'",
                message="恢复档案没有留痕",
                condition="NEW.status <> OLD.status",
                operation=pgtrigger.Update,
                actor="lifted_by_id",
            ),
            pgtrigger.Trigger(
                name="pause_is_dated",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func="""
                    NEW.made_at := business_now();
                    NEW.lifted_at := NULL;
                    IF NEW.registry_import_id IS NOT NULL AND NOT EXISTS (
                            SELECT FROM recipients_person p JOIN recipients_registryimport i ON i.id = NEW.registry_import_id
                            WHERE p.id = NEW.person_id AND p.created_at >= now() AND p.created_by_id = NEW.made_by_id
                              AND i.created_by_id = NEW.made_by_id) THEN
                        RAISE EXCEPTION '采集表只停用它自己登记的人' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="resumed_by_another",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # by another human being than who put it out of use, who has the duty of it
                func=f"""
                    IF OLD.status <> 'standing' THEN
                        RAISE EXCEPTION '停用记录不能修改，要停用的请再办一次' USING ERRCODE = '23514';
                    END IF;
                    IF EXISTS (SELECT FROM core_user m JOIN core_user w ON w.person_key = m.person_key
                               WHERE m.id = NEW.made_by_id AND w.id = NEW.lifted_by_id) THEN
                        RAISE EXCEPTION '停用的档案要由另一个人恢复' USING ERRCODE = '23514';
                    END IF;
                    IF NEW.lifted_by_id IS NOT NULL AND NOT EXISTS (
                            SELECT FROM core_involvement i JOIN core_user u ON u.person_key = i.person_key
                            WHERE i.subject = {RECORD_FLOW.subject_sql("NEW")} AND u.id = NEW.lifted_by_id
                              AND i.duty = '{RECORD_FLOW["lift"].duty}') THEN
                        RAISE EXCEPTION '恢复档案没有经办人' USING ERRCODE = '23514';
                    END IF;
                    NEW.lifted_at := CASE WHEN NEW.status = 'lifted' THEN business_now() END;
                    RETURN NEW;
                """,  # noqa: S608 -- constants of the step table
            ),
            fixed(
                "record_pause_is_fixed",
                [
                    "person_id",
                    "county_code",
                    "division_code",
                    "reason",
                    "registry_import_id",
                    "made_by_id",
                    "made_at",
                ],
                "停用记录不能修改",
            ),
            # the one hand that puts a record out of use and back
            pgtrigger.Trigger(
                name="record_is_as_paused",
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("status"),
                when=pgtrigger.After,
                func="""
                    IF TG_OP = 'UPDATE' AND NEW.status = OLD.status THEN
                        RETURN NULL;
                    END IF;
                    UPDATE recipients_person SET status = CASE WHEN NEW.status = 'standing' THEN 'suspended' ELSE 'normal' END
                    WHERE id = NEW.person_id
                      AND status = CASE WHEN NEW.status = 'standing' THEN 'normal' ELSE 'suspended' END;
                    IF NOT FOUND THEN
                        RAISE EXCEPTION '停用的是在用的档案，恢复的是停用的档案' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} 停用"

    @property
    def badge(self) -> str:
        return RecordPauseStatus(self.status).badge
