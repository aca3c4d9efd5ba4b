"""What every staff page begins with: who may open it, and where a refused step leads."""

from __future__ import annotations

from collections.abc import Callable, Collection
from copy import copy
from dataclasses import dataclass
from functools import wraps
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.forms import BaseForm, Form
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import ResolverMatch, resolve, reverse
from django.utils.datastructures import MultiValueDict
from django.utils.http import url_has_allowed_host_and_scheme

from huimin.core.accounts import auth
from huimin.core.authority import scope
from huimin.core.authority.posts import not_your_post, refusal_of_post
from huimin.core.authority.steps import Step
from huimin.core.desk import held, refilling
from huimin.core.desk.addresses import standing_on
from huimin.core.desk.errors import forbidden
from huimin.core.desk.forms import NOTHING_TO_CHANGE, refuse_private_numbers
from huimin.core.errors import Refused, StepForbidden, StepRefused
from huimin.core.models import ActionKey
from huimin.core.values.doubts import Doubtful
from huimin.core.work import workflow

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from huimin.core.models import User

View = Callable[..., HttpResponseBase]
Made = TypeVar("Made")


class AlreadySent(StepRefused):
    """The form's key is used up: what was typed has been taken, and is not shown again."""


class StaffRequest(HttpRequest):
    """A request that the login, htmx and staff middleware have already been through."""

    user: User  # type: ignore[assignment]
    htmx: HtmxDetails
    client_ip: str
    refused_form: BaseForm | None = None  # again(): a form of the page with its faults, to be drawn as it is


def opens(area: str) -> Callable[[View], View]:
    """The page belongs to this area of the records; other roles get 403. `view.area` is what the tests walk."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not scope.reads(request.user, area):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        guarded.area = area  # type: ignore[attr-defined]
        return guarded

    return decorate


def not_yours(
    request: StaffRequest,
    roles: Collection[str],
    *,
    division_code: str = "",
    policy_id: int | None = None,
    act: str = "",
) -> HttpResponse | None:
    """The 403 page that says whose form this is, before anything is typed; None for whoever holds one of the roles there, or
    without a place anywhere."""
    if not division_code:
        mine = scope.holds_anywhere(request.user, roles)
        return None if mine else forbidden(request, not_your_post(roles, act))
    refusal = refusal_of_post(request.user, roles, division_code=division_code, policy_id=policy_id, act=act)
    return forbidden(request, refusal) if refusal else None


def any_staff(view: View) -> View:
    """A page that every signed-in person has: workbench, inbox, own jobs."""
    view.area = "*"  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """A page without login; the list of these is fixed in tests."""
    view.login_required = False  # type: ignore[attr-defined]
    view.area = "public"  # type: ignore[attr-defined]
    return view


def takes(most_bytes: int) -> Callable[[View], View]:
    """The page takes an upload of this size from anybody; other public pages a form, staff pages a large file."""

    def decorate(view: View) -> View:
        view.takes_bytes = most_bytes  # type: ignore[attr-defined]
        return view

    return decorate


def take_step(
    request: StaffRequest,
    one: Step,
    act: Callable[[], Any],
    *,
    back: str,
    done: str,
    of: Model | None = None,
) -> HttpResponse:
    """Run a service for a button: asks for a one-time code when the step wants one, shows refusals, redirects.

    A form field `action_key` makes a double click act once. `done` is the message on success. With `of`, the object
    that moves, a form that was drawn before it moved on (Panel.drawn) is refused.
    """
    if one.step_up and (asked := code_first(request, one.label, back=back)):
        return asked
    told = request.POST.get("drawn", "")

    def as_drawn() -> None:
        if of is not None and told:
            workflow.require_as_drawn(of, told)
        act()

    return act_once(request, as_drawn, name=one.name, back=back, done=done)


def act_once(
    request: StaffRequest, act: Callable[[], Any], *, name: str, back: str, done: str
) -> HttpResponse:
    """The same for what is no step of a workflow: the form's key and the service are one transaction.

    A refusal is shown as it stands, on the page `back` with the form as it was filled in; one of the wrong post as its
    own page.
    """
    try:
        with transaction.atomic():
            refuse_private_note(request)
            take_action_key(request, name)
            act()
    except StepForbidden as refused:
        return forbidden(request, refused)
    except AlreadySent as refused:
        messages.error(request, str(refused))
    except Refused as refused:
        return again(request, str(refused), back=back)
    else:
        messages.success(request, done)
    return redirect(standing_on(request, back))


def act_with(
    request: StaffRequest,
    form: Form,
    act: Callable[[dict[str, Any]], Any],
    *,
    name: str,
    back: str,
    done: str,
) -> HttpResponse:
    """act_once for a small form on a page: its first fault is shown as the refusal."""
    if not form.is_valid():
        return again(request, first_fault(form), back=back)
    return act_once(request, lambda: act(form.cleaned_data), name=name, back=back, done=done)


def first_fault(form: Form) -> str:
    """What is wrong with a small form, in one sentence."""
    return str(next(iter(form.errors.values()))[0])


def again(request: StaffRequest, refusal: str, *, back: str, form: BaseForm | None = None) -> HttpResponse:
    """The page `back` once more, as the answer to a small form that stands on it: why not, and what was typed.

    `form` is for a page that draws it with the faults at their fields (request.refused_form). Nothing is stored for it, so that a number typed in comes back too; a key that was taken was given back with the
    transaction, and the page brings a new one.
    """
    messages.error(request, refusal)
    page = standing_on(request, back)
    path, _, query = page.partition("?")
    match = resolve(path)
    opened = _as_opened(request, path, query, match)
    opened.refused_form = form
    response = match.func(opened, *match.args, **match.kwargs)
    if response.status_code != HTTPStatus.OK or response.streaming:
        return redirect(page)
    html = refilling.fill(
        response.content.decode(), page=path, action=request.path, typed=held.typed_in(request)
    )
    # the script puts this address into the browser's bar, for a reload
    html = html.replace("</head>", f'<meta name="page-address" content="{escape(page)}"></head>', 1)
    response.content = html.encode()
    return response


def _as_opened(request: StaffRequest, path: str, query: str, match: ResolverMatch) -> StaffRequest:
    """The request for the page, by the same person in the same session."""
    opened = copy(request)
    opened.method, opened.path, opened.path_info = "GET", path, path
    opened.META = request.META | {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query}
    opened.GET, opened.POST = QueryDict(query), QueryDict("")  # type: ignore[assignment]
    opened._files = MultiValueDict()  # type: ignore[attr-defined]  # noqa: SLF001 - Django fills it from the body
    opened.resolver_match = match
    return opened


@dataclass(frozen=True, slots=True)
class Done(Generic[Made]):
    """What a service returned, also when that is nothing."""

    result: Made


def act_on_form(
    request: StaffRequest, form: BaseForm, act: Callable[[], Made], *, name: str
) -> Done[Made] | None:
    """act_once for a page that is its form; a refusal stands in the form, at its field where that is known: then None."""
    try:
        with transaction.atomic():
            take_action_key(request, name)
            return Done(act())
    except Refused as refused:
        _tell(form, refused)
    return None


def _tell(form: BaseForm, refused: Refused) -> None:
    """A refusal in its form. What no change of a field mends is marked so: its title asks for no change."""
    field = getattr(refused, "field", "")
    at = field if field in form.fields else None
    if at and isinstance(refused, Doubtful):
        form.add_error(at, ValidationError(refused.beside_boxes, code=NOTHING_TO_CHANGE))
    else:
        form.add_error(at, ValidationError(str(refused), code=None if at else NOTHING_TO_CHANGE))


def code_first(request: StaffRequest, act: str, *, back: str) -> HttpResponse | None:
    """The way to the page that asks for a one-time code; None when one was given in the last ten minutes."""
    if auth.is_stepped_up(request):
        return None
    back = standing_on(request, back)
    held.hold(request, page=back, owner=request.user.pk)
    messages.info(request, f"“{act}”要先输入动态口令，输入后请再点一次。")
    return redirect(f"{reverse('core:step-up')}?next={quote(back)}")


def take_action_key(request: StaffRequest, action: str) -> None:
    """Use up the form's key; the second submit of one form is refused and changes nothing."""
    try:
        key = UUID(request.POST.get("action_key", ""))
    except ValueError:
        raise StepRefused("页面已过期，请刷新后再办理。") from None
    try:
        with transaction.atomic():
            ActionKey.objects.create(key=key, user=request.user, action=action)
    except IntegrityError:
        raise AlreadySent("这一步刚才已经提交过，没有重复办理。请看下面的当前状态。") from None


def refuse_private_note(request: StaffRequest) -> None:
    """Reasons on buttons are kept with the business for ever: raises StepRefused when one holds somebody's number."""
    for name in ("note", "reason"):
        try:
            refuse_private_numbers(request.POST.get(name, ""), "原因")
        except ValidationError as found:
            raise StepRefused(f"{found.messages[0]}。") from found


def safe_next(request: HttpRequest, fallback: str) -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    allowed = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if allowed and target.startswith("/") else fallback


def render_page(request: HttpRequest, template: str, partial: str, context: dict[str, Any]) -> HttpResponse:
    """The whole page, or only its changing part when htmx asked (not for boosted or history requests)."""
    htmx = getattr(request, "htmx", None)
    wanted = partial if htmx and not htmx.boosted and not htmx.history_restore_request else template
    return render(request, wanted, context)
