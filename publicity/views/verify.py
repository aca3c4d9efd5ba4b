"""核验: is the list on the wall, or the file in hand, the one that was paid?"""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from huimin.core import clock
from huimin.core.desk.errors import too_many
from huimin.core.desk.http import public, takes
from huimin.core.errors import BadInput
from huimin.core.values.digests import spaced
from publicity import files, queries, services
from publicity.forms import CodeForm, FileForm
from publicity.models import Disclosure
from publicity.rules import differences, read_code, root_of
from publicity.states import DisclosureStatus
from publicity.views.shell import PublicRequest, form_page, names_page, private_page, show
from recipients.models import Notice
from recipients.services.notices import digest_of
from recipients.states import NoticeStatus

MOST_SHOWN = 20
SPARE_LINES = 1_000  # blank or added lines that a file may have more than the published list


@public
@require_safe
@form_page
def verify(request: PublicRequest) -> HttpResponse:
    """Two ways: the code on the paper, or the file that was downloaded. A code in the address is looked up at once."""
    typed = request.GET.get("code", "")
    form = CodeForm(request.GET if typed else None)
    if typed:
        if code := read_code(typed):
            return redirect("publicity:verify-code", code)
        form.add_error("code", "核验码是 16 个字，请对着公示再看一遍")
    return show(request, "publicity/verify.html", {"form": form, "file_form": FileForm()})


@public
@require_safe
@names_page
def verify_code(request: PublicRequest, code: str) -> HttpResponse:
    """Recomputes the root from the published lines, now: nobody has to believe a stored mark."""
    if not services.count_use("verify", request.client_ip):
        return too_many(request)
    plain = read_code(code)
    if plain and (found := queries.disclosure_by_code(plain)):
        return show(request, "publicity/verified.html", _verdict(found))
    if plain and (posted := queries.notices_by_code(plain)):
        return show(request, "publicity/verified_notice.html", _notice_verdict(posted))
    return show(
        request, "publicity/verify_unknown.html", {"code": spaced(plain) if plain else ""}, status=404
    )


def _notice_verdict(posted: list[Notice]) -> dict[str, object]:
    """`posted` are all notices of one list; the names themselves stand on the site only while the days run."""
    shown, today = posted[0], clock.today()
    return {
        "notice": shown,
        "posted": posted,
        "place": queries.place_title(shown.division_code),
        "is_standing": shown.withdrawn_at is None and not shown.is_shielded,
        "is_running": not shown.is_shielded
        and shown.status_on(today) == NoticeStatus.RUNNING
        and shown.starts_on <= today,
        "holds": all(digest_of(one.pk) == one.digest for one in posted),
        "spaced_code": spaced(shown.code),
    }


def _verdict(found: Disclosure) -> dict[str, object]:
    proof = queries.proof_of(found)
    return {
        "disclosure": found,
        "place": queries.place_title(found.division_code),
        "is_standing": found.status == DisclosureStatus.PUBLISHED and not found.is_shielded,
        "holds": proof.root == found.root,
        "root_parts": [found.root[at : at + 8] for at in range(0, 64, 8)],
        "spaced_code": spaced(found.code),
        "bank": queries.roster_sums(found.roster_id),
        "open_count": proof.count,
        "open_total": proof.total,
    }


@public
@takes(files.MOST_BYTES)
@require_http_methods(["POST"])
@private_page
def verify_file(request: PublicRequest) -> HttpResponse:
    """Compare an uploaded open list with the published one, line by line; the file is not kept."""
    if not services.count_use("compare", request.client_ip):
        return too_many(request)
    form = FileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            return _compared(request, files.OpenFile(form.cleaned_data["file"].file))
        except BadInput as wrong:
            form.add_error("file", str(wrong))
    return show(request, "publicity/verify.html", {"form": CodeForm(), "file_form": form, "errors_of": form})


def _compared(request: PublicRequest, file: files.OpenFile) -> HttpResponse:
    """No further than the published list goes: who claims a root that is not ours is not read at all."""
    found = queries.disclosure_by_code(file.root)
    if found is None:
        return show(request, "publicity/verify_unknown.html", {"code": ""}, status=404)
    mine = list(file.lines(found.line_count + SPARE_LINES))
    if found.is_shielded:  # a comparison would tell the names
        return show(request, "publicity/verified.html", _verdict(found))
    unlike = differences(mine, queries.open_lines(found), most=MOST_SHOWN)
    if not unlike and root_of(mine) == found.root:
        return show(request, "publicity/verified.html", _verdict(found))
    context = {
        "disclosure": found,
        "place": queries.place_title(found.division_code),
        "differences": unlike,
        "same_count": found.line_count - len({one.line_no for one in unlike}),
        "is_cut": len(unlike) == MOST_SHOWN,
        "is_standing": found.status == DisclosureStatus.PUBLISHED and not found.is_shielded,
    }
    return show(request, "publicity/verify_diff.html", context)
