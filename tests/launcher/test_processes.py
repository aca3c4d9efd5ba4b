"""Processes are known by number and birth; ports and verbs."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from launcher import commands, processes
from launcher.console import Problem
from launcher.pids import Process


@pytest.fixture
def sleeper():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    yield child
    child.kill()
    child.wait()


def test_a_recorded_process_is_found_again(sleeper, tmp_path):
    Process.of(sleeper.pid).write(tmp_path / "web.pid")
    assert Process.read(tmp_path / "web.pid").pid == sleeper.pid


def test_a_number_that_was_used_again_is_another_process(tmp_path):
    (tmp_path / "web.pid").write_text(f"{os.getpid()} long ago")
    assert Process.read(tmp_path / "web.pid") is None


def test_an_unreadable_record_names_no_process(tmp_path):
    (tmp_path / "web.pid").write_text("")
    assert Process.read(tmp_path / "web.pid") is None
    assert Process.read(tmp_path / "absent.pid") is None


def test_a_process_that_ignores_the_signal_is_killed(tmp_path):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        Process.of(child.pid).stop(signal.SIGTERM, patience=0.05)
        assert child.wait(5) in {0, -signal.SIGKILL}


def test_what_a_killed_launcher_left_is_ended(sleeper, tmp_path):
    left = Process.of(sleeper.pid)
    left.write(tmp_path / "web.pid")
    processes.Processes(tmp_path, {}).end_left_behind()
    assert not left.alive()
    assert not (tmp_path / "web.pid").exists()


def test_a_busy_port_gives_way_to_the_next():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert processes.free_port("127.0.0.1", port) > port


def test_no_free_port_is_said_with_the_option_to_use(monkeypatch):
    monkeypatch.setattr(processes, "PORTS", 0)
    with pytest.raises(Problem, match="--port"):
        processes.free_port("127.0.0.1", 8000)


def test_a_second_stop_signal_is_ignored():
    with processes.stopping_signals():
        with pytest.raises(processes.Stopped):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("argv", "verb", "rest"),
    [
        ([], commands.demo, []),
        (["--port", "9000"], commands.demo, ["--port", "9000"]),
        (["--help"], commands.usage, []),
        (["test", "-q", "-k", "money"], commands.test, ["-q", "-k", "money"]),
        (["manage", "migrate", "--plan"], commands.manage, ["migrate", "--plan"]),
    ],
)
def test_the_first_word_is_the_verb_and_the_rest_is_passed_on(argv, verb, rest):
    assert commands.choose(argv) == (verb, rest)


def test_an_unknown_verb_is_answered_with_all_verbs(capsys):
    assert commands.main(["stat"]) == 1
    assert "resetdb" in capsys.readouterr().err


def test_resetdb_leaves_a_database_of_ones_own_alone(monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db.example/county")
    assert commands.main(["resetdb", "--yes"]) == 1
    assert "DATABASE_URL" in capsys.readouterr().err
