"""Accounts and grants: who may come in, and what for. Every act leaves a trace, none can be done to oneself.

The system administrator makes accounts and cannot grant; the security administrator grants, revokes, resets and
suspends and cannot make accounts; the audit administrator reads the trail of both. `actor` None is the house
itself: installing a county and seeding the demo.
"""

from __future__ import annotations

import secrets
from datetime import date
from typing import TYPE_CHECKING, Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_otp.util import random_hex

from huimin.core import clock, crypto
from huimin.core.accounts import queries, seats
from huimin.core.accounts.credentials import hash_secret
from huimin.core.authority import limits, scope
from huimin.core.authority.posts import require_role
from huimin.core.authority.roles import Role, RoleClass, role_class
from huimin.core.errors import BadInput, StepRefused
from huimin.core.models import CodeDevice, Department, Division, Grant, Office, OfficeCredential, User
from huimin.core.records import audit
from huimin.core.values import identity
from huimin.core.values.days import days_from
from huimin.core.values.doubts import require_meant
from huimin.core.work import messages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

OWN = "不能办理自己的账号和授权，请另一位管理员办理。"
_FIRST_SECRET_BYTES = 12
_CODE_SECRET_BYTES = 20  # as RFC 4226 recommends


@transaction.atomic
def create_account(
    username: str,
    *,
    name: str,
    office: Office,
    id_number: str,
    phone: str = "",
    actor: User | None,
    hashed: str = "",
) -> tuple[User, str]:
    """A new account without any right, and its first password, which must be changed at the first login.

    The password is shown once; it is empty where the caller has hashed one that the person knows (`hashed`). Raises BadInput for an ID number that cannot be, StepRefused for a taken name.
    """
    _require(actor, Role.SYSTEM_ADMIN, office.division_id)
    number = identity.parse_id_number(id_number, today=clock.today()).number
    key = crypto.blind_index("id_number", number)
    if actor and bytes(actor.person_key) == key:
        raise StepRefused(OWN)
    first = "" if hashed else first_password()
    try:
        with transaction.atomic():
            user = User.objects.create(
                username=username,
                name=identity.normalise_name(name),
                office=office,
                id_number=number,
                person_key=key,
                phone=identity.normalise_phone(phone) if phone else None,
                password=hashed or make_password(first),
            )
    except IntegrityError as error:
        raise BadInput(f"用户名“{username}”已经有人用了，请换一个。", field="username") from error
    _record(user, "account.create", "建账号", actor)
    return user, first


@transaction.atomic
def grant_role(
    user: User,
    role: str,
    *,
    office: Office,
    division: Division,
    first_day: date,
    last_day: date | None = None,
    policy_ids: Iterable[int] | None = None,
    department: Department | None = None,
    acknowledged: Collection[str] = (),
    actor: User | None,
) -> Grant:
    """Give a role over a subtree of divisions from day to day, both included.

    With `department` it covers that department's policies, also those that come later; with `policy_ids` those alone;
    with neither all of them. BadInput for both, and for a policy that the office's county does not have. What is odd
    about it (seats.doubts_about) is refused unless `acknowledged` names it.
    """
    _require(actor, Role.SECURITY_ADMIN, division.pk, about=user)
    # two administrators at once see one another's grant
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    if last_day and last_day < first_day:
        raise BadInput("截止日期不能早于起始日期。", field="last_day")
    if not scope.covers(office.division_id, division.pk):
        raise BadInput(f"{office} 在{office.division}，管不到{division}。", field="division")
    named = sorted(set(policy_ids)) if policy_ids is not None else None
    _require_limits(named, department, office)
    try:
        with transaction.atomic():
            grant = Grant.objects.create(
                user=user,
                person_key=user.person_key,
                role=Role(role),
                role_class=role_class(role),
                office=office,
                division=division,
                named_policies=named,
                department=department,
                valid=days_from(first_day, last_day),
                granted_by=actor,
            )
    except IntegrityError as error:
        if "grant_three_administrators_exclude" not in str(error):
            raise
        raise StepRefused(_exclusion_text(user, role)) from error
    user.__dict__.pop("active_grants", None)
    # asked last: nothing else stands against it
    meant = _require_meant(grant, acknowledged) if actor else []
    label = f"授予{grant.get_role_display()}"
    _record(user, "grant.give", label, actor, grant=grant, place=division.pk, acknowledged=meant)
    _tell(user, f"被授予“{grant.get_role_display()}”", actor)
    return grant


def _require_meant(grant: Grant, acknowledged: Collection[str]) -> list[str]:
    """What is odd about the grant, all of it acknowledged; Doubtful for what is not."""
    doubts = seats.doubts_about(grant)
    require_meant(doubts, acknowledged, act="授予")
    return [one.text for one in doubts]


def _require_limits(named: list[int] | None, department: Department | None, office: Office) -> None:
    if named is not None and department is not None:
        raise BadInput("限定部门和限定政策只能选一种。", field="policies")
    if named == []:
        raise BadInput("请至少选一项政策。", field="policies")
    if unknown := set(named or ()) - {pk for pk, _ in limits.policies().offered(office.division_id)}:
        shown = "、".join(map(str, sorted(unknown)))
        raise BadInput(f"{office.division}没有编号为 {shown} 的政策，请从名单里选。", field="policies")
    if department and not Department.objects.of_county(office.division_id).filter(pk=department.pk).exists():
        raise BadInput(f"{office.division}没有这个部门。", field="department")


@transaction.atomic
def revoke_grant(grant: Grant, *, note: str, actor: User | None) -> Grant:
    """End a grant now; the person's next request already runs without it. A second call changes nothing."""
    grant = Grant.objects.select_for_update(of=("self",)).select_related("user").get(pk=grant.pk)
    _require(actor, Role.SECURITY_ADMIN, grant.division_id, about=grant.user)
    if not note.strip():
        raise BadInput("收回授权要写明原因。", field="note")
    if grant.revoked_at is None:
        grant.revoked_at = clock.now()
        grant.save(update_fields=["revoked_at"])
        label = f"收回{grant.get_role_display()}"
        _record(grant.user, "grant.revoke", label, actor, grant=grant, place=grant.division_id, note=note)
        _tell(grant.user, f"的“{grant.get_role_display()}”被收回", actor)
    return grant


@transaction.atomic
def reset_password(user: User, *, actor: User | None) -> str:
    """A new first password, shown once; open sessions of the person end with the old one.

    Refused to the administrator who unbound the person's telephone in the last day: both together are the person.
    """
    _require(actor, Role.SECURITY_ADMIN, _place(user), about=user)
    _not_both(user, "device.remove", "解除了这个人的动态口令，不能再重置密码", actor)
    password = first_password()
    User.objects.filter(pk=user.pk).update(password=make_password(password), password_changed_at=None)
    _record(user, "account.reset_password", "重置密码", actor)
    _tell(user, "密码被重置", actor)
    return password


@transaction.atomic
def change_password(user: User, *, password: str) -> None:
    """The person's own change; raises BadInput with every rule that the new password breaks."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise BadInput("".join(error.messages), field="password") from error
    user.set_password(password)
    user.password_changed_at = timezone.now()
    user.save(update_fields=["password", "password_changed_at"])
    _record(user, "account.change_password", "修改密码", user)


@transaction.atomic
def set_active(user: User, active: bool, *, note: str, actor: User | None) -> None:
    """Suspend an account or let it in again; a suspended one has no grants in force."""
    _require(actor, Role.SECURITY_ADMIN, _place(user), about=user)
    if not note.strip():
        raise BadInput("停用、启用账号要写明原因。", field="note")
    if User.objects.filter(pk=user.pk).exclude(is_active=active).update(is_active=active):
        label = "启用账号" if active else "停用账号"
        _record(user, "account.activate" if active else "account.suspend", label, actor, note=note)


def begin_device(user: User) -> CodeDevice:
    """The device that the person is about to bind: one that waits for its first code, with a secret of its own."""
    device, _ = CodeDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "手机", "key": random_hex(_CODE_SECRET_BYTES)}
    )
    return device


def why_not_bind(user: User) -> str:
    """Why this person cannot bind a telephone now; empty when they can.

    Whoever gave out the password could bind their own: so a day passes first, in which the person learns of it, or
    a second administrator has looked at the person and allows it.
    """
    helped = queries.recent_help(user).order_by("-pk").first()
    if helped is None or queries.allowed_since(helped):
        return ""
    until = timezone.localtime(helped.at + queries.COOLING)
    return (
        f"管理员刚办过“{helped.label}”，{until.month}月{until.day}日 {until:%H:%M} 以后才能绑定动态口令。"
        "急用的，请另一位安全管理员当面核对本人，在“人员与授权”里点“允许绑定”。"
    )


@transaction.atomic
def allow_binding(user: User, *, note: str, actor: User | None) -> None:
    """A second administrator has seen the person: a telephone may be bound at once. Not for who gave the password."""
    _require(actor, Role.SECURITY_ADMIN, _place(user), about=user)
    if not note.strip():
        raise BadInput("允许绑定要写明怎样核对的本人。", field="note")
    helpers = queries.recent_help(user).values_list("actor__person_key", flat=True)
    if actor and bytes(actor.person_key) in {bytes(key) for key in helpers}:
        raise StepRefused("这个人的密码、动态口令刚由您办过，要请另一位安全管理员核对本人。")
    if not why_not_bind(user):
        raise StepRefused("这个人现在就可以绑定，不用再允许。")
    _record(user, queries.ALLOWED, "允许绑定动态口令", actor, note=note)
    _tell(user, "可以马上绑定动态口令", actor)


@transaction.atomic
def enrol_device(user: User, *, code: str) -> CodeDevice:
    """Confirm the waiting device by a code it shows; refused for somebody who has a device already."""
    User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    if CodeDevice.objects.filter(user=user, confirmed=True).exists():
        raise StepRefused("您已经绑定过动态口令，换手机请找安全管理员解除。")
    if refusal := why_not_bind(user):
        raise StepRefused(refusal)
    device = CodeDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
    if device is None or not device.verify_token(code):
        raise BadInput("动态口令不对，请看手机上现在的 6 位数字。", field="code")
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    _record(user, "device.enrol", "绑定动态口令", user)
    _tell(user, "绑定了动态口令", user)
    return device


@transaction.atomic
def remove_devices(user: User, *, note: str, actor: User | None) -> int:
    """Unbind a lost telephone; the person binds another at the next step that asks for a code.

    Refused to the administrator who reset the person's password in the last day: both together are the person.
    """
    _require(actor, Role.SECURITY_ADMIN, _place(user), about=user)
    if not note.strip():
        raise BadInput("解除动态口令要写明原因。", field="note")
    _not_both(user, "account.reset_password", "重置了这个人的密码，不能再解除动态口令", actor)
    removed = CodeDevice.objects.filter(user=user).delete()[0]
    if removed:
        _record(user, "device.remove", "解除动态口令", actor, note=note)
        _tell(user, "动态口令被解除", actor)
    return removed


def _not_both(user: User, other: str, words: str, actor: User | None) -> None:
    """One administrator does not take both halves of a person's way in within a day."""
    # both acts lock the account, so that two requests at once cannot pass each other
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    if actor and queries.recent_help(user).filter(action=other, actor__person_key=actor.person_key).exists():
        raise StepRefused(f"您在一天之内{words}，请另一位安全管理员办理。")


def _tell(user: User, what: str, actor: User | None) -> None:
    """Inbox and text message for the person, and a line for the audit administrators: nothing of this goes unseen."""
    if actor is None:
        return
    by = "您本人" if actor.pk == user.pk else str(actor)
    text = f"您的账号{user.username}{what}（{by}办理）。不是您要办的，请马上告诉财政局和审计管理员。"
    messages.notify([user], title=f"您的账号{what}", body=text)
    if user.phone:
        messages.queue(
            "sms", recipient=user.phone, body=f"【惠民直达】{text}", subject=audit.subject_of(user)
        )
    watchers = queries.administrators(_place(user)).get(Role.AUDIT_ADMIN, [])
    messages.notify(
        [one for one in watchers if one.pk != user.pk], title=f"{user}（{user.username}）{what}", body=text
    )


@transaction.atomic
def issue_credential(acts_as: User, *, scopes: list[str], actor: User | None) -> tuple[OfficeCredential, str]:
    """A new credential that acts as this account; its secret is returned this once and never stored."""
    _require(actor, Role.SECURITY_ADMIN, _place(acts_as), about=acts_as)
    if not scopes or set(scopes) - set(OfficeCredential.Scope):
        raise BadInput(f"接口要从这几个里选：{'、'.join(OfficeCredential.Scope)}。")
    secret = secrets.token_urlsafe(32)
    credential = OfficeCredential.objects.create(
        key_id=secrets.token_hex(8), secret_hash=hash_secret(secret), acts_as=acts_as, scopes=scopes
    )
    _record_credential(credential, "credential.issue", actor)
    return credential, secret


@transaction.atomic
def revoke_credential(key_id: str, *, actor: User | None) -> OfficeCredential:
    """End a credential now; a second call changes nothing. Raises BadInput when there is none of that number."""
    credential = OfficeCredential.objects.select_related("acts_as__office").filter(key_id=key_id).first()
    if credential is None:
        raise BadInput(f"没有“{key_id}”这个凭据。")
    _require(actor, Role.SECURITY_ADMIN, _place(credential.acts_as), about=credential.acts_as)
    ended = OfficeCredential.objects.filter(pk=credential.pk, revoked_at__isnull=True)
    if ended.update(revoked_at=clock.now()):
        _record_credential(credential, "credential.revoke", actor)
    return credential


def _record_credential(credential: OfficeCredential, action: str, actor: User | None) -> None:
    detail = {"acts_as": credential.acts_as_id, "scopes": credential.scopes}
    place = _place(credential.acts_as)
    audit.record(credential, action=action, actor=actor, detail=detail, division_code=place)


def first_password() -> str:
    """Random, and of the kinds that the rules ask for."""
    return f"Hm-{secrets.token_urlsafe(_FIRST_SECRET_BYTES)}7"


def _require(actor: User | None, role: Role, division_code: str, *, about: User | None = None) -> None:
    if actor is None:
        return
    require_role(actor, {role}, division_code=division_code)
    if about and bytes(about.person_key) == bytes(actor.person_key):
        raise StepRefused(OWN)


def _place(user: User) -> str:
    return user.office.division_id if user.office else ""


def _exclusion_text(user: User, role: str) -> str:
    had = sorted({Role(one).label for one in user.roles()})
    wanted = Role(role).label
    if role_class(role) == RoleClass.BUSINESS:
        return f"{user}是管理员，不能兼任业务岗位“{wanted}”。"
    return f"{user}已有“{'、'.join(had) or '其他岗位'}”，系统、安全、审计三员互斥，也不能兼任业务岗位。"


def _record(
    user: User,
    action: str,
    label: str,
    actor: User | None,
    *,
    grant: Grant | None = None,
    place: str = "",
    note: str = "",
    acknowledged: Sequence[str] = (),
) -> None:
    detail: dict[str, Any] = (
        {
            "grant": grant.pk,
            "role": grant.role,
            "division": grant.division_id,
            "policies": grant.named_policies,
            "department": grant.department_id,
        }
        if grant
        else {}
    )
    if acknowledged:
        detail["acknowledged"] = list(acknowledged)
    audit.record(
        user,
        action=action,
        actor=actor,
        label=label,
        note=note,
        detail=detail,
        division_code=place or _place(user),
    )
