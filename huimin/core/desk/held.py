"""What was typed, kept over a detour: the sign-in after a session that ended, the page that asks for a one-time code.

It lies in the session, sealed, for half an hour, for the same person, and waits for the page the form stood on. Numbers
of people and accounts are never kept, nor whatever might be one; files and passwords neither. Whose session a browser had
is told by a signed cookie of its own, since a session that ended may have left no row; a sign-out takes the cookie away.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from huimin.core import crypto
from huimin.core.desk import refilling
from huimin.core.values import privacy

STILL_HERE = "您刚才填的内容还在，请核对后再提交一次。证件号、账号、电话没有留，要重新填。"

_KEY, _PURPOSE, _SECONDS = "held_form", "held form", 30 * 60
_OWNER = "held_for"  # the cookie
_OWNER_SECONDS = 24 * 3600  # longer than any session lasts
_MOST = 8_000  # characters of all fields together
# keys and marks that the page puts into its forms, and buttons that carry a word
_NOT_TYPED = frozenset({"csrfmiddlewaretoken", "action_key", "content_hash", "drawn", "verdict", "next"})
# no check digit is asked for: a mistyped number is as private as a right one
_MANY_DIGITS = re.compile(r"(?:\d[ \u00a0-]?){10,}")
_SECRET = re.compile(r"password|current|again|code|text|contact|.*phone|.*number")


@dataclass(frozen=True, slots=True)
class Held:
    """A form as it was sent: the page it stood on, its address, and the fields that may be kept."""

    page: str
    action: str
    typed: dict[str, list[str]]


def owner_before(request: HttpRequest) -> int | None:
    """Whose session this browser had until it ended by itself; None after a sign-out, and for a stranger's browser."""
    told = request.get_signed_cookie(_OWNER, default="", salt=_OWNER, max_age=_OWNER_SECONDS)
    return int(told) if told else None


def remember_owner(request: HttpRequest, response: HttpResponse) -> None:
    """After a page of somebody signed in; whoever signed out with it is forgotten."""
    if not request.user or not request.user.is_authenticated:
        response.delete_cookie(_OWNER)
    elif owner_before(request) != request.user.pk:
        response.set_signed_cookie(
            _OWNER,
            str(request.user.pk),
            salt=_OWNER,
            httponly=True,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )


def typed_in(request: HttpRequest) -> dict[str, list[str]]:
    """Every field of the form that was sent, but for its keys."""
    return {name: values for name, values in request.POST.lists() if name not in _NOT_TYPED}


def hold(request: HttpRequest, *, page: str, owner: int) -> None:
    """Keep what may be kept of the form that was sent, for this person and this page."""
    kept = {
        name: [value for value in values if not _is_private(value)]
        for name, values in typed_in(request).items()
        if not _SECRET.fullmatch(name)
    }
    kept = {name: values for name, values in kept.items() if any(values)}
    if (
        not kept.keys() - {refilling.MARK}
        or sum(len(value) for values in kept.values() for value in values) > _MOST
    ):
        return
    text = json.dumps(
        {"page": page, "action": request.path, "typed": kept, "owner": owner, "at": time.time()}
    )
    request.session[_KEY] = crypto.encrypt(_PURPOSE, text).hex()


def _is_private(value: str) -> bool:
    return bool(_MANY_DIGITS.search(value) or privacy.scan(value))


def take(request: HttpRequest) -> Held | None:
    """The form that waits for this very page, once; what is too old or somebody else's is thrown away."""
    sealed = request.session.get(_KEY) if request.method == "GET" else None
    if sealed is None:
        return None
    found = _open(sealed)
    if time.time() - found["at"] > _SECONDS or found["owner"] != request.user.pk:
        del request.session[_KEY]
        return None
    if found["page"] != request.get_full_path():
        return None
    del request.session[_KEY]
    messages.info(request, STILL_HERE)
    return Held(found["page"], found["action"], found["typed"])


def _open(sealed: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(crypto.decrypt(_PURPOSE, bytes.fromhex(sealed)))
    except crypto.Undecipherable:  # its key has left the ring since
        return {"at": 0, "owner": None}
    return found


def give_back(response: HttpResponse, held: Held) -> HttpResponse:
    """The page with the form filled in again."""
    if response.status_code == 200 and response.get("Content-Type", "").startswith("text/html"):
        page = held.page.partition("?")[0]
        html = refilling.fill(response.content.decode(), page=page, action=held.action, typed=held.typed)
        response.content = html.encode()
    return response
