import re

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpResponse
from django.test import RequestFactory
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled

from huimin.core.desk import errors
from huimin.core.desk.middleware import StaffMiddleware
from huimin.core.errors import Refused
from huimin.core.views import display

# no database mark: a query from any of these pages would fail the test


def request(path: str = "/desk/secret/?id=1"):
    return RequestFactory().get(path)


def text(response) -> str:
    return response.content.decode()


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (errors.bad_request, 400),
        (errors.forbidden, 403),
        (errors.csrf_failure, 403),
        (errors.not_found, 404),
        (errors.not_a_page, 405),
        (errors.too_many, 429),
        (errors.too_large, 413),
        (errors.busy, 409),
        (errors.broken, 500),
    ],
)
def test_each_error_page_renders_without_database_and_repeats_nothing_of_the_request(view, status):
    response = view(request())
    assert response.status_code == status
    assert "secret" not in text(response)
    assert "<h1>" in text(response)


def test_what_is_missing_and_what_is_the_neighbours_look_the_same_to_the_byte():
    stranger = errors.not_found(request("/desk/batches/1/"), PermissionDenied("x"))
    neighbour = errors.not_found(request("/desk/batches/2/"), LookupError("古碑镇"))
    assert stranger.content == neighbour.content
    assert dict(stranger.headers) == dict(neighbour.headers)


def test_a_refusal_says_whose_step_it_is_and_other_texts_stay_inside():
    assert "须由王建华办理" in text(errors.forbidden(request(), Refused("须由王建华办理。")))
    assert "core.view_batch" not in text(errors.forbidden(request(), PermissionDenied("core.view_batch")))


def test_our_own_fault_has_a_number_that_stands_in_the_log(caplog):
    response = errors.broken(request())
    number = response.headers["X-Error-Number"]
    assert re.fullmatch(r"E-\d{4}-[0-9A-F]{5}", number)
    assert number in text(response)
    assert number in caplog.text


def test_a_reading_aid_is_kept_and_leads_back_to_the_page():
    asked = RequestFactory().get(
        "/display/?size=large", headers={"referer": "http://testserver/policies/?page=2"}
    )
    response = display.choose(asked)
    assert response["Location"] == "/policies/?page=2"
    assert response.cookies["size"].value == "large"
    assert "contrast" not in response.cookies


@pytest.mark.parametrize("referer", ["https://evil.example/", "javascript:alert(1)", ""])
def test_a_reading_aid_never_leads_to_another_site(referer):
    asked = RequestFactory().get("/display/?contrast=high", headers={"referer": referer})
    assert display.choose(asked)["Location"] == "/"


def test_a_reading_aid_outside_the_list_is_not_stored():
    response = display.choose(RequestFactory().get("/display/?size=<script>"))
    assert not response.cookies


@pytest.mark.parametrize(
    ("cause", "status"),
    [(LockNotAvailable("held"), 409), (DeadlockDetected("ring"), 409), (QueryCanceled("slow"), None)],
)
def test_a_held_row_is_told_as_such_and_nothing_else_is(cause, status):
    error = OperationalError("x")
    error.__cause__ = cause
    answer = StaffMiddleware(lambda _: HttpResponse()).process_exception(request(), error)
    assert (answer and answer.status_code) == status
