from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, UnreadablePostError
from django.shortcuts import redirect
from django.urls import reverse

from huimin.core.desk import held
from huimin.core.desk.addresses import above, came_from
from huimin.core.desk.errors import bad_request, busy, is_held, not_a_page, not_found, too_large

FORM_AROUND = 64 * 1024  # other fields and boundaries around an upload
_SEEN, _BEGAN = "seen_at", "began_at"
MUST_CHANGE = "must_change_password"  # set at a login with a password that somebody else knows
MUST_BIND = "must_bind_device"  # set at a login of a post that needs one-time codes, without a telephone


def client_ip(request: HttpRequest) -> str:
    """The right-most address that our own proxies did not add; a forged X-Forwarded-For changes nothing."""
    chain = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    hops = settings.TRUSTED_PROXIES
    if hops and len(chain) >= hops:
        return chain[-hops]
    return request.META.get("REMOTE_ADDR") or "local"


class BoundsMiddleware:
    """What no page could use is answered before any page sees it: NUL, which PostgreSQL has no text for, and bodies that
    are larger than the page takes, before the form in them is parsed and spooled to disk."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            return not_found(request)
        if "%00" in request.META.get("QUERY_STRING", "") or any(
            "\0" in one for one in request.COOKIES.values()
        ):
            return bad_request(request)
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> HttpResponse | None:
        try:
            told = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return bad_request(request)
        if told > self._most(request, view) + FORM_AROUND:
            return too_large(request)
        return bad_request(request) if self._nul_in_form(request, view) else None

    def _nul_in_form(self, request: HttpRequest, view: Callable[..., HttpResponse]) -> bool:
        """Only where the next middleware reads the form anyway, for its token."""
        if request.method != "POST" or getattr(view, "csrf_exempt", False):
            return False
        try:
            return any("\0" in text for _, texts in request.POST.lists() for text in texts)
        except UnreadablePostError:
            return True  # the sender went away

    def _most(self, request: HttpRequest, view: Callable[..., HttpResponse]) -> int:
        """By the page, else by who asks. The API parses nothing before it knows who asks, as its views are exempt."""
        if (own := getattr(view, "takes_bytes", None)) is not None:
            return int(own)
        known = getattr(view, "csrf_exempt", False) or request.user.is_authenticated
        return settings.MOST_UPLOAD_BYTES if known else settings.DATA_UPLOAD_MAX_MEMORY_SIZE


class SignInMiddleware(LoginRequiredMiddleware):
    """Whoever is asked to sign in while sending a form comes back to the page it stood on, and finds what was typed."""

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseRedirect:
        if request.method in {"GET", "HEAD"}:
            return super().handle_no_permission(request, view_func)
        page = came_from(request) or above(request.path)
        if (owner := held.owner_before(request)) is not None:
            held.hold(request, page=page, owner=owner)
        return redirect_to_login(page, self.get_login_url(view_func), self.get_redirect_field_name(view_func))


class StaffMiddleware:
    """Ends idle and old sessions, keeps signed-in pages out of every cache, and names the client's address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.client_ip = client_ip(request)  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            self._watch_idle(request)
        signed_in = request.user.is_authenticated
        waiting = held.take(request) if request.user.is_authenticated else None
        response = self._first_things(request) or self.get_response(request)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and not response.content:
            response = not_a_page(request, response.headers["Allow"])
        if waiting:
            response = held.give_back(response, waiting)
        if signed_in:
            held.remember_owner(request, response)
        # the API puts its own user in place of the session's, or None when there is no credential
        if request.user is not None and request.user.is_authenticated:
            response.headers["Cache-Control"] = "no-store"
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A held row is nobody's fault: say so instead of showing the page for our own errors."""
        return busy(request, exception) if is_held(exception) else None

    def _first_things(self, request: HttpRequest) -> HttpResponse | None:
        """Whoever still has the password they were given, or no telephone, may only see to that, or go."""
        for duty, page in ((MUST_CHANGE, "core:password"), (MUST_BIND, "core:enrol")):
            if request.session.get(duty):
                allowed = (reverse(page), reverse("core:logout"))
                return None if request.path in allowed else redirect(page)
        return None

    def _watch_idle(self, request: HttpRequest) -> None:
        now, seen = int(time.time()), request.session.get(_SEEN)
        began = request.session.get(_BEGAN, now)
        idle = seen is not None and now - seen > settings.SESSION_IDLE_SECONDS
        if idle or now - began > settings.SESSION_MOST_SECONDS:
            logout(request)
            return
        # one write a minute is enough to know idleness, and spares the session table
        if seen is None or now - seen > 60:
            request.session[_SEEN] = now
            request.session.setdefault(_BEGAN, now)
