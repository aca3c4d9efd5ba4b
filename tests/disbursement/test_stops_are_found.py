"""A stop stays findable and can be taken back as long as it keeps the person from being paid."""

import pytest
from django.urls import reverse

from disbursement import services
from disbursement.models import StopLift
from tests.disbursement import factories as make
from tests.disbursement.test_pages import page_of

pytestmark = pytest.mark.django_db


def made_anew(here, batch, line):
    services.regenerate_roster(line.roster_id, actor=here["town"])


def taken_back(here, batch, line):
    services.advance_batch(batch.pk, "take_back", actor=here["department"], note="重来")


@pytest.mark.parametrize("happens", [made_anew, taken_back], ids=lambda one: one.__name__)
def test_a_stop_of_a_list_that_is_gone_is_found_and_taken_back(happens):
    here = make.world(3)
    batch = make.issued_batch(here)
    line = make.lines_of(batch).order_by("pk").first()
    services.stop_line(line.pk, reason="核实中", actor=here["town"])
    happens(here, batch, line)
    now = make.issued_batch(here) if happens is taken_back else batch
    roster = now.rosters.get(division_code=line.roster.division_code)
    client, its_page = page_of(here["department"]), reverse("disbursement:line-detail", args=[line.pk])
    for name, pk in (("roster-left-out", roster.pk), ("person-payments", line.beneficiary_id)):
        assert its_page in client.get(reverse(f"disbursement:{name}", args=[pk])).content.decode()
    page = client.get(its_page)
    assert "恢复发放" in page.content.decode()
    data = {"reason": "核实了", "action_key": page.context["action_key"]}
    client.post(reverse("disbursement:line-lift", args=[line.pk]), data)
    assert StopLift.objects.filter(line=line).exists()
    assert "<form" not in client.get(its_page).content.decode().partition("停错了")[2]
    services.regenerate_roster(roster.pk, actor=here["town"])
    assert make.lines_of(now).filter(beneficiary_id=line.beneficiary_id).exists()
    left = client.get(reverse("disbursement:roster-left-out", args=[roster.pk])).content.decode()
    assert its_page not in left
