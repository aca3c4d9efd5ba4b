import pytest

from launcher import commands


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(commands.os, "cpu_count", lambda: 4)
    for name in ("DATABASE_URL", "DATABASE_URL_FILE", "REDIS_URL", "REDIS_URL_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("arguments", [[], ["-q"], ["-x", "--durations=10"]])
def test_a_whole_run_is_divided_among_the_cores(four_cores, arguments):
    assert commands.side_by_side(arguments) == ["-n", "4", "--dist", "loadfile"]


@pytest.mark.parametrize("arguments", [["tests/core"], ["-k", "money"], ["-n0"], ["-n", "2"]])
def test_a_choice_of_tests_runs_in_one_process_unless_asked_otherwise(four_cores, arguments):
    assert commands.side_by_side(arguments) == []


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_servers_of_somebodys_own_are_used_by_one_process(four_cores, monkeypatch, name):
    monkeypatch.setenv(name, "postgresql://somewhere/test")

    assert commands.side_by_side([]) == []


def test_one_core_is_not_divided(four_cores, monkeypatch):
    monkeypatch.setattr(commands.os, "cpu_count", lambda: 1)

    assert commands.side_by_side([]) == []
