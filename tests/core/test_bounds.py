"""Nothing that a stranger can send ends in our own error page, and nothing large is taken in before it is asked for."""

from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.test import Client

from huimin.core.accounts.services import issue_credential
from huimin.core.authority.roles import Role
from huimin.core.desk.middleware import FORM_AROUND
from publicity import files
from tests.factories import TOWN, UserFactory, county

pytestmark = pytest.mark.django_db


@pytest.fixture
def anybody():
    return Client(raise_request_exception=False)


def signed_in(role):
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory(role=role))
    return client


@pytest.mark.parametrize(
    "path", ["/policies/%00/", "/objections/%00/", "/verify/%00/", "/api/v1/policies/%00/"]
)
def test_nul_in_a_path_is_a_page_that_does_not_exist(anybody, path):
    assert anybody.get(path).status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/villages/341524100000/1/?name=%00",
        "/verify/?code=%00",
        *(f"/api/v1/policies/?{key}=%00" for key in ("county", "level", "department", "limit")),
    ],
)
def test_nul_in_a_query_is_a_bad_request(anybody, address):
    assert anybody.get(address).status_code == 400


def test_nul_in_a_search_of_the_desk_is_a_bad_request():
    assert signed_in(Role.FINANCE_CLERK).get("/desk/search/?q=%00%00ab").status_code == 400


def test_nul_in_a_cookie_or_a_form_is_a_bad_request(anybody):
    assert anybody.post("/desk/login/", {"username": "a\0", "password": "b"}).status_code == 400
    anybody.cookies[settings.SESSION_COOKIE_NAME] = "\0" * 32
    assert anybody.get("/").status_code == 400


def test_numbers_longer_than_any_of_ours_are_form_errors():
    county()
    person, admin = UserFactory(), signed_in(Role.SECURITY_ADMIN)
    given = {"role": "village_clerk", "division": TOWN, "first_day": "2026-01-01", "last_day": ""}
    for nines in (30, 5_000):
        page = admin.post(f"/desk/staff/{person.pk}/grant/", given | {"policies": "9" * nines})
        assert page.status_code < 500
        rosters = {"rosters": "9" * nines, "action_key": str(uuid4())}
        assert signed_in(Role.FINANCE_CLERK).post("/desk/disbursement/orders/new/", rosters).status_code < 500


def test_a_body_nested_without_end_is_a_bad_request(anybody):
    credential, secret = issue_credential(
        UserFactory(role=Role.DEPARTMENT_CLERK), scopes=["declaration"], actor=None
    )
    answer = anybody.post(
        "/api/v1/declarations/",
        "[" * 200_000,
        content_type="application/json",
        headers={"authorization": f"Huimin {credential.key_id}:{secret}"},
    )
    assert answer.status_code == 400


# --- bodies --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def parsed(monkeypatch):
    """Whether a form with a file was taken in."""
    seen = []
    begin = FileUploadHandler.new_file
    monkeypatch.setattr(
        FileUploadHandler, "new_file", lambda self, *a, **k: (seen.append(1), begin(self, *a, **k))[1]
    )
    return seen


def told(client, path, size):
    """A short upload whose Content-Length says `size`, as the proxy would hand it on."""
    upload = {"file": SimpleUploadedFile("a.csv", b"1")}
    return client.post(path, upload, CONTENT_LENGTH=str(size)) if size else client.post(path, upload)


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/verify/file/", files.MOST_BYTES),
        ("/query/", settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
        ("/desk/login/", settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
        ("/desk/disbursement/returns/upload/", settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
    ],
)
def test_a_stranger_s_body_is_refused_by_its_length_before_it_is_parsed(anybody, parsed, path, most):
    answer = told(anybody, path, most + FORM_AROUND + 1)
    assert answer.status_code == 413
    assert "文件太大" in answer.content.decode()
    assert not parsed
    told(anybody, path, 0)
    assert parsed


def test_a_signed_in_clerk_may_send_a_large_file_and_no_larger_one(parsed):
    clerk = signed_in(Role.RECONCILER)
    path = "/desk/disbursement/returns/upload/"
    assert told(clerk, path, settings.MOST_UPLOAD_BYTES + FORM_AROUND + 1).status_code == 413
    assert not parsed
    assert told(clerk, path, 0).status_code == 200


def test_a_length_that_is_no_number_is_a_bad_request(anybody):
    assert told(anybody, "/verify/file/", "many").status_code == 400
