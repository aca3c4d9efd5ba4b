"""村级公开: towns, villages, what was paid there, and the lists as files and posters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from huimin.core.desk.errors import too_many
from huimin.core.desk.http import public
from huimin.core.models import Level
from huimin.core.printing.documents import qr_svg
from huimin.core.values.digests import spaced
from publicity import files, queries, services
from publicity.models import Disclosure
from publicity.rules import OpenLine
from publicity.views import papers
from publicity.views.shell import PublicRequest, names_page, open_page, show

PAGE = 100
_PAPER_AGE = 3600
Chunks = Callable[[Disclosure, Iterable[OpenLine]], Iterator[str]]


@public
@require_safe
@open_page
def villages(request: PublicRequest) -> HttpResponse:
    return show(request, "publicity/villages.html", {"towns": queries.towns()})


@public
@require_safe
@open_page
def place(request: PublicRequest, code: str) -> HttpResponse:
    """Everything that stands open of a township or a village."""
    division = queries.division_or_none(code)
    if division is None:
        raise Http404
    page = Paginator(queries.disclosures_for_place(code), 50).get_page(request.GET.get("page"))
    below = [] if division.level == Level.VILLAGE else queries.villages_below(code)
    context = {
        "division": division,
        "place": queries.place_title(code),
        "page": page,
        "rows": queries.figures_at(code, page),
        "villages": below,
        "offices": queries.offices_at(code),
    }
    return show(request, "publicity/place.html", context)


@public
@require_safe
@names_page
def disclosure(request: PublicRequest, code: str, disclosure_id: int) -> HttpResponse:
    """The list of one payment at a place; a withdrawn one is gone."""
    found = _standing(disclosure_id, code)
    lines = queries.lines_at(found, code)
    wanted = request.GET.get("name", "").strip()[:60]
    if wanted:
        lines = lines.filter(shown_name__startswith=wanted)
    context = {
        "disclosure": found,
        "code": code,
        "place": queries.place_title(code),
        "sums": queries.sums_of(queries.lines_at(found, code)),
        "page": Paginator(lines, PAGE).get_page(request.GET.get("page")),
        "wanted": wanted,
        "spaced_code": spaced(found.code),
        "qr": qr_svg(papers.verify_url(request.build_absolute_uri, found)),
        "offices": queries.offices_at(code),
        "version": found.batch.version,
    }
    return show(request, "publicity/disclosure.html", context)


@public
@require_safe
@names_page
def open_list(
    request: PublicRequest,  # noqa: ARG001 -- every view has one
    disclosure_id: int,
    kind: str,
) -> HttpResponseBase:
    """The whole open list of a township as csv or json, streamed."""
    found = _standing(disclosure_id)
    write, content_type = _FORMATS[kind]
    response = StreamingHttpResponse(write(found, queries.open_lines(found)), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="huimin-{found.code}.{kind}"'
    return response


_FORMATS: dict[str, tuple[Chunks, str]] = {
    "csv": (files.csv_chunks, "text/csv; charset=utf-8"),
    "json": (files.json_chunks, "application/json; charset=utf-8"),
}


@public
@require_safe
@names_page
def poster(request: PublicRequest, code: str, disclosure_id: int) -> HttpResponse:
    """The A3 paper for the village wall. Setting it costs a second, so an address gets a limited number an hour."""
    found = _standing(disclosure_id, code)
    if not services.count_use("paper", request.client_ip):
        return too_many(request)
    response = HttpResponse(
        papers.poster(request.build_absolute_uri, found, code), content_type="application/pdf"
    )
    response["Content-Disposition"] = f'inline; filename="huimin-{found.code}-{code}.pdf"'
    response["Cache-Control"] = f"public, max-age={_PAPER_AGE}"
    return response


def _standing(disclosure_id: int, code: str = "") -> Disclosure:
    """A published disclosure that has lines at this place; everything else is the same 404."""
    rows = queries.standing_disclosures().select_related("policy", "batch__version")
    found: Disclosure = get_object_or_404(rows, pk=disclosure_id)
    if code and not queries.lines_at(found, code).exists():
        raise Http404
    return found
