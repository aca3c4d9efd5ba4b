"""What was typed comes back: after a refusal, after a sign-in, after a one-time code; numbers do so only at once."""

import re
import time
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from huimin.core import crypto
from huimin.core.authority.roles import Role
from huimin.core.desk import held, refilling
from huimin.core.models import CodeDevice
from recipients.models import Person
from tests.factories import TOWN, UserFactory
from tests.recipients.factories import chain, declaration, household

PASSWORD = "Huimin-2026"

PAGE = """<!DOCTYPE html><form method="get"><input name="q" value="1"></form>
<details class="m"><form method="post" id="f"><textarea name="note">旧</textarea>
<input name="day" value="a&amp;b"><input type="hidden" name="note" value="h"><select name="kind"><option value="1" selected>一
</option><option value="2">二</option></select><input type="checkbox" name="who" value="7"><button formaction="/go/">办
</button></form></details><input type="radio" form="f" name="how" value="x"><form method="post" action="/other/"><input
name="note" value="别的"></form><script>if (a < b) c &amp; d;</script>"""


def filled(**typed):
    return refilling.fill(
        PAGE, page="/p/", action="/go/", typed={name: [value] for name, value in typed.items()}
    )


def test_every_kind_of_control_of_the_one_form_gets_what_was_typed_and_nothing_else_changes():
    html = filled(note='<好> & "行"', day="2026-01-02", kind="2", who="7", how="x")
    assert '>\n&lt;好&gt; &amp; "行"</textarea>' in html
    assert 'name="day" value="2026-01-02"' in html
    assert '<option value="2" selected>' in html
    assert '<option value="1">' in html
    assert 'name="who" value="7" checked>' in html
    assert 'name="how" value="x" checked>' in html
    assert '<details class="m" open>' in html
    assert html.count('value="h"') == html.count('value="别的"') == html.count('name="q" value="1"') == 1
    assert html.endswith("<script>if (a < b) c &amp; d;</script>")
    assert refilling.fill(PAGE, page="/p/", action="/none/", typed={"note": ["x"]}) == PAGE


@pytest.fixture
def clerk():
    return UserFactory(role=Role.TOWNSHIP_CLERK, at=TOWN, password_changed_at=timezone.now())


def key():
    return {"action_key": str(uuid4())}


@pytest.mark.django_db
def test_a_refused_small_form_is_shown_again_with_what_was_typed_also_the_number(client):
    one = declaration(lines=[], actor=chain()["village"])
    client.force_login(one.made_by)
    typed = {"name": "王新名", "id_number": "99152419700101001", "quantity": "2.5"}
    answer = client.post(reverse("recipients:line-add", args=[one.pk]), typed | key())
    html = answer.content.decode()
    assert answer.status_code == 200
    assert 'role="alert"' in html
    for value in typed.values():
        assert f'value="{value}"' in html
    assert client.session.get("held_form") is None


@pytest.mark.django_db
def test_a_reason_with_a_number_in_it_comes_back_to_be_mended(client, clerk):
    one = declaration(actor=chain()["village"])
    client.force_login(one.made_by)
    url = reverse("recipients:declaration-step", args=[one.pk, "withdraw"])
    html = client.post(url, {"note": "重复，电话13812345678"} | key()).content.decode()
    assert "请删去再提交" in html
    assert ">\n重复，电话13812345678</textarea>" in html


@pytest.mark.django_db
def test_a_refusal_keeps_the_filters_and_the_page_of_the_list(client, clerk):
    one = declaration(actor=chain()["village"])
    client.force_login(one.made_by)
    back = reverse("recipients:declaration-detail", args=[one.pk])
    html = client.post(
        reverse("recipients:declaration-step", args=[one.pk, "withdraw"]), key(),
        headers={"referer": f"http://testserver{back}?state=in&sort=-no"},
    ).content.decode()  # fmt: skip
    assert f'<meta name="page-address" content="{back}?state=in&amp;sort=-no">' in html
    assert '<option value="in" selected>' in html


@pytest.mark.django_db
def test_a_second_click_is_not_given_the_text_back(client, clerk):
    person = household(1)[0]
    client.force_login(clerk)
    url, form = reverse("recipients:person-death", args=[person.pk]), {"died_on": "2026-01-05"} | key()
    client.post(url, form)
    assert client.post(url, form).status_code == 302


def end_session(client):
    session = client.session
    session["seen_at"] = int(time.time()) - settings.SESSION_IDLE_SECONDS - 5
    session.save()


def sign_in(client, user, answer):
    asked = re.search(r"next=([^&]+)", answer.url)[1]
    return client.post(f"/desk/login/?next={asked}", {"username": user.username, "password": PASSWORD})


@pytest.mark.django_db
def test_who_signs_in_again_comes_back_to_the_page_of_the_form_with_what_was_typed(client):
    one = declaration(actor=chain()["village"])
    user = one.made_by
    user.set_password(PASSWORD)
    user.password_changed_at = timezone.now()
    user.save()
    client.force_login(user)
    back = reverse("recipients:declaration-detail", args=[one.pk])
    client.get(back)
    end_session(client)
    client.get(reverse("core:inbox"))  # another tab notices first
    answer = client.post(
        reverse("recipients:declaration-step", args=[one.pk, "withdraw"]), {"note": "村里重复编了"} | key(),
        headers={"referer": f"http://testserver{back}?state=in"},
    )  # fmt: skip
    came = sign_in(client, user, answer)
    assert came.url == f"{back}?state=in"
    html = client.get(came.url).content.decode()
    assert held.STILL_HERE in html
    assert ">\n村里重复编了</textarea>" in html
    assert "村里重复编了" not in client.get(came.url).content.decode()


@pytest.mark.django_db
def test_a_session_whose_row_is_gone_loses_nothing_of_a_form(client):
    one = declaration(actor=chain()["village"])
    user = one.made_by
    user.set_password(PASSWORD)
    user.password_changed_at = timezone.now()
    user.save()
    client.force_login(user)
    back = reverse("recipients:declaration-detail", args=[one.pk])
    client.get(back)
    Session.objects.all().delete()
    answer = client.post(
        reverse("recipients:declaration-step", args=[one.pk, "withdraw"]), {"note": "村里重复编了"} | key(),
        headers={"referer": f"http://testserver{back}"},
    )  # fmt: skip
    html = client.get(sign_in(client, user, answer).url).content.decode()
    assert held.STILL_HERE in html
    assert ">\n村里重复编了</textarea>" in html


@pytest.mark.django_db
def test_who_signed_out_leaves_nothing_for_whoever_comes_next(client, clerk):
    client.force_login(clerk)
    client.get(reverse("core:inbox"))
    client.post(reverse("core:logout"))
    client.post(reverse("recipients:person-death", args=[5]), {"note": "写了一半"})
    assert client.session.get("held_form") is None


@pytest.mark.django_db
def test_a_browser_cannot_claim_to_be_somebody_elses(client, clerk):
    client.cookies["held_for"] = f"{clerk.pk}:1tYyYy:aaaaaaaa"
    client.post(reverse("recipients:person-death", args=[5]), {"note": "写了一半"})
    assert client.session.get("held_form") is None


@pytest.mark.django_db
def test_numbers_of_people_and_accounts_are_not_kept_for_the_sign_in(client, rf):
    request = rf.post(
        "/x/",
        {"name": "王新名", "id_number": "99", "reason": "卡号 6217 9900 0000 0000 1", "note": "1381234567"},
    )
    request.session = client.session
    held.hold(request, page="/y/", owner=1)
    sealed = request.session["held_form"]
    assert "王新名" not in str(sealed)
    kept = crypto.decrypt("held form", bytes.fromhex(sealed))
    assert "y/" in kept
    assert not re.search(r"6217|99|138", kept.partition('"typed"')[2].partition('"owner"')[0])


@pytest.mark.django_db
def test_another_person_at_the_same_desk_gets_nothing_of_it(client, clerk):
    one = declaration(actor=chain()["village"])
    back = reverse("recipients:declaration-detail", args=[one.pk])
    client.force_login(one.made_by)
    client.get(back)
    end_session(client)
    answer = client.post(
        reverse("recipients:declaration-step", args=[one.pk, "withdraw"]), {"note": "村里重复编了"} | key(),
        headers={"referer": f"http://testserver{back}"},
    )  # fmt: skip
    assert "村里重复编了" not in client.get(sign_in(client, clerk, answer).url).content.decode()


@pytest.mark.django_db
def test_an_address_for_forms_has_a_page_of_its_own_with_the_way_back(client, clerk):
    person = household(1)[0]
    client.force_login(clerk)
    answer = client.get(reverse("recipients:person-death", args=[person.pk]))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert f'href="{reverse("recipients:person-detail", args=[person.pk])}"' in answer.content.decode()
    assert Person.objects.get().died_on is None


@pytest.mark.django_db
def test_without_a_referer_the_sign_in_leads_to_the_page_above_the_form(client):
    answer = client.post(reverse("recipients:person-death", args=[5]), {})
    assert answer.url.endswith(f"?next={reverse('recipients:person-detail', args=[5])}")


@pytest.mark.django_db
def test_the_detour_for_a_one_time_code_keeps_what_was_typed(client):
    keeper = UserFactory(role=Role.SECURITY_ADMIN, password_changed_at=timezone.now())
    CodeDevice.objects.create(user=keeper, name="手机", confirmed=True, key="31" * 20)
    other = UserFactory(role=Role.FINANCE_CLERK)
    client.force_login(keeper)
    page = reverse("core:staff-detail", args=[other.pk])
    answer = client.post(
        reverse("core:grant-give", args=[other.pk]), {"role": "supervisor", "first_day": "2026-03-01"}
    )
    assert "step-up" in answer.url
    html = client.get(page).content.decode()
    assert 'value="2026-03-01"' in html
    assert '<option value="supervisor" selected>' in html


@pytest.mark.django_db
def test_a_form_from_before_another_tabs_sign_in_comes_back_with_what_was_typed():
    one = declaration(actor=chain()["village"])
    client = Client(enforce_csrf_checks=True)
    client.force_login(one.made_by)
    back = reverse("recipients:declaration-detail", args=[one.pk])
    client.get(back)
    url = reverse("recipients:declaration-step", args=[one.pk, "withdraw"])
    typed = {"note": "村里重复编了", "csrfmiddlewaretoken": "x" * 64} | key()
    assert client.post(url, typed, headers={"referer": "http://elsewhere.example/"}).status_code == 403
    assert client.post(url, typed, headers={"referer": f"http://testserver{back}"}).url == back
    html = client.get(back).content.decode()
    assert "这次没有提交" in html
    assert ">\n村里重复编了</textarea>" in html


@pytest.mark.django_db
def test_going_on_before_the_idle_end_keeps_the_session(client, clerk):
    client.force_login(clerk)
    page = client.get(reverse("core:workbench")).content.decode()
    assert f'data-idle="{settings.SESSION_IDLE_SECONDS}"' in page
    assert f'data-go-on="{reverse("core:go-on")}"' in page
    session = client.session
    session["seen_at"] = int(time.time()) - settings.SESSION_IDLE_SECONDS + 60
    session.save()
    assert client.get(reverse("core:go-on")).status_code == 200
    assert client.session["seen_at"] > time.time() - 5
