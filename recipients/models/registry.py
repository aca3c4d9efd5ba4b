from uuid import uuid4

import pgtrigger
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped
from huimin.core.fields import BlindIndexField, EncryptedTextField
from huimin.core.models import Office, User
from huimin.core.models.guards import begins, fixed, taken_in_duty, told_on_the_trail
from huimin.core.values.badges import Kind, StateChoices
from recipients.models.parties import number_changes_by_request, number_is_one
from recipients.rules import RELATION_LENGTH, strangers_in_sql
from recipients.states import ACCOUNT_FLOW, DEATH_FLOW, AccountChangeStatus, DeathStatus


class RecordStatus(StateChoices):
    """状态 of roster_forms: 0-作废, 1-正常, 2-停用."""

    NORMAL = "normal", Kind.OK, "正常"
    SUSPENDED = "suspended", Kind.OFF, "停用"
    VOID = "void", Kind.OFF, "作废"


class Household(Scoped):
    """A farming family under one holder (户主); division_code is its village."""

    code = models.CharField("农户编码", max_length=24)
    group_name = models.CharField("村（居）民小组", max_length=20)
    status = models.CharField("状态", max_length=9, choices=RecordStatus, default=RecordStatus.NORMAL)
    created_at = models.DateTimeField("建档时间", db_default=Now())

    area = Area.REGISTRY

    class Meta:
        verbose_name = verbose_name_plural = "农户"
        ordering = ("division_code", "code")
        constraints = [
            models.UniqueConstraint(
                fields=["county_code", "code"],
                name="household_code_once",
                condition=~Q(status="void"),
                violation_error_message="这个农户编码已经用过。",
            ),
        ]
        indexes = [
            models.Index(fields=["division_code", "id"], name="household_place"),
        ]
        triggers = [
            pgtrigger.Protect(name="household_stays", operation=pgtrigger.Delete),
            # nothing sets a household aside: its records are, and it stands as the address of what was paid
            fixed(
                "household_is_fixed",
                ["code", "county_code", "division_code", "status", "created_at"],
                "农户的编码、村和状态不能改；档案建错了的作废，另建",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Person(Scoped):
    """One resident. `id_key` finds the ID number; the number itself is ciphertext.

    `id_commitment` = sha256(commit_salt ‖ ID number) stands for the number inside verification codes, so that
    lists can be made in SQL without decrypting (huimin.core.values.digests).
    """

    household = models.ForeignKey(Household, models.PROTECT, verbose_name="农户", related_name="members")
    is_holder = models.BooleanField("户主", default=False)
    relation = models.CharField("与户主关系", max_length=2)  # GB/T 4761
    name = models.CharField("姓名", max_length=60)
    name_key = models.CharField("拼音", max_length=120)
    id_number = EncryptedTextField("身份证号", purpose="id_number")
    id_key = BlindIndexField("身份证号索引")
    commit_salt = models.UUIDField(default=uuid4)
    id_commitment = models.BinaryField(max_length=32)
    birth_date = models.DateField("出生日期")
    sex = models.CharField("性别", max_length=1, choices=[("1", "男"), ("2", "女")])
    phone = EncryptedTextField("联系电话", purpose="phone", null=True)
    is_low_income = models.BooleanField("低保户", default=False)
    is_rural = models.BooleanField("乡村人口", default=True)
    is_poverty_relief = models.BooleanField("建档立卡户", default=False)
    is_extreme_poverty = models.BooleanField("特困人员", default=False)
    note = models.CharField("备注", max_length=200, blank=True)
    status = models.CharField("状态", max_length=9, choices=RecordStatus, default=RecordStatus.NORMAL)
    died_on = models.DateField("死亡日期", null=True)
    # residence is dated: 引用 moves the person between townships on one record
    resident_since = models.DateField("入户日期", null=True)
    created_at = models.DateTimeField("建档时间", db_default=Now())
    created_by = models.ForeignKey(
        User, models.PROTECT, verbose_name="建档人", related_name="+", db_constraint=False
    )
    voided_by = models.ForeignKey(
        User,
        models.PROTECT,
        verbose_name="作废人",
        null=True,
        editable=False,
        related_name="+",
        db_index=False,
    )

    area = Area.REGISTRY
    # yes or no each: what other offices certify about the person or the household
    MARKS = ("is_low_income", "is_rural", "is_poverty_relief", "is_extreme_poverty")

    class Meta:
        verbose_name = verbose_name_plural = "人员"
        ordering = ("name_key", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["county_code", "id_key"],
                name="person_once_per_county",
                condition=~Q(status="void"),
                violation_error_message="这个身份证号已在系统中。",
            ),
            models.UniqueConstraint(
                fields=["household"],
                name="household_has_one_holder",
                condition=Q(is_holder=True) & ~Q(status="void"),
                violation_error_message="一户只有一个户主。",
            ),
            # two rows of one name in one household are one human being with a number typed wrongly, as a rule
            models.UniqueConstraint(
                fields=["household", "name"],
                name="name_once_per_household",
                condition=~Q(status="void"),
                violation_error_message="这一户已有同名的人。",
            ),
        ]
        indexes = [
            models.Index(fields=["division_code", "name_key", "id"], name="person_place_name"),
            models.Index(fields=["name_key", "id"], name="person_name"),  # whoever reads the whole county
            GinIndex(OpClass("name", name="gin_trgm_ops"), name="person_name_trgm"),
        ]
        triggers = [
            pgtrigger.Protect(name="person_stays", operation=pgtrigger.Delete),
            number_changes_by_request(),
            number_is_one(),
            fixed(
                "person_is_fixed",
                ["commit_salt", "county_code", "created_at", "created_by_id"],
                "档案的县、建档人和建档时间不能改",
            ),
            # lists, rights and who may see them go by these; no act moves anybody yet
            fixed(
                "person_stays_in_the_household",
                ["household_id", "division_code"],
                "档案的村和户不能改；没发过钱的作废另建，发过的等迁移功能",
            ),
            pgtrigger.Trigger(
                name="head_changes_by_request",
                operation=pgtrigger.UpdateOf("is_holder", "household_id"),
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "NEW.is_holder <> OLD.is_holder OR (OLD.is_holder AND NEW.household_id <> OLD.household_id)"
                ),
                # as the newest approved change of the household says, and no other way (docs/decisions/0018)
                func="""
                    IF NEW.household_id <> OLD.household_id OR NOT EXISTS (
                        SELECT FROM (SELECT c.old_head_id, c.new_head_id FROM recipients_headchange c
                                     WHERE c.household_id = NEW.household_id AND c.status = 'approved'
                                     ORDER BY c.id DESC LIMIT 1) AS newest
                        WHERE CASE WHEN NEW.is_holder THEN newest.new_head_id ELSE newest.old_head_id END = NEW.id) THEN
                        RAISE EXCEPTION '户主要经过户主变更的申请和复核' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="record_begins_in_use",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.status <> 'normal' OR NEW.voided_by_id IS NOT NULL"),
                func="RAISE EXCEPTION '档案建档时在用，停用、作废另办' USING ERRCODE = '23514';",
            ),
            pgtrigger.Trigger(
                name="in_use_as_registered",
                operation=pgtrigger.UpdateOf("status", "voided_by_id"),
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "NOT (OLD.status <> 'void' AND NEW.status = 'void')"
                    " AND (NEW.status, NEW.voided_by_id) IS DISTINCT FROM (OLD.status, OLD.voided_by_id)"
                ),
                # out of use and back as the rows of RecordPause say, and no other way; nothing comes back from 作废
                func="""
                    IF OLD.status = 'void' OR NEW.voided_by_id IS NOT NULL
                       OR (NEW.status = 'suspended') <> EXISTS (SELECT FROM recipients_recordpause u
                                                                WHERE u.person_id = NEW.id AND u.status = 'standing') THEN
                        RAISE EXCEPTION '档案的停用、恢复要登记，作废后不能恢复' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="set_aside_by_another",
                operation=pgtrigger.UpdateOf("status"),
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.status = 'void' AND OLD.status <> 'void'"),
                # by another person than who registered it, with every right ended and nothing of it waiting; no way back
                func="""
                    IF NEW.voided_by_id IS NULL
                       OR EXISTS (SELECT FROM core_user m JOIN core_user w ON w.person_key = m.person_key
                               WHERE m.id = NEW.created_by_id AND w.id = NEW.voided_by_id) THEN
                        RAISE EXCEPTION '档案要由另一个人作废' USING ERRCODE = '23514';
                    END IF;
                    IF EXISTS (SELECT FROM recipients_entitlement e
                               WHERE e.beneficiary_id = NEW.id AND e.status <> 'ended') THEN
                        RAISE EXCEPTION '还有享受资格，不能作废档案' USING ERRCODE = '23514';
                    END IF;
                    -- who may not put it back into use does not come by a new record either
                    IF OLD.status <> 'normal' THEN
                        RAISE EXCEPTION '停用的档案先恢复，再作废' USING ERRCODE = '23514';
                    END IF;
                    -- of a household that goes on the head stays, or two people make another member head first: the others'
                    -- money goes to whoever is head
                    IF NEW.is_holder AND EXISTS (
                            SELECT FROM recipients_person p LEFT JOIN recipients_entitlement e ON e.beneficiary_id = p.id
                            WHERE p.household_id = NEW.household_id AND p.id <> NEW.id AND (e.house IS NOT NULL
                                OR p.status <> 'void' AND p.died_on IS NULL)) THEN
                        RAISE EXCEPTION '户主的家里还有别人，不能作废档案' USING ERRCODE = '23514';
                    END IF;
                    -- what was said of this person would be lost with the record
                    IF NEW.died_on IS NOT NULL OR EXISTS (
                            SELECT FROM recipients_suspension x JOIN recipients_entitlement e ON e.id = x.entitlement_id
                            WHERE e.beneficiary_id = NEW.id
                              AND (x.status = 'standing' OR x.status = 'lifted' AND x.kind = 'forfeited')) THEN
                        RAISE EXCEPTION '已登记死亡或停发过的，不能作废档案' USING ERRCODE = '23514';
                    END IF;
                    IF EXISTS (SELECT FROM recipients_accountchange c WHERE c.person_id = NEW.id AND c.status = 'asked')
                       OR EXISTS (SELECT FROM recipients_numberchange c
                                  WHERE NEW.id IN (c.person_id, c.other_id) AND c.status = 'asked')
                       OR EXISTS (SELECT FROM recipients_headchange c
                                  WHERE c.household_id = NEW.household_id AND c.status = 'asked') THEN
                        RAISE EXCEPTION '还有待复核的换卡、户主变更或更正身份证号，不能作废档案' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            told_on_the_trail(
                "set_aside_is_told",
                event="e.subject = 'recipients.person:' || NEW.id AND e.action = 'void' AND e.after = NEW.status",
                message="作废档案没有留痕",
                condition="NEW.status <> OLD.status AND NEW.status = 'void'",
                operation=pgtrigger.Update,
                actor="voided_by_id",
            ),
            pgtrigger.Trigger(
                name="death_is_registered",
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("died_on"),
                when=pgtrigger.Before,
                func="""
                    IF NEW.died_on IS DISTINCT FROM (SELECT d.died_on FROM recipients_death d
                                                     WHERE d.person_id = NEW.id AND d.status = 'standing') THEN
                        RAISE EXCEPTION '死亡日期由死亡登记和更正改变' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def badge(self) -> str:
        return RecordStatus(self.status).badge

    @property
    def marks(self) -> list[str]:
        """Names of the marks that hold."""
        names = {one.name: str(one.verbose_name) for one in self._meta.fields}
        return [names[mark] for mark in self.MARKS if getattr(self, mark)]


class Account(models.Model):
    """Where a person's money goes: one active account per person (一人一卡)."""

    class Kind(models.TextChoices):
        CARD = "card", "社保卡"
        PASSBOOK = "passbook", "存折"
        PUBLIC = "public", "公共账户"

    person = models.ForeignKey(Person, models.PROTECT, verbose_name="人员", related_name="accounts")
    kind = models.CharField("种类", max_length=8, choices=Kind, default=Kind.CARD)
    holder_name = models.CharField("账户名称", max_length=60)
    # of whoever the account is named after, where that is neither the person nor the head of the household
    holder_relation = models.CharField(
        "户名与本人关系", max_length=RELATION_LENGTH, blank=True, default="", db_default=""
    )
    number = EncryptedTextField("银行账号", purpose="account")
    number_key = BlindIndexField("账号索引")
    commit_salt = models.UUIDField(default=uuid4)
    number_commitment = models.BinaryField(max_length=32)
    tail = models.CharField("账号尾号", max_length=4)
    branch_code = models.CharField("联行号", max_length=12, blank=True)
    bank_name = models.CharField("开户银行", max_length=120)
    # at which of the county's paying banks, none of them where it is empty: settled by services.banks and by it alone
    bank = models.ForeignKey(
        Office, models.PROTECT, verbose_name="代发银行", null=True, related_name="+", db_index=False
    )
    # the approved change that brought it; the first account comes with the person's registration and has none
    change = models.OneToOneField(
        "recipients.AccountChange", models.PROTECT, verbose_name="账户变更", null=True, related_name="account"
    )
    is_active = models.BooleanField("在用", default=True)
    opened_at = models.DateTimeField("登记时间", db_default=Now())
    closed_at = models.DateTimeField("停用时间", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "银行账户"
        constraints = [
            models.UniqueConstraint(
                fields=["person"],
                name="one_active_account_per_person",
                condition=Q(is_active=True),
                violation_error_message="一人只能有一个在用账户。",
            ),
        ]
        indexes = [models.Index(fields=["number_key"], name="account_number")]
        triggers = [
            pgtrigger.Protect(name="account_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="account_is_fixed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF NOT OLD.is_active OR to_jsonb(NEW) - ARRAY['is_active', 'closed_at', 'bank_id']
                          IS DISTINCT FROM to_jsonb(OLD) - ARRAY['is_active', 'closed_at', 'bank_id'] THEN
                        RAISE EXCEPTION '账户登记以后只能停用，换卡要申请和复核' USING ERRCODE = '23514';
                    END IF;
                    IF NEW.bank_id IS DISTINCT FROM OLD.bank_id AND NEW.bank_id IS NOT NULL AND NOT EXISTS (
                            SELECT FROM core_office o WHERE o.id = NEW.bank_id AND o.kind = 'bank') THEN
                        RAISE EXCEPTION '账户只能在代发银行' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="settling_banks_is_told",
                operation=pgtrigger.Update,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(old="before", new="settled"),
                # one statement moves up to a county's accounts, by services.banks.settle_accounts
                func="""
                    IF EXISTS (SELECT FROM settled s JOIN before b ON b.id = s.id AND b.bank_id IS DISTINCT FROM s.bank_id)
                       AND NOT EXISTS (SELECT FROM core_auditevent e WHERE e.subject = 'recipients.account'
                                       AND e.action = 'bank.settle' AND e.at >= now()) THEN
                        RAISE EXCEPTION '账户在哪家代发银行由系统认定，没有留痕不能改' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="account_has_its_source",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),
                # one statement brings up to a county's accounts: asked once for all of them
                func=f"""
                    IF EXISTS (SELECT FROM added a WHERE a.change_id IS NOT NULL AND NOT EXISTS (
                            SELECT FROM recipients_accountchange c WHERE c.id = a.change_id AND c.status = 'approved'
                            AND c.person_id = a.person_id AND c.number_key = a.number_key
                            AND c.holder_name = a.holder_name))
                       OR EXISTS (SELECT FROM added a JOIN recipients_person p ON p.id = a.person_id
                            WHERE a.change_id IS NULL AND p.created_at < now())
                       OR EXISTS (SELECT FROM added a JOIN recipients_account o ON o.person_id = a.person_id
                            WHERE a.change_id IS NULL AND o.id <> a.id) THEN
                        RAISE EXCEPTION '账户随建档登记，以后的要经过换卡申请和复核' USING ERRCODE = '23514';
                    END IF;
                    IF EXISTS (SELECT FROM added a JOIN recipients_person p ON p.id = a.person_id
                               WHERE a.is_active AND p.status = 'void') THEN
                        RAISE EXCEPTION '档案已作废，不再登记账户' USING ERRCODE = '23514';
                    END IF;
                    -- of a change it was asked when that was made: the household may have another head since
                    IF EXISTS (SELECT FROM added a JOIN recipients_person b ON b.id = a.person_id
                               LEFT JOIN recipients_person h
                                   ON h.household_id = b.household_id AND h.is_holder AND h.status <> 'void'
                               WHERE a.change_id IS NULL AND a.holder_relation = ''
                                 AND {strangers_in_sql("a.holder_name", "b.name", "h.name")}) THEN
                        RAISE EXCEPTION '户名不是本人也不是户主，要写明与本人关系' USING ERRCODE = '23514';
                    END IF;
                    IF EXISTS (SELECT FROM added a JOIN core_office o ON o.id = a.bank_id WHERE o.kind <> 'bank') THEN
                        RAISE EXCEPTION '账户只能在代发银行' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,  # noqa: S608 -- columns of ours
            ),
        ]

    def __str__(self) -> str:
        return f"尾号 {self.tail}"


class AccountChange(Scoped):
    """A new account for a person, asked for by one and approved by another.

    Rosters made afterwards pay to it; lines of rosters that are there already keep the account they were made with.
    """

    person = models.ForeignKey(Person, models.PROTECT, verbose_name="人员", related_name="account_changes")
    kind = models.CharField("种类", max_length=8, choices=Account.Kind, default=Account.Kind.CARD)
    holder_name = models.CharField("账户名称", max_length=60)
    holder_relation = models.CharField("户名与本人关系", max_length=RELATION_LENGTH, blank=True)
    number = EncryptedTextField("银行账号", purpose="account")
    number_key = BlindIndexField("账号索引")
    tail = models.CharField("新账号尾号", max_length=4)
    old_tail = models.CharField("原账号尾号", max_length=4, blank=True)
    branch_code = models.CharField("联行号", max_length=12, blank=True)
    bank_name = models.CharField("开户银行", max_length=120)
    reason = models.CharField("变更原因", max_length=200)
    status = models.CharField(
        "状态", max_length=8, choices=AccountChangeStatus, default=AccountChangeStatus.ASKED
    )
    asked_by = models.ForeignKey(User, models.PROTECT, verbose_name="申请人", related_name="+")
    checked_by = models.ForeignKey(User, models.PROTECT, verbose_name="复核人", null=True, related_name="+")
    created_at = models.DateTimeField("申请时间", db_default=Now())

    area = Area.REGISTRY

    class Meta:
        verbose_name = verbose_name_plural = "账户变更"
        constraints = [
            models.CheckConstraint(
                name="account_change_needs_second_person",
                condition=Q(checked_by__isnull=True) | ~Q(checked_by=models.F("asked_by")),
                violation_error_message="账户变更要由另一个人复核。",
            ),
            models.CheckConstraint(
                name="account_change_checked_by_somebody",
                condition=Q(status="asked") | Q(checked_by__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["person"],
                name="one_open_account_change",
                condition=Q(status="asked"),
                violation_error_message="这个人已有一个待复核的账户变更。",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="account_change_steps", field="status", transitions=ACCOUNT_FLOW.transitions()
            ),
            taken_in_duty(ACCOUNT_FLOW),
            pgtrigger.Protect(name="account_change_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="account_change_begins_asked",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.status <> 'asked' OR NEW.checked_by_id IS NOT NULL"),
                func="RAISE EXCEPTION '账户变更要先申请，再复核' USING ERRCODE = '23514';",
            ),
            # the record is held, so that it is not set aside meanwhile
            pgtrigger.Trigger(
                name="card_of_a_record_that_stands",
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("status"),
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.status <> 'refused'"),
                func="""
                    IF (SELECT p.status FROM recipients_person p WHERE p.id = NEW.person_id FOR SHARE) = 'void' THEN
                        RAISE EXCEPTION '档案已作废，不能换卡' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="stranger_is_explained",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.holder_relation = ''"),
                # whose account it is, where the name is neither the person's nor the head's
                func=f"""
                    IF EXISTS (SELECT FROM recipients_person b LEFT JOIN recipients_person h
                                   ON h.household_id = b.household_id AND h.is_holder AND h.status <> 'void'
                               WHERE b.id = NEW.person_id AND {strangers_in_sql("NEW.holder_name", "b.name", "h.name")}) THEN
                        RAISE EXCEPTION '户名不是本人也不是户主，要写明与本人关系' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="account_change_is_fixed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # what was asked for is what is approved, by somebody who is not the same person under another account
                func="""
                    IF OLD.status <> 'asked' OR to_jsonb(NEW) - ARRAY['status', 'checked_by_id']
                          IS DISTINCT FROM to_jsonb(OLD) - ARRAY['status', 'checked_by_id'] THEN
                        RAISE EXCEPTION '账户变更申请不能修改' USING ERRCODE = '23514';
                    END IF;
                    IF (SELECT count(DISTINCT person_key) FROM core_user
                        WHERE id IN (NEW.asked_by_id, NEW.checked_by_id)) < 2 AND NEW.checked_by_id IS NOT NULL THEN
                        RAISE EXCEPTION '账户变更要由另一个人复核' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} 换卡"

    @property
    def badge(self) -> str:
        return AccountChangeStatus(self.status).badge


class Death(Scoped):
    """A registered death. A mistaken one is corrected by a second person; the row stays and tells what happened.

    Person.died_on says the same for the many statements that ask whether somebody is alive.
    """

    person = models.ForeignKey(Person, models.PROTECT, verbose_name="人员", related_name="deaths")
    died_on = models.DateField("死亡日期")
    status = models.CharField("状态", max_length=9, choices=DeathStatus, default=DeathStatus.STANDING)
    recorded_by = models.ForeignKey(User, models.PROTECT, verbose_name="登记人", related_name="+")
    recorded_at = models.DateTimeField("登记时间", db_default=Now())
    corrected_by = models.ForeignKey(User, models.PROTECT, verbose_name="更正人", null=True, related_name="+")
    correction_reason = models.CharField("更正原因", max_length=200, blank=True)
    corrected_at = models.DateTimeField("更正时间", null=True, editable=False)  # set by the database

    area = Area.REGISTRY

    class Meta:
        verbose_name = verbose_name_plural = "死亡登记"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["person"],
                name="one_standing_death",
                condition=Q(status="standing"),
                violation_error_message="这个人已经登记死亡。",
            ),
            models.CheckConstraint(
                name="death_correction_complete",
                condition=Q(status="standing") | (Q(corrected_by__isnull=False) & ~Q(correction_reason="")),
                violation_error_message="更正要写明原因。",
            ),
            models.CheckConstraint(
                name="death_correction_needs_second_person",
                condition=Q(corrected_by__isnull=True) | ~Q(corrected_by=models.F("recorded_by")),
                violation_error_message="死亡登记要由另一个人更正。",
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="death_steps", field="status", transitions=DEATH_FLOW.transitions()),
            taken_in_duty(DEATH_FLOW),
            begins(DEATH_FLOW),
            pgtrigger.Protect(name="death_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="death_is_fixed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF OLD.status <> 'standing' OR to_jsonb(NEW) - ARRAY['status', 'corrected_by_id', 'correction_reason']
                          IS DISTINCT FROM to_jsonb(OLD) - ARRAY['status', 'corrected_by_id', 'correction_reason'] THEN
                        RAISE EXCEPTION '死亡登记不能修改，有误的请更正' USING ERRCODE = '23514';
                    END IF;
                    NEW.corrected_at := CASE WHEN NEW.status = 'corrected' THEN business_now() END;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.died_on}"
