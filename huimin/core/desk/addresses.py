"""Where a form stood, and which page lies above an address that only takes forms."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme


def came_from(request: HttpRequest) -> str:
    """Path and query of our own page that the request was sent from; empty when the browser does not say."""
    told = request.headers.get("Referer", "")
    at_home = url_has_allowed_host_and_scheme(
        told, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    if not told or not at_home:
        return ""
    parts = urlsplit(told)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def standing_on(request: HttpRequest, back: str) -> str:
    """`back` as the person had it before them: with the filters and the page number of their list."""
    told = came_from(request)
    return told if told.partition("?")[0] == back else back


def above(path: str) -> str:
    """The nearest address above that leads to a page: of …/persons/5/death/ that is …/persons/5/."""
    parts = [part for part in path.split("/") if part]
    while parts:
        parts.pop()
        shorter = f"/{'/'.join(parts)}/" if parts else "/"
        try:
            resolve(shorter)
        except Resolver404:
            continue
        return shorter
    return "/"
