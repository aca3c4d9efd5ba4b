from datetime import timedelta
from typing import Any
from uuid import uuid4

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils import timezone

from huimin.core.models.guards import append_only, fixed
from huimin.core.models.staff import User
from huimin.core.models.storage import StoredFile
from huimin.core.values.badges import Kind, StateChoices

# kind of job -> how long its result file is given out after the job has ended; files of other kinds are records
FILE_LASTS = {"core.export": timedelta(days=7)}
# kind of job -> purpose of the file that it makes: no other stored file is given out as its result
RESULT_FILES = {"core.export": "export", "core.prove": "proof"}


RESULTS = ("export", "proof")  # what a stored file must be for to be the result of a job


class Clock(models.Model):
    """The shift of the business clock: one row that only the owner role can write."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    shift = models.DurationField("偏移")

    class Meta:
        db_table = "core_clock"
        verbose_name = verbose_name_plural = "业务时钟"
        constraints = [models.CheckConstraint(name="clock_has_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(self.shift)


class Job(models.Model):
    """A long piece of work that somebody asked for. The row is the truth; the broker only says "look".

    A worker holds it by a lease that its heartbeat renews and by `fence`, a number that grows with every claim:
    a worker that slept through its lease finds another fence and is refused at commit.
    """

    class State(StateChoices):
        QUEUED = "queued", Kind.OFF, "排队中"
        RUNNING = "running", Kind.DOING, "办理中"
        DONE = "done", Kind.OK, "已办结"
        FAILED = "failed", Kind.BAD, "失败"
        STOPPED = "stopped", Kind.OFF, "已停止"

    kind = models.CharField("种类", max_length=40)
    title = models.CharField("事项", max_length=120)
    key = models.CharField("幂等键", max_length=120, unique=True)
    state = models.CharField("状态", max_length=8, choices=State, default=State.QUEUED)
    created_by = models.ForeignKey(User, models.PROTECT, verbose_name="发起人", related_name="+")
    county_code = models.CharField("县代码", max_length=12)
    division_code = models.CharField("区划代码", max_length=12)
    payload: Any = models.JSONField("参数", default=dict)
    done = models.PositiveIntegerField("已完成", default=0)
    total = models.PositiveIntegerField("总数", default=0)
    message = models.TextField("说明", blank=True)
    result_url = models.CharField("结果页", max_length=200, blank=True)
    result_file = models.ForeignKey(
        StoredFile, models.PROTECT, verbose_name="结果文件", null=True, related_name="+"
    )
    # of a refused file: row, column, message of each fault, for whoever handed it in
    faults: Any = models.JSONField("文件里不符的地方", default=list)
    attempts = models.PositiveSmallIntegerField("尝试次数", default=0)
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    stop_asked = models.BooleanField("要求停止", default=False)
    created_at = models.DateTimeField("发起时间", db_default=models.functions.Now())
    started_at = models.DateTimeField("开始时间", null=True)
    finished_at = models.DateTimeField("结束时间", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "后台任务"
        ordering = ("-id",)
        indexes = [
            models.Index(
                fields=["lease_until"], name="job_unfinished", condition=Q(state__in=["queued", "running"])
            ),
            models.Index(fields=["created_by", "-id"], name="job_by_person"),
        ]
        triggers = [
            fixed("job_is_whose_it_is", ["kind", "created_by_id"], "后台任务的种类和发起人不能修改"),
            pgtrigger.Trigger(
                name="job_gives_out_its_own_file",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.result_file_id IS NOT NULL"),
                # a result is given out to whoever asked for the job, without a code: bank files and the like are not
                func=f"""
                    IF NOT EXISTS (SELECT FROM core_storedfile f WHERE f.id = NEW.result_file_id
                                   AND f.purpose IN ({", ".join(repr(one) for one in RESULTS)})
                                   AND f.created_by_id = NEW.created_by_id) THEN
                        RAISE EXCEPTION '这不是本任务的结果文件' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def badge(self) -> str:
        return self.State(self.state).badge

    @property
    def is_finished(self) -> bool:
        return self.state in {self.State.DONE, self.State.FAILED, self.State.STOPPED}

    @property
    def has_file(self) -> bool:
        """Is there a result file to take away, still? One that a job of this kind makes, made for whoever asked for it."""
        lasts, stored = FILE_LASTS.get(self.kind), self.result_file
        over = lasts and self.finished_at and self.finished_at + lasts < timezone.now()
        own = stored is not None and (stored.purpose, stored.created_by_id) == (
            RESULT_FILES.get(self.kind),
            self.created_by_id,
        )
        return own and not over

    @property
    def percent(self) -> int:
        if self.state == self.State.DONE:
            return 100
        return min(99, self.done * 100 // self.total) if self.total else 0


class Outbox(models.Model):
    """What must be told to the outside (broker) once the transaction has committed."""

    topic = models.CharField("主题", max_length=20)
    ref = models.BigIntegerField("编号")
    available_at = models.DateTimeField("可发送时间", db_default=models.functions.Now())
    attempts = models.PositiveIntegerField("尝试次数", default=0)
    sent_at = models.DateTimeField("发送时间", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "待发事件"
        indexes = [
            models.Index(fields=["available_at"], name="outbox_waiting", condition=Q(sent_at__isnull=True)),
            models.Index(fields=["topic", "ref"], name="outbox_of"),
        ]

    def __str__(self) -> str:
        return f"{self.topic}:{self.ref}"


class Notification(models.Model):
    """A line in somebody's inbox."""

    user = models.ForeignKey(User, models.CASCADE, verbose_name="收件人", related_name="notifications")
    title = models.CharField("标题", max_length=120)
    body = models.TextField("内容", blank=True)
    url = models.CharField("去办理", max_length=200, blank=True)
    created_at = models.DateTimeField("时间", db_default=models.functions.Now())
    read_at = models.DateTimeField("已读时间", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "消息"
        ordering = ("-id",)
        indexes = [models.Index(fields=["user", "-id"], name="notification_inbox")]

    def __str__(self) -> str:
        return self.title


class ActionKey(models.Model):
    """A form that moves money carries a key; the key is taken once, so a double click acts once (never expires)."""

    key = models.UUIDField(primary_key=True, default=uuid4)
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    action = models.CharField(max_length=80)
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        verbose_name = verbose_name_plural = "操作幂等键"
        triggers = append_only()

    def __str__(self) -> str:
        return str(self.key)


class OfficeCredential(models.Model):
    """A machine's way in for one office; it acts as a staff account and so has that account's grants and duties."""

    class Scope(models.TextChoices):
        PAYMENT_FILE = "payment_file", "取代发文件"
        RETURN_FILE = "return_file", "送回盘"
        DECLARATION = "declaration", "推送申报册"

    key_id = models.CharField("凭据号", max_length=32, unique=True)
    secret_hash = models.BinaryField("密钥摘要", max_length=32)
    acts_as = models.ForeignKey(User, models.PROTECT, verbose_name="以谁的名义", related_name="credentials")
    scopes: Any = models.JSONField("可用接口", default=list)
    created_at = models.DateTimeField("创建时间", db_default=models.functions.Now())
    last_used_at = models.DateTimeField("最近使用", null=True)
    revoked_at = models.DateTimeField("停用时间", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "接口凭据"

    def __str__(self) -> str:
        return self.key_id
