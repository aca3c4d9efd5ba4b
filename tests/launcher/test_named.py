"""A server that the environment names and that does not answer is said at once, in one sentence, without its password."""

import os
import subprocess
import sys

import pytest

from launcher import named, servers
from launcher.console import Problem
from launcher.places import ROOT, Place


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql://app:hidden@127.0.0.1:1/county", r"PostgreSQL（127\.0\.0\.1:1）连不上：.*refused"),
        ("postgresql://app:hidden@/county?host=/nowhere", "PostgreSQL（/nowhere）连不上"),
        ("mysql://app:hidden@127.0.0.1/county", "开头不是 postgresql://"),
        ("hidden", "开头不是 postgresql://"),
        ("postgresql://app:hidden@127.0.0.1:port/county", "DATABASE_URL"),
        ("postgresql://app:hidden@127.0.0.1/county?nonsense=hidden", "读不出地址"),
    ],
)
def test_a_database_that_cannot_be_reached_is_named_by_its_host(url, complaint):
    with pytest.raises(Problem, match=complaint) as problem:
        named.require_database("DATABASE_URL", url)
    assert "hidden" not in str(problem.value)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("redis://:hidden@127.0.0.1:1", r"Valkey（127\.0\.0\.1:1）没有应答 PING：.*refused"),
        ("unix:///nowhere.sock", "Valkey（/nowhere.sock）没有应答 PING"),
        ("foo", "应写成 redis://"),
        ("redis://:hidden@127.0.0.1:port", "读不出地址"),
    ],
)
def test_a_broker_that_does_not_answer_is_named_by_its_host(url, complaint):
    with pytest.raises(Problem, match=complaint) as problem:
        named.require_redis("REDIS_URL", url)
    assert "hidden" not in str(problem.value)


def test_servers_that_answer_pass():
    named.require_database("DATABASE_URL", os.environ["DATABASE_URL"])
    named.require_redis("REDIS_URL", os.environ["REDIS_URL"])


@pytest.mark.parametrize(
    ("name", "url"),
    [("DATABASE_URL", "postgresql://app@127.0.0.1:1/county"), ("REDIS_URL", "redis://127.0.0.1:1")],
)
def test_a_start_with_a_dead_server_is_refused(tmp_path, monkeypatch, name, url):
    monkeypatch.setenv(name, url)
    with pytest.raises(Problem, match=name):
        servers.Servers(Place(tmp_path, tmp_path)).start()


@pytest.mark.parametrize("words", [["run.py", "manage", "check"], ["-m", "pytest", "-q", "tests/launcher"]])
def test_commands_and_tests_say_it_once_and_without_a_traceback(words):
    dead = {"DATABASE_URL": "postgresql://app:hidden@127.0.0.1:1/county"}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=os.environ | dead, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "DATABASE_URL 指向的 PostgreSQL（127.0.0.1:1）连不上" in said
    assert "Traceback" not in said
    assert "hidden" not in said
