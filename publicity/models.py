import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from disbursement.models import Batch, Roster
from disbursement.models.sql import LIVE, is_settled
from huimin.core.authority.roles import Area
from huimin.core.authority.scope import Scoped, ScopedQuerySet
from huimin.core.fields import BlindIndexField
from huimin.core.models import User
from huimin.core.models.guards import append_only
from publicity.rules import OPEN_ROW_SQL
from publicity.states import DISCLOSURE_FLOW, DisclosureStatus, LineState, QueryOutcome
from subsidies.models import Policy, ShowsNames


class DisclosureQuerySet(ScopedQuerySet):
    def standing(self) -> "DisclosureQuerySet":
        """What the public may read now: neither withdrawn, nor with full names under 保护隐私."""
        return self.filter(status=DisclosureStatus.PUBLISHED).exclude(ShowsNames.SHIELDED)


class Disclosure(Scoped, ShowsNames):
    """发放公开: a roster as it was paid, open to everybody. `root` is the roster's content hash.

    division_code is the township; its villages are told by the lines. `code` is the short form of the root that
    stands on posters (huimin.core.values.digests.short_code).
    """

    roster = models.ForeignKey(Roster, models.PROTECT, verbose_name="花名册", related_name="disclosures")
    batch = models.ForeignKey(Batch, models.PROTECT, verbose_name="批次", related_name="disclosures")
    policy = models.ForeignKey(Policy, models.PROTECT, verbose_name="政策", related_name="disclosures")
    period = models.CharField("期次", max_length=12)
    title = models.CharField("标题", max_length=120)
    line_count = models.PositiveIntegerField("笔数")
    total = models.DecimalField("金额", max_digits=14, decimal_places=2)
    paid_count = models.PositiveIntegerField("到账笔数")
    paid_total = models.DecimalField("到账金额", max_digits=14, decimal_places=2)
    paid_on = models.DateField("到账日期", null=True)
    root = models.CharField("核验码（全）", max_length=64)
    code = models.CharField("核验码", max_length=16)
    status = models.CharField(
        "状态", max_length=10, choices=DisclosureStatus, default=DisclosureStatus.PUBLISHED
    )
    published_by = models.ForeignKey(User, models.PROTECT, verbose_name="公开人", related_name="+")
    published_on = models.DateField("公开日期")
    published_at = models.DateTimeField("登记时间", db_default=Now())
    withdrawn_by = models.ForeignKey(User, models.PROTECT, verbose_name="撤下人", null=True, related_name="+")
    withdrawn_at = models.DateTimeField("撤下时间", null=True)
    withdrawn_reason = models.CharField("撤下原因", max_length=200, blank=True)

    area = Area.NOTICE
    policy_field = "policy_id"
    objects = DisclosureQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = verbose_name_plural = "发放公开"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["roster"],
                name="one_standing_disclosure",
                condition=Q(status="published"),
                violation_error_message="这份花名册已经公开。",
            ),
            models.CheckConstraint(
                name="disclosure_withdrawal_complete",
                condition=Q(status="published")
                | Q(withdrawn_by__isnull=False, withdrawn_at__isnull=False) & ~Q(withdrawn_reason=""),
                violation_error_message="撤下公开名单要写明原因。",
            ),
            models.CheckConstraint(
                name="disclosure_paid_within_total",
                condition=Q(line_count__gt=0, total__gt=0)
                & Q(paid_count__lte=F("line_count"), paid_total__lte=F("total")),
            ),
        ]
        indexes = [
            models.Index(fields=["code"], name="disclosure_code"),
            models.Index(fields=["division_code", "status"], name="disclosure_place"),
        ]
        triggers = [
            pgtrigger.FSM(name="disclosure_steps", field="status", transitions=DISCLOSURE_FLOW.transitions()),
            pgtrigger.Protect(name="disclosure_stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="disclosure_is_the_roster",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                # only what was paid and answered for, every line, is published, with the figures that were signed
                func=f"""
                    IF NOT EXISTS (SELECT FROM disbursement_roster r
                                   WHERE r.id = NEW.roster_id AND r.batch_id = NEW.batch_id
                                     AND {is_settled("r.id", "r.revision", "r.line_count")}
                                     AND (r.content_hash, r.line_count, r.total, r.policy_id, r.division_code)
                                         = (NEW.root, NEW.line_count, NEW.total, NEW.policy_id, NEW.division_code)) THEN
                        RAISE EXCEPTION '公开名单与花名册不符，或者还没有发放完' USING ERRCODE = '23514';
                    END IF;
                    IF NEW.surname_only AND EXISTS (SELECT FROM {LIVE}
                                                    WHERE r.id = NEW.roster_id AND l.public_name = l.beneficiary_name) THEN
                        RAISE EXCEPTION '名单里有全名，不是只写姓氏的' USING ERRCODE = '23514';
                    END IF;
                    IF NOT NEW.surname_only AND EXISTS (SELECT FROM subsidies_policy p
                                                        WHERE p.id = NEW.policy_id AND p.is_protected) THEN
                        RAISE EXCEPTION '政策保护隐私，写着全名的名单不能公开' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,  # noqa: S608 -- the joins are a constant of ours
            ),
            pgtrigger.Trigger(
                name="disclosure_is_fixed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF OLD.status = 'withdrawn'
                       OR to_jsonb(NEW) - ARRAY['status', 'withdrawn_by_id', 'withdrawn_at', 'withdrawn_reason']
                          IS DISTINCT FROM
                          to_jsonb(OLD) - ARRAY['status', 'withdrawn_by_id', 'withdrawn_at', 'withdrawn_reason'] THEN
                        RAISE EXCEPTION '公开名单不能修改，只能撤下' USING ERRCODE = '23514';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def badge(self) -> str:
        return DisclosureStatus(self.status).badge


class DisclosureLine(models.Model):
    """A payment as everybody may read it. Nothing private exists here: no ID, account, telephone or address.

    `commitment` binds the line to the private fields without telling them; with the open fields it gives the leaf.
    """

    disclosure = models.ForeignKey(Disclosure, models.PROTECT, related_name="lines", db_index=False)
    line_no = models.PositiveIntegerField("序号")
    division_code = models.CharField("区划代码", max_length=12)
    village = models.CharField("村", max_length=60)
    group_name = models.CharField("组", max_length=20)
    shown_name = models.CharField("姓名", max_length=60)
    quantity = models.DecimalField("数量", max_digits=12, decimal_places=4)
    standard_text = models.CharField("补贴标准", max_length=200)
    amount = models.DecimalField("金额", max_digits=14, decimal_places=2)
    state = models.CharField("状态", max_length=10, choices=LineState)
    commitment = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = verbose_name_plural = "公开明细"
        ordering = ("disclosure", "line_no")
        constraints = [
            models.UniqueConstraint(fields=["disclosure", "line_no"], name="disclosure_line_once"),
        ]
        indexes = [models.Index(fields=["division_code", "disclosure"], name="disclosure_line_place")]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="lines_give_the_root",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                referencing=pgtrigger.Referencing(new="added"),
                # all lines come in one statement and reproduce what was signed; a line more or less is refused
                func=f"""
                    IF EXISTS (
                        SELECT FROM (SELECT DISTINCT disclosure_id FROM added) a
                        JOIN publicity_disclosure d ON d.id = a.disclosure_id
                        CROSS JOIN LATERAL (
                            SELECT count(*) AS n, sum(l.amount) AS s, encode(hm_merkle_root(
                                string_agg(hm_leaf({OPEN_ROW_SQL}, l.commitment), ''::bytea ORDER BY l.line_no)), 'hex')
                                AS root
                            FROM publicity_disclosureline l WHERE l.disclosure_id = d.id) x
                        WHERE (x.n, x.s, x.root) IS DISTINCT FROM (d.line_count::bigint, d.total, d.root::text)) THEN
                        RAISE EXCEPTION '公开明细算不出花名册的核验码' USING ERRCODE = '23514';
                    END IF;
                    RETURN NULL;
                """,  # noqa: S608 -- the open row is a constant of ours
            ),
        ]

    def __str__(self) -> str:
        return f"{self.disclosure_id}-{self.line_no}"


class QueryMiss(models.Model):
    """How often a question failed, by what it was asked with; kept here so that wiping Redis frees nobody.

    `key` is a keyed hash of the first 14 digits, the network and name, or the address: the counter cannot be read back.
    """

    class Scope(models.TextChoices):
        PERSON = "person", "证号前 14 位"
        NAME = "name", "姓名"
        ADDRESS = "address", "网络地址"
        NETWORK = "network", "网段"
        EVERYBODY = "everybody", "全部"
        OBJECTION = "objection", "提异议"
        WINDOW = "window", "窗口口令"
        PAPER = "paper", "打印"
        PROGRESS = "progress", "异议查询号"
        VERIFY = "verify", "核验码"
        COMPARE = "compare", "比对文件"

    scope = models.CharField("范围", max_length=10, choices=Scope)
    key = BlindIndexField("标识")
    window_start = models.DateTimeField("时段")
    misses = models.PositiveIntegerField("次数", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "查询次数"
        constraints = [
            models.UniqueConstraint(fields=["scope", "key", "window_start"], name="query_miss_once"),
        ]
        indexes = [models.Index(fields=["window_start"], name="query_miss_age")]

    def __str__(self) -> str:
        return f"{self.scope} {self.misses}"


class SpentChallenge(models.Model):
    """A sum that was answered: each may be used once."""

    nonce = models.BinaryField(primary_key=True, max_length=16)
    at = models.DateTimeField("时间", db_default=Now())

    class Meta:
        verbose_name = verbose_name_plural = "已用的算术题"
        indexes = [models.Index(fields=["at"], name="challenge_age")]

    def __str__(self) -> str:
        return str(self.at)


class QueryLog(models.Model):
    """A question to 我的补贴: keyed hashes and how it ended, never what was typed; append-only."""

    at = models.DateTimeField("时间", db_default=Now())
    outcome = models.CharField("结果", max_length=8, choices=QueryOutcome)
    person_key = BlindIndexField("证号标识")
    address_key = BlindIndexField("地址标识")
    at_window = models.BooleanField("服务窗口", default=False)
    lines = models.PositiveSmallIntegerField("显示笔数", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "公众查询记录"
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["at"], name="query_log_at"),
            models.Index(fields=["person_key", "at"], name="query_log_person"),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.at} {self.outcome}"
