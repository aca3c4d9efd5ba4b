from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from huimin.core import clock
from huimin.core.desk.http import public
from huimin.core.models import Division
from huimin.core.values.periods import Period
from publicity import queries
from publicity.views.shell import PublicRequest, open_page, show
from subsidies.models import Policy


@public
@require_safe
@open_page
def home(request: PublicRequest) -> HttpResponse:
    today = clock.today()
    notices = queries.running_notices(today)
    context = {
        "facts": queries.year_facts(today.year),
        "notice_count": notices.count(),
        "notices": _placed(list(notices[:5])),
        "disclosures": _placed(list(queries.standing_disclosures().order_by("-published_on", "-id")[:5])),
        "today": today,
    }
    return show(request, "publicity/home.html", context)


def _placed(rows: list[Any]) -> list[tuple[Any, str]]:
    """Each row with the name of its place, by one query for all."""
    names = Division.objects.titles([row.division_code for row in rows])
    return [(row, names[row.division_code]) for row in rows]


@public
@require_safe
@open_page
def policies(request: PublicRequest) -> HttpResponse:
    today = clock.today()
    rows = [(policy, _version(policy)) for policy in queries.public_policies_on(today)]
    return show(request, "publicity/policies.html", {"rows": rows})


def _version(policy: Policy) -> object:
    return next(iter(policy.versions_today), None)  # type: ignore[attr-defined]


@public
@require_safe
@open_page
def policy(request: PublicRequest, code: str) -> HttpResponse:
    today = clock.today()
    found = queries.public_policies_on(today).filter(code=code).first()
    if found is None:
        raise Http404
    recent = queries.standing_disclosures().filter(policy=found).order_by("-published_on", "-id")[:5]
    context = {
        "policy": found,
        "version": _version(found),
        "former": queries.former_versions(found, today),
        "disclosures": [(row, place, Period.parse(row.period).label) for row, place in _placed(list(recent))],
        "today": today,
    }
    return show(request, "publicity/policy.html", context)
