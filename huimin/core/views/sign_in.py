"""Coming in and going out: password, one-time code, binding a telephone, changing the password."""

from __future__ import annotations

import base64
import time
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from huimin.core.account_forms import CodeForm, EnrolForm, LoginForm, PasswordForm
from huimin.core.accounts import auth, services
from huimin.core.desk.http import StaffRequest, any_staff, public, safe_next
from huimin.core.desk.middleware import MUST_BIND, MUST_CHANGE
from huimin.core.errors import Refused
from huimin.core.models import User
from huimin.core.printing import documents

_PENDING = "pending_login"
_PENDING_SECONDS = 5 * 60
# one sentence for an unknown name, a wrong password and a suspended account
WRONG = "用户名或密码不对，请重新输入"
WRONG_CODE = "动态口令不对，请看手机上现在的 6 位数字"


@public
@sensitive_post_parameters("password")
@never_cache
@csrf_protect
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Name and password; who has a one-time code device is asked for its code on the next page."""
    target = safe_next(request, reverse(settings.LOGIN_REDIRECT_URL))
    if request.user.is_authenticated:
        return redirect(target)
    form = LoginForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if auth.is_too_fast(request):
            return auth.slowed_down(request)
        user = authenticate(
            request, username=form.cleaned_data["username"], password=form.cleaned_data["password"]
        )
        if isinstance(user, User):
            return _came_in(request, user, target)
        form.add_error(None, WRONG)
    return render(request, "core/login.html", {"form": form, "next": target})


def _came_in(request: HttpRequest, user: User, target: str) -> HttpResponse:
    if auth.has_device(user):
        request.session[_PENDING] = {"user": user.pk, "backend": user.backend, "at": int(time.time())}  # type: ignore[attr-defined]
        request.session["pending_next"] = target
        return redirect("core:login-code")
    return _enter(request, user, target)


def _enter(request: HttpRequest, user: User, target: str) -> HttpResponse:
    login(request, user)
    if auth.must_bind(user):
        request.session[MUST_BIND] = True
        target = reverse("core:enrol")
    if user.password_changed_at is None:
        request.session[MUST_CHANGE] = True
        return redirect("core:password")
    return redirect(target)


@public
@never_cache
@csrf_protect
@require_http_methods(["GET", "POST"])
def login_code(request: HttpRequest) -> HttpResponse:
    """The second half of the login; open for five minutes after the right password."""
    pending = request.session.get(_PENDING)
    if not pending or time.time() - pending["at"] > _PENDING_SECONDS:
        request.session.pop(_PENDING, None)
        return redirect("core:login")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = User.objects.filter(pk=pending["user"], is_active=True).first()
        if user and auth.check_code(user, form.cleaned_data["code"]):
            target = request.session.pop("pending_next", "") or reverse(settings.LOGIN_REDIRECT_URL)
            del request.session[_PENDING]
            user.backend = pending["backend"]  # type: ignore[attr-defined]
            response = _enter(request, user, target)
            auth.step_up(request)
            return response
        form.add_error("code", WRONG_CODE)
    return render(request, "core/otp.html", {"form": form, "is_login": True})


@any_staff
@require_POST
def sign_out(request: StaffRequest) -> HttpResponse:
    logout(request)
    messages.success(request, "已退出登录。")
    return redirect(settings.LOGOUT_REDIRECT_URL)


@any_staff
@never_cache
@require_safe
def go_on(request: StaffRequest) -> HttpResponse:  # noqa: ARG001
    """“继续” before an idle session ends: that somebody asks is all there is to it."""
    return HttpResponse()


@any_staff
@never_cache
@require_http_methods(["GET", "POST"])
def step_up(request: StaffRequest) -> HttpResponse:
    """Ask for a one-time code, remember it for ten minutes in this session, go back to where it was needed."""
    target = safe_next(request, reverse("core:workbench"))
    if not auth.has_device(request.user):
        return redirect(f"{reverse('core:enrol')}?next={quote(target)}")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if auth.check_code(request.user, form.cleaned_data["code"]):
            auth.step_up(request)
            messages.success(request, "口令正确，10 分钟内不用再输。请接着办理。")
            return redirect(target)
        form.add_error("code", WRONG_CODE)
    return render(request, "core/otp.html", {"form": form, "next": target, "is_login": False})


@any_staff
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def enrol(request: StaffRequest) -> HttpResponse:
    """Bind a telephone: show the secret as a QR code, confirm it by password and a first code."""
    target = safe_next(request, reverse("core:workbench"))
    if auth.has_device(request.user):
        return redirect(f"{reverse('core:step-up')}?next={quote(target)}")
    forced = request.session.get(MUST_BIND, False)
    if refusal := services.why_not_bind(request.user):
        return render(request, "core/enrol.html", {"refusal": refusal, "forced": forced})
    device = services.begin_device(request.user)
    form = EnrolForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            services.enrol_device(request.user, code=form.cleaned_data["code"])
        except Refused as refused:
            form.add_error("code", str(refused))
        else:
            request.session.pop(MUST_BIND, None)
            auth.step_up(request)
            messages.success(request, "动态口令已绑定。")
            return redirect(target)
    secret = base64.b32encode(device.bin_key).decode().rstrip("=")
    context = {
        "form": form,
        "next": target,
        "forced": forced,
        # made by our own QR library from our own secret: markup, not text
        "qr": mark_safe(documents.qr_svg(device.config_url)),  # noqa: S308
        "secret": " ".join(secret[n : n + 4] for n in range(0, len(secret), 4)),
    }
    return render(request, "core/enrol.html", context)


@any_staff
@sensitive_post_parameters("current", "password", "again")
@never_cache
@require_http_methods(["GET", "POST"])
def password(request: StaffRequest) -> HttpResponse:
    """Change one's own password; the other sessions of this person end."""
    form = PasswordForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        services.change_password(request.user, password=form.cleaned_data["password"])
        request.session.pop(MUST_CHANGE, None)
        update_session_auth_hash(request, request.user)
        messages.success(request, "密码已修改，其他地方的登录已经退出。")
        return redirect("core:workbench")
    return render(
        request, "core/password.html", {"form": form, "forced": request.session.get(MUST_CHANGE, False)}
    )
