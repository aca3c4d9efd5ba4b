"""Lines that somebody has to look at or to do something about: money that came back, accounts under another name, what a
policy still has under way."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import (
    BigIntegerField,
    BooleanField,
    Count,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import Coalesce

from disbursement.models import Batch, Correction, PaymentLine, PaymentOrder, PaymentResult
from disbursement.queries.due import still_owed
from disbursement.queries.lines import (
    ZERO,
    added_up,
    columns,
    has_result,
    live_lines,
    rosters_for,
    still_to_order,
)
from disbursement.states import BatchStatus, OrderStatus, RosterStatus
from huimin.core.authority import scope
from huimin.core.authority.roles import Area, roles_reading
from huimin.core.models import User
from recipients.models import Account, Person
from recipients.models.parties import HOUSEHOLD_RIGHTS, payee_of

UNDER_WAY = (OrderStatus.DRAFT, OrderStatus.SIGNED, OrderStatus.SENT)


class _StillOwed(Func):
    output_field = BooleanField()

    def __init__(self) -> None:
        super().__init__(
            F("pk"),
            F("entitlement_id"),
            F("component"),
            F("period_range"),
            F("roster__batch__version_id"),
        )

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        return still_owed(*columns(self, compiler)), []


class _OwedToRecipient(_StillOwed):
    """The same by whichever right of the recipient: of a household whose head has changed by the new one's."""

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        line, right, *rest = columns(self, compiler)
        others = f"""EXISTS (SELECT FROM {HOUSEHOLD_RIGHTS} mate WHERE mate.right_id = {right}
            AND {still_owed(line, "mate.other_id", *rest)})"""
        return f"({still_owed(line, right, *rest)} OR {others})", []


class _PayeeNow(Func):
    """Who would be paid of the line's right today (parties.payee_of)."""

    output_field = BigIntegerField()

    def __init__(self) -> None:
        super().__init__(F("entitlement_id"), F("entitlement_version_id"))

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        right, version = columns(self, compiler)
        return (
            f"""(SELECT {payee_of()} FROM recipients_entitlement e JOIN recipients_entitlementversion v
            ON v.id = {version} WHERE e.id = {right})""",  # noqa: S608 -- columns of ours
            [],
        )


def failed_lines(lines: QuerySet[PaymentLine] | None = None) -> QuerySet[PaymentLine]:
    """Money that came back and is still to be paid: no other line took it over or paid it, nobody stopped it in a
    correction, and the days are due (due.is_owed)."""
    kind = PaymentResult.Kind
    stopped = PaymentLine.objects.filter(
        entitlement_id=OuterRef("entitlement_id"),  # indexed; corrects_line_id is not
        corrects_line_id=OuterRef("pk"),
        results__kind=kind.STOPPED,
        stop_lift__isnull=True,
    )
    return live_lines(lines).filter(
        has_result(kind.BANK_FAILED, kind.LATE_RETURN),
        ~Exists(Correction.objects.filter(failed_line=OuterRef("pk"))),
        ~Exists(stopped),
        _StillOwed(),
    )


def lines_in_full(roster: Any) -> QuerySet[PaymentLine]:
    """Lines of a list that are open under the full name: such a list is not shown once its policy protects names."""
    return live_lines(PaymentLine.objects.filter(roster=roster, public_name=F("beneficiary_name")))


def named_otherwise(lines: QuerySet[PaymentLine]) -> QuerySet[PaymentLine]:
    """Lines to be paid into an account that is not named after the payee: for everybody who checks them to look at."""
    return live_lines(lines).filter(~Q(account_name=F("payee_name")), ~has_result(PaymentResult.Kind.STOPPED))


def shared_accounts(lines: QuerySet[PaymentLine]) -> QuerySet[PaymentLine]:
    """Lines to be paid into an account that another household than the beneficiary's uses too."""
    house = Person.objects.filter(pk=OuterRef("beneficiary_id")).values("household_id")
    using = Account.objects.filter(
        number_key=OuterRef("account_key"), is_active=True, person__county_code=OuterRef("county_code")
    ).exclude(person__household_id=OuterRef("house"))
    live = live_lines(lines).filter(~has_result(PaymentResult.Kind.STOPPED))
    return live.annotate(house=Subquery(house)).filter(Exists(using))


def with_relations(lines: QuerySet[PaymentLine], most: int) -> list[Any]:
    """The first of them, each with `relation`: who the account's name is to the payee, as the registry has it."""
    shown = lines.defer("beneficiary_id_number", "payee_id_number", "account_number")
    found: list[Any] = list(shown.order_by("line_no")[:most])
    accounts = Account.objects.filter(number_key__in=[line.account_key for line in found])
    written = {
        (payee, bytes(number)): relation
        for payee, number, relation in accounts.values_list("person_id", "number_key", "holder_relation")
    }
    for line in found:
        known = written.get((line.payee_id, bytes(line.account_key)))
        line.relation = "户主" if line.account_name == line.holder_name else known or "没有写明"
    return found


def failed_for(user: User) -> QuerySet[PaymentLine]:
    """Failed money in this person's reach, with why, since when and the card of today.

    Down to the village: whoever villagers ask has to know, also who opens no roster.
    """
    here = scope.reach(user, roles_reading(Area.FAILED), policy="policy_id")
    kind = PaymentResult.Kind
    result = PaymentResult.objects.filter(
        line=OuterRef("pk"), kind__in=[kind.BANK_FAILED, kind.LATE_RETURN]
    ).order_by("-pk")
    person = Person.objects.filter(pk=OuterRef("payee_now"))
    card = Account.objects.filter(person=OuterRef("payee_now"), is_active=True)
    return (
        failed_lines(PaymentLine.objects.filter(here))
        .annotate(
            reason=Subquery(result.values("reason")[:1]),
            bank_words=Subquery(result.values("note")[:1]),
            failed_on=Subquery(result.values("business_on")[:1]),
            payee_now=_PayeeNow(),
        )
        .annotate(
            payee_died=Subquery(person.values("died_on")[:1]),
            payee_heads=Subquery(person.values("is_holder")[:1]),
            card_now=Subquery(card.values("tail")[:1]),
            card_key=Subquery(card.values("number_key")[:1]),
        )
    )


def lifted_lines(lines: QuerySet[PaymentLine]) -> QuerySet[PaymentLine]:
    """Lines whose stop was taken back and whose days nothing has paid since: what 补发 is to be made for.

    Of a correction's lines the failed one tells (failed_lines); of several stops of one time the newest line does.
    """
    again = PaymentLine.objects.filter(
        entitlement_id=OuterRef("entitlement_id"),
        component=OuterRef("component"),
        period_range__overlap=OuterRef("period_range"),
        pk__gt=OuterRef("pk"),
        results__kind=PaymentResult.Kind.STOPPED,
    )
    lifted = lines.filter(stop_lift__isnull=False, corrects_line_id__isnull=True)
    return lifted.filter(~Exists(again), _OwedToRecipient())


def lifted_for(user: User, roles: Collection[str]) -> QuerySet[Any, Any]:
    """By regular batch how many of them there are (`count`, `sum` in 元), where this person has one of the roles."""
    root = Coalesce("roster__batch__supplements", "roster__batch")
    rows = lifted_lines(PaymentLine.objects.filter(scope.reach(user, roles, policy="policy_id")))
    by_batch = rows.order_by().values(root=root).annotate(count=Count("pk"), sum=Sum("amount"))
    return by_batch.order_by("root")


def lifted_of(batch: Batch, user: User) -> dict[str, Any]:
    """The same of one regular batch and what supplements it, of the lines that this person sees."""
    found = lifted_lines(PaymentLine.objects.visible_to(user)).filter(
        Q(roster__batch=batch) | Q(roster__batch__supplements=batch)
    )
    return found.aggregate(count=Count("pk"), sum=Sum("amount", default=ZERO))


@dataclass(frozen=True, slots=True)
class Open:
    """Something of a policy that is not done yet: how many, and their sum in 元 where it has one."""

    words: str
    count: int
    total: Decimal | None = None


def unfinished(user: User, policy_id: int) -> list[Open]:
    """What is under way of a policy, in this person's reach: what 废止 does not end, and what it does."""
    whole = {"count": Count("pk"), "total": Sum("total", default=ZERO)}
    rosters = rosters_for(user).filter(policy_id=policy_id, line_count__gt=0)
    checked = rosters.exclude(status=RosterStatus.APPROVED).aggregate(**whole)
    approved = still_to_order(rosters)
    _, free = added_up(sums for one in approved.values() for sums in one.values())
    orders = PaymentOrder.objects.visible_to(user).filter(policy_id=policy_id, status__in=UNDER_WAY)
    failed = failed_for(user).filter(policy_id=policy_id)
    drafts = Batch.objects.visible_to(user).filter(policy_id=policy_id, status=BatchStatus.DRAFT)
    found = (
        Open("花名册还没有编入支付申请", checked["count"] + len(approved), checked["total"] + free),
        Open("支付申请还没有办结", **orders.aggregate(**whole)),
        Open("失败的钱还没有更正", **failed.aggregate(count=Count("pk"), total=Sum("amount", default=ZERO))),
        Open("批次还没有下达，废止以后不能再下达", drafts.count()),
    )
    return [one for one in found if one.count]
