"""A county with payable people: registry and entitlements as rows, everything after them by the services."""

import io
import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import count

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from psycopg.types.range import DateRange

from disbursement import queries, services
from disbursement.models import PaymentLine, Roster
from huimin.core import crypto
from huimin.core.authority.roles import Role
from huimin.core.bankformats.layout import ReturnHeader, ReturnLine
from huimin.core.bankformats.pipe_txt import FORMAT as PIPE_TXT
from huimin.core.bankformats.registry import get_format
from huimin.core.models import User
from huimin.core.records import files
from huimin.core.values.pinyin import sort_key
from huimin.core.work import jobs
from recipients.models import (
    Account,
    Declaration,
    DeclarationLine,
    Entitlement,
    Household,
    Person,
)
from recipients.services.banks import bank_at
from subsidies.models import Policy, PolicyVersion
from subsidies.states import PolicyStatus
from tests.factories import (
    COUNTY,
    OTHER_VILLAGE,
    VILLAGE,
    DepartmentFactory,
    UserFactory,
    county,
    id_number,
)
from tests.subsidies import factories as funds

_serials = count(1)
FLAT = funds.FLAT
MONTHLY = {
    "op": "mul",
    "args": [
        {"op": "fact", "name": "quantity", "label": "人数", "unit": "人"},
        {"op": "const", "value": "120.00"},
        {"op": "fact", "name": "months", "label": "月数", "unit": "月"},
    ],
}
YEAR = DateRange(date(2026, 1, 1), date(2027, 1, 1))


def account_number(serial):
    """Never one that ends in 0000, which tests type as the wrong card; nor does a telephone."""
    return f"623091{serial:012d}7"


def staff():
    """One person for every post along the money, and a second reconciler."""
    county()
    makers = {
        "village": Role.VILLAGE_CLERK,
        "town": Role.TOWNSHIP_CLERK,
        "town_check": Role.TOWNSHIP_REVIEWER,
        "department": Role.DEPARTMENT_CLERK,
        "department_handle": Role.DEPARTMENT_CLERK,
        "department_check": Role.DEPARTMENT_REVIEWER,
        "finance": Role.FINANCE_CLERK,
        "finance_check": Role.FINANCE_CHECKER,
        "order_maker": Role.FINANCE_CLERK,
        "treasurer": Role.TREASURER,
        "reconciler": Role.RECONCILER,
        "reconciler2": Role.RECONCILER,
        "bank": Role.BANK,
    }
    return {name: UserFactory(role=role) for name, role in makers.items()}


def policy(made_by, *, rule=None, frequency="yearly", protected=False, valid=None, object_type="person"):
    serial = next(_serials)
    made = Policy.objects.create(
        county_code=COUNTY,
        division_code=COUNTY,
        code=f"D{serial:04d}",
        name=f"耕地地力保护补贴{serial}",
        short_name="地力补贴",
        level="central",
        department=DepartmentFactory(),
        object_type=object_type,
        unit="元/亩",
        frequency=frequency,
        basis="财农〔2026〕1号",
        payment_remark="地力补贴",
        is_protected=protected,
        status=PolicyStatus.PUBLISHED,
        made_by=made_by,
    )
    PolicyVersion.objects.create(
        policy=made,
        number=1,
        valid=valid or DateRange(date(2026, 1, 1), None),
        amount_rule=rule or FLAT,
        standard_text="86.90 元/亩",
        has_county_review=False,
        made_by=made_by,
        status="published",
        published_at=timezone.now(),
    )
    return made


def person(
    village=VILLAGE,
    *,
    name=None,
    number=None,
    household=None,
    phone=True,
    born=date(1970, 1, 1),
    by=1,
    **changes,
):
    serial = next(_serials)
    if household is None:
        household = Household.objects.create(
            county_code=COUNTY,
            division_code=village,
            code=f"H{serial:06d}",
            group_name=f"第{serial % 3 + 1}组",
        )
        changes = {"is_holder": True, "relation": "02"} | changes
    number = number or id_number(born=born.strftime("%Y%m%d"))
    salt_bytes = serial.to_bytes(16, "big")
    return Person.objects.create(
        county_code=COUNTY,
        division_code=village,
        household=household,
        relation=changes.pop("relation", "10"),
        name=name or f"张{'一二三四五六七八九十'[serial % 10]}{serial}",
        name_key=sort_key(name or "张"),
        id_number=number,
        id_key=crypto.blind_index("id_number", number),
        id_commitment=commit(salt_bytes, number),
        birth_date=born,
        sex="1",
        phone=f"138{serial:07d}5" if phone else None,
        created_by_id=by,
        **changes,
    )


def commit(salt, text):
    import hashlib

    return hashlib.sha256(salt + text.encode()).digest()


def account(owner, *, holder_name=None, bank_name="金寨农村商业银行", **changes):
    serial = next(_serials)
    number = account_number(serial)
    at = {"branch_code": "402377000018", "bank_name": bank_name}
    return Account.objects.create(
        person=owner,
        holder_name=holder_name or owner.name,
        number=number,
        number_key=crypto.blind_index("account", number),
        number_commitment=commit(b"a" * 16, number),
        tail=number[-4:],
        bank_id=bank_at(owner.county_code, **at),
        **at,
        **changes,
    )


def declaration(of, village, maker):
    version = PolicyVersion.objects.get(policy=of)
    return Declaration.objects.create(
        county_code=COUNTY,
        division_code=village,
        policy=of,
        version=version,
        period="2026",
        period_range=YEAR,
        serial=next(_serials),
        made_by=maker,
    )


def entitle(
    book, beneficiary, *, payee=None, quantity="3.0000", valid=None, facts=None, line_no=None, **changes
):
    line = DeclarationLine.objects.create(
        declaration=book,
        line_no=line_no or next(_serials),
        beneficiary=beneficiary,
        payee=payee or beneficiary,
        quantity=Decimal(quantity),
        facts=facts or {},
        amount=Decimal("1.00"),
    )
    held, _ = Entitlement.objects.get_or_create(
        policy=book.policy,
        beneficiary=beneficiary,
        defaults={"county_code": COUNTY, "division_code": beneficiary.division_code, **changes},
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _VERSION,
            {
                "right": held.pk,
                "valid": valid or YEAR,
                "payee": (payee or beneficiary).pk,
                "quantity": quantity,
                "facts": json.dumps(facts or {}),
                "line": line.pk,
            },
        )
    return held


# as a confirmation does it: a version that began earlier ends where this one begins
_VERSION = """WITH closed AS (
        UPDATE recipients_entitlementversion v SET valid = daterange(lower(v.valid), lower(%(valid)s::daterange))
        WHERE v.entitlement_id = %(right)s AND v.valid && %(valid)s::daterange
          AND lower(v.valid) < lower(%(valid)s::daterange) RETURNING v.id)
    INSERT INTO recipients_entitlementversion (entitlement_id, valid, payee_id, quantity, facts, source_line_id)
    SELECT %(right)s, %(valid)s::daterange, %(payee)s, %(quantity)s::numeric, %(facts)s::jsonb, %(line)s
    WHERE (SELECT count(*) FROM closed) >= 0"""


@dataclass
class World:
    """Staff, a policy with money, and people with entitlements in two towns."""

    staff: dict[str, User]
    policy: Policy
    indicators: list
    people: list[Person] = field(default_factory=list)

    def __getitem__(self, name):
        return self.staff[name]


def world(
    people=10, *, issued="1000000.00", rule=None, frequency="yearly", quantity=None, at=None, **of_policy
):
    """`at` gives the written bank of the account of person number …; without, all are at the county's bank."""
    crew = staff()
    made = policy(crew["finance"], rule=rule, frequency=frequency, **of_policy)
    confirmer = UserFactory(role=Role.FINANCE_CHECKER)
    amounts = [issued] if isinstance(issued, str) else issued
    money = [
        funds.indicator(crew["finance"], confirmer, issued=amount, policy=made, priority=place)
        for place, amount in enumerate(amounts, 1)
    ]
    here = World(crew, made, money)
    books = {village: declaration(made, village, crew["village"]) for village in (VILLAGE, OTHER_VILLAGE)}
    from huimin.core.authority.duties import Duty
    from huimin.core.work import workflow

    for book in books.values():
        workflow.take_duty(book, Duty.DECLARATION_MAKE, actor=crew["village"])
    for serial in range(people):
        village = VILLAGE if serial % 3 else OTHER_VILLAGE
        with transaction.atomic():  # the first account comes with the registration
            one = person(village, by=crew["village"].pk)
            account(one, **({"bank_name": at(serial)} if at else {}))
        entitle(books[village], one, quantity=quantity(serial) if quantity else f"{serial + 1}.2500")
        here.people.append(one)
    here.books = books
    return here


def issued_batch(here, period="2026"):
    """A batch with its rosters generated, as the job does it."""
    batch = services.make_batch(here.policy, period, actor=here["department"])
    batch, job = services.issue_batch(batch.pk, actor=here["department"])
    assert jobs.run(job.pk) == "done", job.message
    return batch


CHAIN = (
    ("submit", "town"),
    ("pass_township_check", "town_check"),
    ("pass_department_handle", "department_handle"),
    ("pass_department_check", "department_check"),
    ("pass_finance_handle", "finance"),
    ("pass_finance_check", "finance_check"),
)


def approve(here, roster, until=None):
    for step, who in CHAIN:
        services.advance_roster(roster.pk, step, actor=here[who])
        if step == until:
            break
    roster.refresh_from_db()
    return roster


def approved(here, batch):
    return [approve(here, roster) for roster in Roster.objects.filter(batch=batch)]


def sent_order(here, batch=None):
    """An order over all rosters of a batch, signed and at the bank."""
    batch = batch or issued_batch(here)
    order = ordered(here, batch)
    services.sign_order(order.pk, actor=here["treasurer"], whole_yuan=str(int(order.total)))
    return services.send_order(order.pk, actor=here["treasurer"])


def ordered(here, batch):
    rosters = approved(here, batch)
    return make_order([roster.pk for roster in rosters], actor=here["order_maker"])


def make_order(roster_ids, **kwargs):
    """The only order that is made of these."""
    (made,) = services.make_orders(roster_ids, **kwargs)
    return made


def payroll(order):
    """What the bank reads from our file."""
    return get_format(order.bank_format).read_payroll(files.read(order.bank_file.file))


def answer(order, *, fail=(), pending=(), leave_out=(), change=None, day=None, bank=PIPE_TXT):
    """The bank's file: positions (from 0) that fail, wait or are missing; `change(line)` may alter a line."""
    lines = []
    for place, line in enumerate(payroll(order).lines):
        if place in leave_out:
            continue
        result = "1" if place in fail else "2" if place in pending else "0"
        code, words = ("0103", "账户已销户") if result == "1" else ("", "")
        made = ReturnLine(
            line.serial, line.name, line.account, line.amount, result, code, words, line.reference
        )
        lines.append(change(made) if change else made)
    return file_of(order, lines, day=day, bank=bank)


def file_of(order, lines, *, day=None, bank=PIPE_TXT, number=None):
    def part(result):
        chosen = [line.amount for line in lines if line.result == result]
        return len(chosen), sum(chosen, Decimal("0.00"))

    out = io.BytesIO()
    header = ReturnHeader(
        number or order.number,
        len(lines),
        sum((line.amount for line in lines), Decimal("0.00")),
        *part("0"),
        *part("1"),
        day or f"{timezone.localtime(order.sent_at):%Y%m%d}",
    )
    bank.write_return(header, lines, out)
    return out.getvalue()


def returned(here, order, **kwargs):
    """Uploaded by one reconciler, confirmed by the other."""
    taken = services.accept_return(answer(order, **kwargs), "return.txt", actor=here["reconciler"])
    return services.confirm_return(taken.return_file.pk, actor=here["reconciler2"])


def lines_of(batch):
    return PaymentLine.objects.filter(roster__batch=batch, revision=F("roster__revision"))


def batch_of(order):
    return queries.rosters_of(order).first().batch
