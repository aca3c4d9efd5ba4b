"""公示: posting freezes a masked list with its digest; photographs, poster, withdrawal."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Max, Q

from huimin.core import clock
from huimin.core.authority import scope
from huimin.core.authority.posts import require_role
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import Division, Office
from huimin.core.printing.documents import render_pdf
from huimin.core.records import audit, files
from huimin.core.values import digests, privacy
from huimin.core.values.days import day_text
from huimin.core.values.money import format_yuan
from huimin.core.work import workflow
from recipients.models import Declaration, Notice, NoticeLevel, NoticeLine, NoticePhoto
from recipients.queries import notice_days
from recipients.rules import DAYS_AHEAD, NAMES_IN_FULL, NO_PRIVATE_PART, plain, quantity_words
from recipients.services import pictures, review
from recipients.states import DECLARATION_FLOW, NOTICE_LEVEL_OF, DeclarationStatus
from subsidies.models import Policy

if TYPE_CHECKING:
    from huimin.core.models import User

PER_PAGE = 102
HOTLINE = "12345"

_FREEZE = """INSERT INTO recipients_noticeline
        (notice_id, line_no, village, group_name, shown_name, quantity, standard_text, amount)
    SELECT %(notice)s, row_number() OVER (ORDER BY l.line_no), coalesce(v.name, ''), h.group_name,
           CASE WHEN %(surname_only)s THEN hm_mask_surname(p.name) ELSE p.name END,
           l.quantity, %(standard)s, l.amount
    FROM recipients_declarationline l JOIN recipients_person p ON p.id = l.beneficiary_id
    JOIN recipients_household h ON h.id = p.household_id LEFT JOIN core_division v ON v.code = p.division_code
    WHERE l.declaration_id = %(declaration)s AND l.excluded_at_level = ''"""
# the open fields of a line as texts, in order; anyone who holds the posted list gives the same root
_ROOT = """SELECT encode(hm_merkle_root(coalesce(string_agg(hm_leaf(ARRAY[n.line_no::text, n.village, n.group_name,
        n.shown_name, trim_scale(n.quantity)::text, n.standard_text, n.amount::text], %s), ''::bytea
        ORDER BY n.line_no), ''::bytea)), 'hex') FROM recipients_noticeline n WHERE n.notice_id = %s"""


@transaction.atomic
def post_notice(declaration_id: int, *, place: str, starts_on: date | None = None, actor: User) -> Notice:
    """Post the list of the present level: lines frozen and masked, digest taken, days counted by the policy.

    `starts_on` is the day the paper hangs, today or at most DAYS_AHEAD days later. After an upheld objection or a
    withdrawal the notice is posted anew with its full days.
    """
    one = review.locked(declaration_id, actor)
    level = NOTICE_LEVEL_OF.get(DeclarationStatus(one.status))
    if level is None:
        raise StepRefused(f"申报册“{one.get_status_display()}”，现在不用张贴公示。")
    _require_poster(one, actor)
    if review.standing_notice(one):
        raise StepRefused("这一级的公示已经张贴，没有重复登记。")
    start = starts_on or clock.today()
    if start < clock.today():
        raise BadInput("公示不能从过去的日期开始。", field="starts_on")
    if start > clock.today() + timedelta(days=DAYS_AHEAD):
        raise BadInput(
            f"张贴日期{day_text(start)}离今天超过 {DAYS_AHEAD} 天，是不是填错了？贴的那一天再登记。",
            field="starts_on",
        )
    if not place.strip():
        raise BadInput("请填写张贴地点。", field="place")
    notice = _write(one, level, start, place.strip(), actor)
    workflow.take_duty(notice, DECLARATION_FLOW[f"post_{one.status}"].duty, actor=actor)
    audit.record(
        notice,
        action="post",
        actor=actor,
        label="张贴公示",
        detail={
            "declaration": one.pk,
            "level": level,
            "lines": notice.line_count,
            "total": str(notice.total),
            "starts_on": str(notice.starts_on),
            "ends_on": str(notice.ends_on),
            "digest": notice.digest,
        },
    )
    return notice


def _require_poster(one: Declaration, actor: User) -> None:
    require_role(
        actor,
        DECLARATION_FLOW[f"post_{one.status}"].roles,
        division_code=one.division_code,
        policy_id=one.policy_id,
        act="张贴这一级公示",
    )


def _write(one: Declaration, level: str, start: date, place: str, actor: User) -> Notice:
    """The lines are written first under a reserved id, so that count, sum and digest stand on the row from the start."""
    policy = one.policy
    given: dict[str, Any] = {
        "declaration": one.pk,
        "standard": one.version.standard_text,
        "surname_only": policy.is_protected,
    }
    earlier = (
        one.notices.filter(revision=one.revision, level=level).aggregate(last=Max("sequence"))["last"] or 0
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('recipients_notice', 'id'))")
        given["notice"] = cursor.fetchone()[0]
        cursor.execute(_FREEZE, given)
        count = int(cursor.rowcount)
        root = digest_of(given["notice"])
        cursor.execute(
            "SELECT coalesce(sum(amount), 0) FROM recipients_noticeline WHERE notice_id = %s",
            [given["notice"]],
        )
        total: Decimal = cursor.fetchone()[0]
    return Notice.objects.create(
        pk=given["notice"],
        declaration=one,
        policy=policy,
        revision=one.revision,
        sequence=earlier + 1,
        level=level,
        starts_on=start,
        ends_on=notice_days.last_day(one.version, start),
        place=place[:120],
        line_count=count,
        total=total,
        digest=root,
        surname_only=policy.is_protected,
        posted_by=actor,
        county_code=one.county_code,
        division_code=one.division_code,
    )


def digest_of(notice_id: int) -> str:
    """The Merkle root over the frozen lines as hexadecimal text (huimin.core.values.digests); computed by PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute(_ROOT, [NO_PRIVATE_PART, notice_id])
        return str(cursor.fetchone()[0])


def root_of(lines: list[NoticeLine]) -> str:
    """The same root from lines in hand, for whoever checks the posted paper."""
    leaves = [
        digests.leaf_hash(digests.canonical_row(public_fields(line)), NO_PRIVATE_PART) for line in lines
    ]
    return digests.merkle_root(leaves).hex()


def public_fields(line: NoticeLine) -> list[str]:
    return [
        str(line.line_no),
        line.village,
        line.group_name,
        line.shown_name,
        plain(line.quantity),
        line.standard_text,
        str(line.amount),
    ]


@transaction.atomic
def withdraw_notice(notice_id: int, *, note: str, actor: User) -> Notice:
    """撤回登记: another person than who posted it takes a mistaken notice back; the level is posted anew, all days again.

    The list stays where it is and nothing that hung under a wrong date counts. Raises StepRefused when the notice is not
    the one that stands for the present level.
    """
    notice = Notice.objects.visible_to(actor).get(pk=notice_id)
    one = review.locked(notice.declaration_id, actor)
    standing = review.standing_notice(one)
    if standing is None or standing.pk != notice.pk:
        raise StepRefused("这份公示已经撤下，或者名单已经走到别的环节，不能撤回。")
    act = DECLARATION_FLOW[f"withdraw_{one.status}"]
    if refusal := workflow.why_not(one, act, actor=actor, note=note):
        raise refusal
    workflow.take_duty(standing, act.duty, actor=actor)
    withdraw(standing, reason=f"{act.label}：{note.strip()}", actor=actor)
    audit.record(
        one,
        action=act.name,
        actor=actor,
        label=f"{standing}{act.label}",
        note=note,
        detail={"notice": standing.pk},
    )
    return standing


def withdraw(notice: Notice, *, reason: str, actor: User) -> None:
    """Take a notice down before its time, in the caller's transaction: an upheld objection or withdraw_notice does so.

    A trigger asks for one of the two.
    """
    notice.withdrawn_at, notice.withdrawn_reason = clock.now(), privacy.hide(reason)[:200]
    notice.save(update_fields=["withdrawn_at", "withdrawn_reason"])
    audit.record(notice, action="withdraw", actor=actor, label="撤下公示", note=reason)


# --- photographs and poster -----------------------------------------------------------------------------------------------


@transaction.atomic
def add_photo(notice_id: int, content: bytes, *, caption: str, taken_on: date, actor: User) -> NoticePhoto:
    """A photograph of the paper on the wall: JPEG or PNG by its bytes, at most 10 MB."""
    notice = Notice.objects.visible_to(actor).select_related("declaration").get(pk=notice_id)
    step = DECLARATION_FLOW[f"end_{notice.level}_notice"]
    require_role(
        actor, step.roles, division_code=notice.division_code, policy_id=notice.policy_id, act="存公示照片"
    )
    content_type, ending = pictures.kind_of(content, field="photo")
    if taken_on > clock.today():
        raise BadInput("拍摄日期不能晚于今天。", field="taken_on")
    stored = files.store(
        content,
        name=f"公示照片-{notice.pk}{ending}",
        purpose="notice_photo",
        content_type=content_type,
        actor=actor,
        county_code=notice.county_code,
        division_code=notice.division_code,
    )
    photo = NoticePhoto.objects.create(
        notice=notice, file=stored, caption=caption.strip()[:60] or "张贴照片", taken_on=taken_on
    )
    audit.record(notice, action="photo", actor=actor, label="上传公示照片", detail={"sha256": stored.sha256})
    return photo


def poster(notice: Notice, *, verify_url: str) -> bytes:
    """The A3 paper for the wall as PDF; `verify_url` stands in the QR code. StepRefused for one that was taken down."""
    if notice.withdrawn_at:
        raise StepRefused("这份公示已撤下，不能再打印张贴。请打印现在张贴的那一份。")
    if notice.is_shielded:
        raise StepRefused(NAMES_IN_FULL)
    declaration, policy = notice.declaration, notice.policy
    version = declaration.version
    lines = list(notice.lines.order_by("line_no"))
    village = Division.objects.filter(pk=notice.division_code).first()
    label, unit = quantity_words(version.quantity_label, policy.unit)
    is_urban = str(village or "").endswith("社区")
    committee = "居民委员会" if is_urban else "村民委员会"
    pages = [lines[at : at + PER_PAGE] for at in range(0, len(lines), PER_PAGE)] or [[]]
    period = declaration.period_words
    who = "户" if policy.object_type == Policy.ObjectType.HOUSEHOLD else "人"
    return render_pdf(
        "notice_poster",
        {
            "village": str(village or ""),
            "title": f"{village or ''}{period}{policy}{NoticeLevel(notice.level).label}公示",
            **_terms_shown(notice),
            "text": f"经村申报、审核，现将{period}拟享受名单公示如下。{_deliberated(notice)}",
            "columns": ["序号", "姓名", label or (f"{unit}数" if unit else "数量"), "金额（元）"],
            "rows": [
                [str(line.line_no), line.shown_name, plain(line.quantity), format_yuan(line.amount)]
                for line in lines
            ],
            "pages": [_subtotal(page) for page in pages],
            "counted_in": who,
            "paid_to": "户主" if who == "户" else "享受人本人或户主",
            "total_households": str(notice.line_count),
            "total_quantity": _subtotal(lines)["quantity"],
            "total_amount": format_yuan(notice.total),
            "quantity_unit": {"name": label, "unit": unit if label else ""},
            "whole": "全社区" if is_urban else "全村",
            "committee": committee,
            "objections": whom_to_ask(notice),
            "notice_to": f"对名单有异议的{who}，请在公示期内向村、乡镇或主管部门提出，核实后书面答复。",
            "issuer": f"{village or ''}{committee}",
            "issued_on": day_text(notice.starts_on),
            "number": f"GS-{notice.pk}",
            "version": f"第{notice.revision}轮第{notice.sequence}次",
            "code": digests.spaced(notice.code),
            "qr": verify_url,
        },
    )


def _terms_shown(notice: Notice) -> dict[str, str]:
    """What the policy is, what it gives and how long the paper hangs."""
    policy, version = notice.declaration.policy, notice.declaration.version
    return {
        "policy": policy.name,
        "basis": policy.basis,
        "standard": version.standard_text,
        "start": day_text(notice.starts_on),
        "end": day_text(notice.ends_on),
        "days": notice_days.term_of(version).label,
    }


def _deliberated(notice: Notice) -> str:
    """The meetings on the list, the failed ones too: whoever reads the paper sat there."""
    held = notice.declaration.deliberations.filter(revision__lte=notice.revision).order_by("pk")
    told = [
        f"{day_text(one.held_on)}应到{one.members}人、实到{one.present}人，同意{one.agreed}、不同意{one.against}、"
        f"弃权{one.abstained}，{'通过' if one.passed else '没有通过'}"
        for one in held
    ]
    return f"民主评议：{'；'.join(told)}。" if told else ""


def whom_to_ask(notice: Notice) -> list[dict[str, str]]:
    """Who takes objections, with their telephones: village and township as far as they have one, then the department."""
    policy, village = notice.policy, notice.division_code
    levels = Q(kind=Office.Kind.VILLAGE, division=village) | Q(
        kind=Office.Kind.TOWNSHIP, division=scope.town_of(village)
    )
    offices = Office.objects.filter(levels).exclude(phone="").order_by("-division_id", "name")
    near = [{"who": one.name, "phone": one.phone} for one in offices]
    # whoever has no telephone on file is reached by the county's one number
    phone = policy.phone or policy.department.phone or HOTLINE
    return [*near, {"who": str(policy.department), "phone": phone}]


def _subtotal(lines: list[NoticeLine]) -> dict[str, str]:
    return {
        "quantity": plain(sum((line.quantity for line in lines), start=Decimal(0))),
        "amount": format_yuan(sum((line.amount for line in lines), start=Decimal(0))),
    }
