"""The short form of the bench: every way of every job comes to the same result, over some two hundred rows. No clock."""

import os
from urllib.parse import urlsplit

import pytest

from bench import child, databases
from bench.harness import Bases
from bench.plan import COMPARISONS
from bench.verdicts import differences
from launcher import database
from tests import servers

ROWS = 200


def here(act, name, rows, folder, url):
    """What a child process does, in this one."""
    with servers.pointing_at(urlsplit(url).path.lstrip("/"), url):
        return {"prepare": child.prepare, "measure": child.measure}[act](name, child.Stage(rows, folder))


@pytest.fixture(scope="module")
def bases(django_db_setup, django_db_blocker, tmp_path_factory):
    """One for all jobs, which begin with each other's data."""
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        for name in ("DATABASE_OWNER_URL", "DATABASE_URL"):
            patch.setenv(name, database.with_database(os.environ[name], servers.TEMPLATE))
        yield Bases(tmp_path_factory.mktemp("bench"), print, here)
        databases.drop_all()


@pytest.mark.parametrize("one", COMPARISONS, ids=lambda one: one.job)
def test_every_way_of_a_job_comes_to_the_same_result(bases, one):
    def proof(name):
        return bases.run(name, ROWS, reads_only=one.reads_only).proof

    ours = proof(one.ours)
    assert ours["rows"]
    for name in (one.limit, *(peer.method for peer in one.peers)):
        assert differences(name, proof(name), ours, one.proof) == []
