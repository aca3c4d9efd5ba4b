"""A list that is read in a transaction of its own and turns out too long is handed to a job that is there."""

import pytest
from django.test import Client
from django.urls import reverse

from huimin.core.authority.roles import Role
from huimin.core.desk import exports
from huimin.core.models import Job
from tests.factories import UserFactory
from tests.recipients.factories import NOTHING, declaration


@pytest.mark.usefixtures("committed_db")
def test_the_job_to_which_a_long_list_is_handed_is_there_after_the_list_was_thrown_away(monkeypatch):
    monkeypatch.setattr(exports, "MOST_ROWS", 1)
    for _ in range(3):
        declaration(**NOTHING)
    client = Client()
    client.force_login(UserFactory(role=Role.DEPARTMENT_CLERK))
    answer = client.get(reverse("recipients:declaration-export"))
    job = Job.objects.get(kind=exports.JOB)
    assert answer.url == reverse("core:job", args=[job.pk])
    assert client.get(answer.url).status_code == 200
