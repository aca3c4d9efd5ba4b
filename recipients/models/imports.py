from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.models import StoredFile, User
from huimin.core.values.badges import Kind, StateChoices


class RegistryImport(Scoped):
    """One registry workbook: taken in whole or not at all; the same bytes are recognised by sha256."""

    class Status(StateChoices):
        CHECKING = "checking", Kind.DOING, "办理中"
        REFUSED = "refused", Kind.BAD, "不符，未导入"
        APPLIED = "applied", Kind.OK, "已导入"

    file = models.ForeignKey(StoredFile, models.PROTECT, verbose_name="文件", related_name="+")
    sha256 = models.CharField("SHA-256", max_length=64)
    status = models.CharField("状态", max_length=8, choices=Status, default=Status.CHECKING)
    row_count = models.PositiveIntegerField("行数", default=0)
    household_count = models.PositiveIntegerField("户数", default=0)
    error_count = models.PositiveIntegerField("错误数", default=0)
    errors: Any = models.JSONField(
        "错误", default=list
    )  # the first 500: row, column, message; no private values
    # what the clerk should look at although it was taken in: an account of two people, a doubtful card
    warnings: Any = models.JSONField("提醒", default=list)
    result_note = models.CharField("结果说明", max_length=300, blank=True)
    error_file = models.ForeignKey(
        StoredFile, models.PROTECT, verbose_name="错误清单", null=True, related_name="+"
    )
    created_by = models.ForeignKey(User, models.PROTECT, verbose_name="导入人", related_name="+")
    created_at = models.DateTimeField("时间", db_default=Now())

    area = Area.REGISTRY

    class Meta:
        verbose_name = verbose_name_plural = "补贴对象导入"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["county_code", "sha256"],
                name="registry_file_applied_once",
                condition=Q(status="applied"),
                violation_error_message="这份文件已经导入过。",
            ),
        ]

    def __str__(self) -> str:
        return f"导入 {self.pk}"
