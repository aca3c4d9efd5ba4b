from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from psycopg.errors import LockNotAvailable

from huimin.core.desk.errors import busy

_SEEN = "seen_at"
MUST_CHANGE = "must_change_password"  # set at a login with a password that somebody else knows


def client_ip(request: HttpRequest) -> str:
    """The right-most address that our own proxies did not add; a forged X-Forwarded-For changes nothing."""
    chain = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    hops = settings.TRUSTED_PROXIES
    if hops and len(chain) >= hops:
        return chain[-hops]
    return request.META.get("REMOTE_ADDR") or "local"


class StaffMiddleware:
    """Ends idle sessions, keeps signed-in pages out of every cache, and names the client's address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.client_ip = client_ip(request)  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            self._watch_idle(request)
        response = self._first_password(request) or self.get_response(request)
        # the API puts its own user in place of the session's, or None when there is no credential
        if request.user is not None and request.user.is_authenticated:
            response.headers["Cache-Control"] = "no-store"
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A held row is nobody's fault: say so instead of showing the page for our own errors."""
        held = isinstance(exception, OperationalError) and isinstance(exception.__cause__, LockNotAvailable)
        return busy(request, exception) if held else None

    def _first_password(self, request: HttpRequest) -> HttpResponse | None:
        """Whoever still has the password they were given may only change it, or go."""
        allowed = (reverse("core:password"), reverse("core:logout"))
        if request.session.get(MUST_CHANGE) and request.path not in allowed:
            return redirect("core:password")
        return None

    def _watch_idle(self, request: HttpRequest) -> None:
        now, seen = int(time.time()), request.session.get(_SEEN)
        if seen is not None and now - seen > settings.SESSION_IDLE_SECONDS:
            logout(request)
            return
        # one write a minute is enough to know idleness, and spares the session table
        if seen is None or now - seen > 60:
            request.session[_SEEN] = now
