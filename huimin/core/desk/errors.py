"""Pages for what went wrong. They use no context processors, so they appear when the database does not.

The signatures are Django's, which hands over more than these pages use.
"""

from __future__ import annotations

import logging
import secrets
from typing import Any

from django.contrib import messages
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.csrf import requires_csrf_token
from psycopg.errors import DeadlockDetected, LockNotAvailable

from huimin.core.desk import held
from huimin.core.desk.addresses import above, came_from
from huimin.core.errors import Refused

log = logging.getLogger(__name__)
_NOT_YOURS = "请回到工作台，从“我的待办”里找该您办的事；确实该您办的，请系统管理员看一看您的授权。"


def _page(template: str, status: int, **context: Any) -> HttpResponse:
    return HttpResponse(render_to_string(f"errors/{template}.html", context), status=status)


@requires_csrf_token
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _page("400", 400)


@requires_csrf_token
def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Not this person's post. A refusal of ours says whose it is; any other text stays inside."""
    return _page("403", 403, reason=str(exception) if isinstance(exception, Refused) else _NOT_YOURS)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """The form came without its token: mostly a page left open while the person signed in again in another tab.

    From a page of ours it leads back there, with what was typed; nothing of it was done.
    """
    page, user = came_from(request), getattr(request, "user", None)
    if page and user and user.is_authenticated:
        held.hold(request, page=page, owner=user.pk)
        messages.error(request, "页面停留太久，这次没有提交，数据没有改动。")
        return redirect(page)
    return _page("403_csrf", 403)


@requires_csrf_token
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """The same bytes for what does not exist and for what belongs to the neighbours; the path is not repeated."""
    return _page("404", 404)


def not_a_page(request: HttpRequest, allow: str = "POST") -> HttpResponse:
    """An address that only takes forms, opened by itself: mostly a reload, or a link out of the history."""
    response = _page("405", 405, back=above(request.path))
    response.headers["Allow"] = allow
    return response


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _page("429", 429)


def too_large(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """What is sent is larger than the page takes; nothing of it was read."""
    return _page("413", 413)


def is_held(error: BaseException) -> bool:
    """Whether the database gave up because somebody else is at the same rows: nothing was changed, try again."""
    return isinstance(error, OperationalError) and isinstance(
        error.__cause__, LockNotAvailable | DeadlockDetected
    )


def busy(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Somebody else holds the row longer than we wait, or waits for us in a ring (is_held); nothing was changed."""
    return _page("409", 409)


@requires_csrf_token
def broken(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Our own fault. The number on the page stands beside the traceback in the log."""
    number = error_number()
    log.error("error %s", number, exc_info=True)  # noqa: LOG014 - Django calls this while handling the exception
    response = _page("500", 500, number=number, moment=timezone.localtime())
    response.headers["X-Error-Number"] = number
    return response


def error_number() -> str:
    """E-0618-7F3A2: month and day, then five random digits, short enough for the telephone."""
    return f"E-{timezone.localtime():%m%d}-{secrets.token_hex(3)[:5].upper()}"
