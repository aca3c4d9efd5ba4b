"""Lists that are too long to wait for become jobs that stay, as in service: every request commits by itself."""

import pytest
from django.urls import reverse

from huimin.core.desk import exports, places
from huimin.core.models import Job
from huimin.core.work import jobs
from tests.disbursement import factories as make


def uncounted(request, name, columns, rows, *, of=None):
    """The same list without the rows that are counted beforehand."""
    return exports.workbook(request, name, columns, rows)


@pytest.mark.parametrize("counted", [True, False], ids=["counted first", "broken off while it is written"])
@pytest.mark.parametrize("name", ["person", "entitlement", "declaration"])
def test_a_list_that_is_too_long_is_written_by_a_job_that_is_there_afterwards(
    committed_db, client, monkeypatch, name, counted
):
    monkeypatch.setattr(exports, "MOST_ROWS", 1)
    monkeypatch.setattr(places, "BLOCK", 1)
    if not counted:
        for module in ("people", "entitlements", "declarations"):
            monkeypatch.setattr(f"recipients.views.{module}.workbook", uncounted)
    here = make.world(4)
    client.force_login(here["department"])
    answer = client.get(reverse(f"recipients:{name}-export"))
    job = Job.objects.get(kind=exports.JOB)
    assert answer.url == reverse("core:job", args=[job.pk])
    assert client.get(answer.url).status_code == 200
    assert jobs.run(job.pk) == "done"
    assert client.get(reverse("core:job-file", args=[job.pk])).status_code == 200
