"""Signing in: roles instead of permissions, password rules, lock-out answer, one-time codes for step-up."""

from __future__ import annotations

import time
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Model, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from huimin.core.authority import scope
from huimin.core.authority.roles import CODE_ROLES, Role
from huimin.core.models import CodeDevice
from huimin.core.values import privacy

if TYPE_CHECKING:
    from huimin.core.models import User

STEP_UP_KEY = "stepped_up_at"
# of one address: so many misses in a quarter of an hour, then a pause after each
MISSES_BEFORE_PAUSE, PAUSE = 30, timedelta(seconds=10)
# the back office edits reference tables only, and only these people come in
BACK_OFFICE_ROLES = {Role.SYSTEM_ADMIN}
BACK_OFFICE_MODELS = {"division", "department", "office", "bankbranch", "calendarday"}


class RoleBackend(ModelBackend):
    """Permissions of the back office follow from the role; Django's own groups and permissions stay empty."""

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:
        app, _, code = perm.partition(".")
        if app != "core" or not keeps_reference(user_obj):
            return False
        return code.rpartition("_")[2] in BACK_OFFICE_MODELS

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return app_label == "core" and keeps_reference(user_obj)


def keeps_reference(user: User) -> bool:
    """May this person change the tables that the whole county stands on? Never somebody of one township."""
    return scope.holds(user, BACK_OFFICE_ROLES, division_code=settings.COUNTY_CODE)


class ThreeKindsValidator:
    """At least three of: upper case, lower case, digits, others (GB/T 22239-2019, 8.1.4.1)."""

    def validate(self, password: str, user: User | None = None) -> None:
        kinds = [str.isupper, str.islower, str.isdigit, lambda c: not c.isalnum()]
        if sum(any(kind(c) for c in password) for kind in kinds) < 3:
            raise ValidationError(self.get_help_text(), code="password_too_simple")

    def get_help_text(self) -> str:
        return "密码要含大写字母、小写字母、数字、符号中的至少三种。"


def counted_address(request: HttpRequest) -> str | None:
    """The address that wrong passwords are counted for: the one behind our own proxies; None for a local socket."""
    address = getattr(request, "client_ip", "") or request.META.get("REMOTE_ADDR", "")
    try:
        return str(ip_address(address))
    except ValueError:
        return None


def is_too_fast(request: HttpRequest) -> bool:
    """After many misses from one address it gets one try every few seconds: an account more a try is no way in then.

    Nobody is locked out by it: behind the router of a township one waits some seconds and goes on.
    """
    now = timezone.now()
    seen = AccessAttempt.objects.filter(
        ip_address=counted_address(request),
        attempt_time__gt=now - timedelta(hours=settings.AXES_COOLOFF_TIME),
    ).aggregate(misses=Sum("failures_since_start"), last=Max("attempt_time"))
    return (seen["misses"] or 0) >= MISSES_BEFORE_PAUSE and seen["last"] > now - PAUSE


def counted_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str | None:
    """The user name that wrong passwords are counted for; somebody's ID number typed there is not kept."""
    typed = (credentials or {}).get("username") or request.POST.get("username")
    return privacy.hide(str(typed)) if typed else None


def locked_out(request: HttpRequest, *_args: object, **_kwargs: object) -> HttpResponse:
    context = {"minutes": round(settings.AXES_COOLOFF_TIME * 60), "seconds": 0}
    return render(request, "core/locked_out.html", context, status=429)


def slowed_down(request: HttpRequest) -> HttpResponse:
    context = {"minutes": 0, "seconds": round(PAUSE.total_seconds())}
    return render(request, "core/locked_out.html", context, status=429)


def has_device(user: User) -> bool:
    return CodeDevice.objects.filter(user=user, confirmed=True).exists()


def must_bind(user: User) -> bool:
    """Does one of this person's posts ask for one-time codes while none can be given?"""
    return bool(CODE_ROLES & user.roles()) and not has_device(user)


@transaction.atomic
def check_code(user: User, code: str) -> bool:
    """A one-time code of the person's device, good once, also for two logins at once; wrong ones slow the next down."""
    device = CodeDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
    return device is not None and device.verify_token(code)


def step_up(request: HttpRequest) -> None:
    request.session[STEP_UP_KEY] = int(time.time())


def is_stepped_up(request: HttpRequest) -> bool:
    """Was a one-time code given in the last STEP_UP_SECONDS of this session?"""
    at = request.session.get(STEP_UP_KEY, 0)
    return 0 <= time.time() - at <= settings.STEP_UP_SECONDS
