from functools import cached_property
from typing import Any, Self

import pgtrigger
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateRangeField, RangeOperators
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q

from huimin.core import clock
from huimin.core.authority import limits
from huimin.core.authority.roles import Role
from huimin.core.fields import BlindIndexField, EncryptedTextField
from huimin.core.models.guards import never_deleted
from huimin.core.models.places import Department, Division, Office


class User(AbstractUser):  # type: ignore[django-manager-missing]  # django-otp, whose device ours is, has no types
    """A staff account. Two accounts with one ID number are one person for every separation of duties."""

    name = models.CharField("姓名", max_length=40)
    office = models.ForeignKey(Office, models.PROTECT, verbose_name="所在机构", null=True)
    id_number = EncryptedTextField("身份证号", purpose="id_number")
    person_key = BlindIndexField("人员标识")
    phone = EncryptedTextField("手机", purpose="phone", null=True)
    password_changed_at = models.DateTimeField("密码修改时间", null=True)

    def get_short_name(self) -> str:
        """What the back office calls the person at the top of its pages."""
        return self.name

    class Meta:
        verbose_name = verbose_name_plural = "工作人员"
        constraints = [
            # roles come from grants alone: nobody has standing power over everything
            models.CheckConstraint(name="user_is_never_superuser", condition=Q(is_superuser=False)),
        ]
        triggers = [
            # every separation of duties stands on who the person is; a wrong number is a new account
            pgtrigger.Trigger(
                name="person_is_fixed",
                operation=pgtrigger.UpdateOf("person_key", "id_number"),
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__person_key__df=pgtrigger.F("new__person_key")),
                func="RAISE EXCEPTION 'the person behind account % is fixed', OLD.id USING ERRCODE = '42501';",
            ),
            *never_deleted("account_stays"),
        ]

    def __str__(self) -> str:
        return self.name or self.username

    @cached_property
    def active_grants(self) -> list["Grant"]:
        """Grants in force today. Cached on the instance, which lives for one request: a change counts at once."""
        return list(Grant.objects.in_force().filter(user=self)) if self.is_active and self.pk else []

    def roles(self) -> set[str]:
        return {grant.role for grant in self.active_grants}

    def roles_text(self) -> str:
        return "、".join(sorted({Role(grant.role).label for grant in self.active_grants}))


class GrantQuerySet(models.QuerySet["Grant"]):
    def in_force(self) -> Self:
        """Grants that count today, each with the policies that its department has today."""
        rows = self.filter(valid__contains=clock.today(), revoked_at__isnull=True)
        return rows.annotate(department_policies=limits.policies().of_department())


class Grant(models.Model):
    """A role, at an office, over a subtree of divisions, from date to date.

    It may be limited: to the policies of a department, also those that come tomorrow, or to policies that it names.
    """

    user = models.ForeignKey(User, models.PROTECT, verbose_name="人员", related_name="grants")
    person_key = BlindIndexField("人员标识")
    role = models.CharField("角色", max_length=24, choices=Role)
    role_class = models.SmallIntegerField("角色类别", editable=False)
    office = models.ForeignKey(Office, models.PROTECT, verbose_name="机构")
    division = models.ForeignKey(Division, models.PROTECT, verbose_name="管辖区划")
    department = models.ForeignKey(
        Department, models.PROTECT, verbose_name="限定部门", null=True, blank=True, related_name="+"
    )
    named_policies: Any = ArrayField(models.BigIntegerField(), verbose_name="限定政策", null=True, blank=True)
    valid = DateRangeField("有效期")
    granted_by = models.ForeignKey(User, models.PROTECT, verbose_name="授权人", null=True, related_name="+")
    revoked_at = models.DateTimeField("收回时间", null=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "授权"
        constraints = [
            ExclusionConstraint(
                name="grant_three_administrators_exclude",
                expressions=[
                    (OpClass("person_key", name="gist_bytea_ops"), RangeOperators.EQUAL),
                    ("role_class", RangeOperators.NOT_EQUAL),
                    ("valid", RangeOperators.OVERLAPS),
                ],
                condition=Q(revoked_at__isnull=True),
                violation_error_message="系统、安全、审计三员互斥，也不能兼任业务岗位。",
            ),
            models.CheckConstraint(
                name="grant_limited_in_one_way",
                condition=Q(department__isnull=True) | Q(named_policies__isnull=True),
                violation_error_message="限定部门和限定政策只能选一种。",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="grant_person",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                # the app cannot name another person or class than the account and the role say
                func="""
                    NEW.person_key := (SELECT person_key FROM core_user WHERE id = NEW.user_id);
                    NEW.role_class := CASE NEW.role WHEN 'system_admin' THEN 1 WHEN 'security_admin' THEN 2
                                                    WHEN 'audit_admin' THEN 3 ELSE 0 END;
                    RETURN NEW;
                """,
            ),
            *never_deleted("grant_stays"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.get_role_display()} {self.division}"

    @property
    def policy_ids(self) -> list[int] | None:
        """The policies that it covers today; None where it is not limited. Of a department known to in_force() alone."""
        if self.department_id is None:
            found: list[int] | None = self.named_policies
            return found
        # never None: what is not known covers nothing
        return list(getattr(self, "department_policies", ()))
