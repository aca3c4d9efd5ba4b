"""Lines of lists and orders: which count, the state of a payment, what is payable, the digest of a roster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import (
    BooleanField,
    CharField,
    Count,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Sum,
)

from disbursement.models import (
    Batch,
    OrderPart,
    PaymentLine,
    PaymentOrder,
    PaymentResult,
    Roster,
)
from disbursement.models.sql import (
    AT,
    COUNTS,
    FREE,
    HOLDER,
    LIVE,
    ORDERED,
    ROOT,
    counts,
    has_free,
    is_settled,
    state_of,
    status_of_order,
    stops,
)
from disbursement.states import BatchStatus, PaymentState, RosterStatus
from huimin.core.models import User
from recipients.models.parties import of_one_recipient

ZERO = Decimal("0.00")


# --- which lines count, and the state of a payment: models.sql over the columns that the ORM has joined ---------------


class _Counts(Func):
    output_field = BooleanField()

    def __init__(self) -> None:
        super().__init__(F("revision"), F("roster__revision"), F("roster__status"))

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        return counts(*columns(self, compiler)), []


class _StateField(CharField):
    """Gives PaymentState members, which know their word and their badge."""

    def from_db_value(self, value: str, *_: object) -> PaymentState:
        return PaymentState(value)


class _State(Func):
    output_field = _StateField()

    def __init__(self) -> None:
        super().__init__(F("pk"), _Counts(), F("roster"), F("bank_id"), F("line_no"))

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        line, counted, *place = columns(self, compiler)
        return state_of(line, counted, status_of_order(*place)), []


class _HasFree(Func):
    output_field = BooleanField()

    def __init__(self) -> None:
        super().__init__(F("pk"), F("revision"), F("status"), F("line_count"))

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        return has_free(*columns(self, compiler)), []


class _IsSettled(Func):
    output_field = BooleanField()

    def __init__(self) -> None:
        super().__init__(F("pk"), F("revision"), F("line_count"))

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        return is_settled(*columns(self, compiler)), []


def columns(expression: Func, compiler: Any) -> list[str]:
    """The columns of a Func over plain fields, for the SQL of models.sql and due."""
    return [compiler.compile(one)[0] for one in expression.get_source_expressions()]


def payment_state() -> Func:
    """What became of a line: PaymentLine.objects.annotate(payment_state=payment_state()) sets a PaymentState."""
    return _State()


def has_result(*kinds: str) -> Exists:
    return Exists(PaymentResult.objects.filter(line=OuterRef("pk"), kind__in=kinds))


def live_lines(lines: QuerySet[PaymentLine] | None = None) -> QuerySet[PaymentLine]:
    """Lines that count (models.sql.counts)."""
    rows = PaymentLine.objects.all() if lines is None else lines
    return rows.filter(_Counts())


def unlifted_stops(lines: QuerySet[PaymentLine]) -> QuerySet[PaymentLine]:
    """Stopped lines whose stop nobody took back: it hinders every later list of the days, also where the line itself
    counts no more, because its list was made anew or cancelled."""
    return lines.filter(has_result(PaymentResult.Kind.STOPPED), stop_lift=None)


def rosters_for(user: User) -> QuerySet[Roster]:
    """The rosters in reach that were not given up."""
    return Roster.objects.visible_to(user).exclude(status=RosterStatus.CANCELLED)


def batches_for(user: User) -> QuerySet[Batch]:
    """Batches in reach; whoever sees a township's roster may see its batch."""
    own = Q(pk__in=Batch.objects.visible_to(user).values("pk"))
    return Batch.objects.filter(own | Q(pk__in=rosters_for(user).values("batch")))


def lines_of_roster(roster: Roster) -> QuerySet[PaymentLine]:
    """The list as it stands, to be looked at: of a cancelled roster too, whose lines count nowhere."""
    return PaymentLine.objects.filter(roster=roster, revision=roster.revision)


def shown_lines(lines: QuerySet[PaymentLine]) -> QuerySet[PaymentLine]:
    """Lines as lists show them: with their state, the ID number of the beneficiary only (it is masked)."""
    return (
        lines.annotate(payment_state=payment_state())
        .select_related("roster")
        .defer("payee_id_number", "account_number", "salt", "commitment", "leaf")
    )


# --- totals and digests -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Content:
    """What a list says of itself: number of lines, sum in 元, Merkle root (hex) recomputed from the columns.

    `root` is empty where only the sums were asked for, and then not compared.
    """

    count: int
    total: Decimal
    root: str = ""

    def agrees(self, roster: Roster) -> bool:
        root = self.root or roster.content_hash
        return (self.count, self.total, root) == (roster.line_count, roster.total, roster.content_hash)


def content_of(roster: Roster) -> Content:
    """Recomputed from every line's columns, so that a changed amount or name shows, not only a changed leaf."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT count(*), coalesce(sum(l.amount), 0), {ROOT} FROM disbursement_paymentline l WHERE l.roster_id = %s AND l.revision = %s""",  # noqa: S608
            [roster.pk, roster.revision],
        )
        return Content(*cursor.fetchone())


def sums_of(roster: Roster) -> Content:
    """Number and sum of the list's lines, for looking at it; what is decided upon is hashed (content_of)."""
    return Content(**lines_of_roster(roster).aggregate(count=Count("*"), total=Sum("amount", default=ZERO)))


def unstopped_total(roster: Roster) -> tuple[int, Decimal]:
    """Number and sum (元) of the list's lines that are not stopped, whatever else came of them."""
    rows = live_lines(PaymentLine.objects.filter(roster=roster)).exclude(
        has_result(PaymentResult.Kind.STOPPED)
    )
    found = rows.aggregate(count=Count("*"), total=Sum("amount", default=ZERO))
    return found["count"], found["total"]


@dataclass(frozen=True, slots=True)
class StateTotal:
    """How many lines are in a state, and their sum in 元."""

    state: PaymentState
    count: int
    total: Decimal


def state_totals(where: str, params: list[Any]) -> list[StateTotal]:
    """The live lines by state, in the order of the states; `where` is a condition over l, r and o, the order now."""
    state = state_of("l.id", COUNTS, "o.status")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT s.state, count(*), sum(s.amount) FROM (
                    SELECT {state} AS state, l.amount FROM {LIVE} {HOLDER} WHERE {where}) s
                GROUP BY s.state""",  # noqa: S608
            params,
        )
        found = {state: (count, total) for state, count, total in cursor.fetchall()}
    return [StateTotal(state, *found[state]) for state in PaymentState if state in found]


def open_lines(order_id: int) -> int:
    """Lines of a sent order that have no outcome yet: 已送盘."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT count(*) FROM {ORDERED}
               WHERE q.order_id = %s AND NOT EXISTS (
                   SELECT FROM disbursement_paymentresult x WHERE x.line_id = l.id
                   AND x.kind IN ('paid', 'bank_failed'))""",  # noqa: S608 -- a constant of ours
            [order_id],
        )
        return int(cursor.fetchone()[0])


# --- what an order holds, and what is still to be ordered -----------------------------------------------------------------


Sums = tuple[int, Decimal]  # number of lines and their sum in 元


def order_of(line: PaymentLine) -> PaymentOrder | None:
    """The order that holds a line now."""
    return PaymentOrder.objects.filter(
        parts__is_live=True,
        parts__roster=line.roster_id,
        parts__bank_id=line.bank_id,
        parts__lines__contains=line.line_no,
    ).first()


def rosters_of(order: PaymentOrder) -> QuerySet[Roster]:
    """The rosters of which an order pays lines, or paid them until it was cancelled; in the order of its file."""
    held = OrderPart.objects.filter(order=order).values("roster")
    return Roster.objects.filter(pk__in=held).order_by("division_code", "pk")


def totals_of(order: PaymentOrder) -> dict[int, Sums]:
    """Roster -> what the order pays of it."""
    rows = OrderPart.objects.filter(order=order).order_by().values("roster")
    sums = rows.annotate(n=Sum("line_count"), s=Sum("total")).values_list("roster", "n", "s")
    return {roster: (count, total) for roster, count, total in sums}


def orders_of(roster_ids: Iterable[int]) -> dict[int, list[PaymentOrder]]:
    """Roster -> the orders that hold lines of it now."""
    rows = OrderPart.objects.filter(roster__in=list(roster_ids), is_live=True).select_related("order")
    found: dict[int, list[PaymentOrder]] = {}
    for one in rows.order_by("order", "pk"):
        if one.order not in (known := found.setdefault(one.roster_id, [])):
            known.append(one.order)
    return found


def lines_of_order(order_id: int) -> QuerySet[PaymentLine]:
    """The lines that an order pays, whatever came of them; not those that were stopped before."""
    held = OrderPart.objects.filter(
        order=order_id,
        roster=OuterRef("roster"),
        bank_id=OuterRef("bank_id"),
        lines__contains=OuterRef("line_no"),
    )
    rosters = OrderPart.objects.filter(order=order_id).values("roster")
    lines = PaymentLine.objects.filter(Exists(held), roster__in=rosters)
    return live_lines(lines).filter(~has_result(PaymentResult.Kind.STOPPED))


def with_free_lines(rosters: QuerySet[Roster]) -> QuerySet[Roster]:
    """Of these the approved ones of which something is still to be ordered. A closed batch has nothing left."""
    return rosters.exclude(batch__status=BatchStatus.CLOSED).filter(_HasFree())


def settled(rosters: QuerySet[Roster]) -> QuerySet[Roster]:
    """Of these the ones that were paid, every line with what became of it."""
    return rosters.filter(_IsSettled())


def to_order(roster_ids: Iterable[int]) -> dict[int, dict[int, Sums]]:
    """Roster -> bank at which the accounts are to be paid (models.sql.AT; 0: none of the county's) -> what an order may
    take: nothing holds it, no result."""
    asked, found = list(roster_ids), dict[int, dict[int, Sums]]()
    if not asked:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT r.id, {AT} AS at, count(*), sum(l.amount) FROM {LIVE}
                WHERE r.id = ANY(%s) AND {FREE} GROUP BY r.id, at ORDER BY r.id, at""",  # noqa: S608
            [asked],
        )
        for roster, bank, count, total in cursor.fetchall():
            found.setdefault(roster, {})[bank] = (count, total)
    return found


def still_to_order(rosters: QuerySet[Roster]) -> dict[int, dict[int, Sums]]:
    """to_order of these rosters, for looking at: the lines of those that orders hold wholly are not read."""
    return to_order(with_free_lines(rosters).values_list("pk", flat=True))


def added_up(found: Iterable[Sums]) -> Sums:
    known = list(found)
    return sum(count for count, _ in known), sum((total for _, total in known), ZERO)


def standing_stops(roster: Roster, entitlement_ids: Sequence[int]) -> dict[int, int]:
    """Right -> the last line that was stopped in the roster's period and not taken back, whatever became of its list: its
    own, or one for which it stands out as well (recipients.models.parties)."""
    batch = roster.batch
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH stopped AS MATERIALIZED (SELECT u.* FROM {stops()} u WHERE u.policy_id = %s)
                SELECT h.right_id, h.line_id FROM {of_one_recipient("stopped")} h
                WHERE h.right_id = ANY(%s) AND h.component = %s AND h.period_range && %s::daterange
                ORDER BY h.is_own, h.line_id""",  # noqa: S608 -- constants of ours
            [batch.policy_id, list(entitlement_ids), batch.component, batch.period_range],
        )
        return dict(cursor.fetchall())
