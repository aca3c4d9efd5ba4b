"""停用, 恢复 and 作废 of a person's record, on the person's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from huimin.core.authority import scope
from huimin.core.authority.roles import Area
from huimin.core.desk.http import StaffRequest, act_with, opens, take_step
from huimin.core.work import workflow
from recipients import forms
from recipients.models import Person, RecordPause, RecordStatus
from recipients.services import records
from recipients.states import RECORD_FLOW, VOID_ROLES, RecordPauseStatus

if TYPE_CHECKING:
    from huimin.core.work.workflow import Action


def on_the_page(request: StaffRequest, person: Person) -> dict[str, Any]:
    """What the person's page says of the record's use, and the acts that are this reader's."""
    pause = person.pauses.filter(status=RecordPauseStatus.STANDING).select_related("made_by").first()
    may_pause = scope.holds(request.user, RECORD_FLOW["pause"].roles, division_code=person.division_code)
    may_void = person.status != RecordStatus.VOID and scope.holds(
        request.user, VOID_ROLES, division_code=person.division_code
    )
    return {
        "pause": pause,
        "pause_form": forms.RecordPauseForm(auto_id="pause_%s")
        if may_pause and person.status == RecordStatus.NORMAL
        else None,
        "resume": _resume(request, pause) if pause else None,
        "resume_form": forms.RecordResumeForm(auto_id="resume_%s"),
        "void_form": forms.VoidForm(auto_id="void_%s") if may_void else None,
        "void_why": records.why_not_void(person, actor=request.user) if may_void else "",
    }


def _resume(request: StaffRequest, pause: RecordPause) -> Action | None:
    return next(iter(workflow.actions(pause, RECORD_FLOW, actor=request.user)), None)


def _page(pk: int) -> str:
    return reverse("recipients:person-detail", args=[pk])


@opens(Area.REGISTRY)
@require_POST
def person_pause(request: StaffRequest, pk: int) -> HttpResponse:
    """停用, with the reason."""
    get_object_or_404(Person.objects.visible_to(request.user), pk=pk)
    return act_with(
        request,
        forms.RecordPauseForm(request.POST),
        lambda data: records.pause_record(pk, reason=data["reason"], actor=request.user),
        name="record.pause",
        back=_page(pk),
        done="档案已停用，停用期间不发放、不能申报；已在申报册里的照常审核，已送银行的照发。要恢复的，由另一个人办。",
    )


@opens(Area.REGISTRY)
@require_POST
def pause_step(request: StaffRequest, pk: int, pause: int, name: str) -> HttpResponse:
    """恢复: by another one than who put the record out of use, with the reason."""
    one = get_object_or_404(RecordPause.objects.visible_to(request.user), pk=pause, person_id=pk)
    if name not in {step.name for step in RECORD_FLOW.steps}:
        raise Http404
    return take_step(
        request,
        RECORD_FLOW[name],
        lambda: records.lift_pause(one.pk, name, actor=request.user, note=request.POST.get("note", "")),
        back=_page(pk),
        done="档案已恢复使用。停用期间没有发的，在各期批次的页面建补发批次。",
    )


@opens(Area.REGISTRY)
@require_POST
def person_void(request: StaffRequest, pk: int) -> HttpResponse:
    """作废: by another one than who registered the person, with the reason."""
    get_object_or_404(Person.objects.visible_to(request.user), pk=pk)
    return act_with(
        request,
        forms.VoidForm(request.POST),
        lambda data: records.void_person(pk, reason=data["reason"], actor=request.user),
        name="person.void",
        back=_page(pk),
        done="档案已作废。这个身份证号可以重新导入建档。",
    )
