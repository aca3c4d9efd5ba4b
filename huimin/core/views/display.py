"""Reading aids of the public site: the choice is kept in a cookie, so the page comes out right from the first byte."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from huimin.core.desk.addresses import came_from

CHOICES: Final = {"size": {"normal", "large", "xlarge"}, "contrast": {"normal", "high"}}
_YEAR: Final = 365 * 24 * 3600


@login_not_required
@require_safe
def choose(request: HttpRequest) -> HttpResponse:
    """Set text size or contrast and go back to where the link was; a page from elsewhere leads home."""
    response = redirect(came_from(request) or "/")
    for name, values in CHOICES.items():
        value = request.GET.get(name)
        if value in values:
            response.set_cookie(name, value, max_age=_YEAR, samesite="Lax", secure=request.is_secure())
    return response
