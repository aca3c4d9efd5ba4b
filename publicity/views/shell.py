"""What all public pages share: navigation, caching, and who must not index them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control

from huimin.core.desk.pages import Link

NAV = (
    ("首页", "publicity:home"),
    ("我的补贴", "publicity:query"),
    ("补贴政策", "publicity:policies"),
    ("公示公告", "publicity:notices"),
    ("村级公开", "publicity:villages"),
    ("核验名单", "publicity:verify"),
)
MAX_AGE = 60
View = Callable[..., HttpResponseBase]


class PublicRequest(HttpRequest):
    """A request of anybody; the address comes from the house's middleware."""

    client_ip: str


def show(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page of the public site with its navigation; the longest matching entry is the present one."""
    links = [(Link(label, reverse(name))) for label, name in NAV]
    fitting = [link.url for link in links if request.path.startswith(link.url)]
    now = max(fitting, key=len) if fitting else ""
    if request.path.startswith(reverse("publicity:objection-ask")):
        now = reverse("publicity:notices")  # an objection is about a notice
    nav = [{"label": link.label, "url": link.url, "current": link.url == now} for link in links]
    return render(request, template, {"public_nav": nav, **context}, status=status)


def open_page(view: View) -> View:
    """Nothing personal on it: proxies may keep it for a minute. Text size comes by cookie, so it varies by that."""

    @wraps(view)
    def wrapped(request: PublicRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        own = response.cookies or request.META.get(
            "CSRF_COOKIE_NEEDS_UPDATE"
        )  # then it is for one visitor alone
        if response.status_code == 200 and "Cache-Control" not in response and not own:
            patch_cache_control(response, public=True, max_age=MAX_AGE)
        return response

    return wrapped


def form_page(view: View) -> View:
    """Nothing personal on it but the token of a form, which is the visitor's own: no proxy may hand it to another."""

    @wraps(view)
    def wrapped(request: PublicRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        patch_cache_control(response, private=True, no_cache=True)
        return response

    return wrapped


def names_page(view: View) -> View:
    """A list with names: open to people, not to search engines."""

    @wraps(view)
    def wrapped(request: PublicRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        return response

    return open_page(wrapped)


def private_page(view: View) -> View:
    """Forms and answers: kept nowhere, indexed by nobody."""

    @wraps(view)
    def wrapped(request: PublicRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        return response

    return wrapped
