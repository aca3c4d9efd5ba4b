"""Processes are known by number and birth; ports and verbs."""

import io
import os
import signal
import socket
import subprocess
import sys

import pytest

from launcher import commands, places, processes, servers
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


@pytest.fixture
def taken():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        yield busy.getsockname()[1]


def test_a_port_that_was_asked_for_and_is_taken_is_refused(taken):
    with pytest.raises(Problem, match=f"端口 {taken} 被占用"):
        processes.chosen_port("127.0.0.1", taken)


def test_another_port_than_the_usual_one_is_said(taken, monkeypatch, capsys):
    monkeypatch.setattr(processes, "USUAL_PORT", taken)
    found = processes.chosen_port("127.0.0.1", None)
    assert f"端口 {taken} 被占用，改用 {found}" in capsys.readouterr().err


def test_a_host_that_is_not_this_machine_is_not_taken_for_a_busy_port():
    with pytest.raises(Problem, match="--host"):
        processes.free_port("192.0.2.1", 8000)


@pytest.mark.parametrize("port", ["99999", "0", "abc", "-1", "80.5", ""])
def test_a_port_that_cannot_be_is_refused_before_anything_begins(port, monkeypatch, capsys):
    monkeypatch.setattr(commands.environment, "install", lambda _: pytest.fail("began"))
    assert commands.main(["demo", f"--port={port}"]) == 1
    assert "1 到 65535" in capsys.readouterr().err


def test_a_wrong_port_of_the_environment_is_refused_alike(monkeypatch, capsys):
    monkeypatch.setattr(commands.environment, "install", lambda _: pytest.fail("began"))
    monkeypatch.setenv("PORT", "abc")
    assert commands.main([]) == 1
    assert "现在是“abc”" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--prot", "9000"], ["check", "--quick"], ["resetdb", "--no"]])
def test_a_misspelt_option_is_answered_with_where_to_read_the_right_ones(argv, monkeypatch, capsys):
    monkeypatch.setattr(commands.environment, "install", lambda _: pytest.fail("began"))
    assert commands.main(argv) == 1
    said = capsys.readouterr().err
    assert "参数不对" in said
    assert "--help" in said


@pytest.mark.parametrize("verb", ["demo", "check", "resetdb"])
def test_the_help_of_a_verb_says_what_it_does(verb, capsys):
    with pytest.raises(SystemExit):
        commands.main([verb, "--help"])
    assert "。" in capsys.readouterr().out


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
        (["-p", "9000"], commands.demo, ["-p", "9000"]),
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


@pytest.fixture
def demo_state(tmp_path, monkeypatch):
    for name in ("DATABASE_URL", "DATABASE_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(commands, "lasting_place", lambda: places.Place(tmp_path, tmp_path))
    (tmp_path / "keyring.json").touch()
    return tmp_path


def test_resetdb_without_a_terminal_asks_for_the_option(demo_state, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert commands.main(["resetdb"]) == 1
    assert "--yes" in capsys.readouterr().err
    assert (demo_state / "keyring.json").exists()


def test_resetdb_looks_whether_the_demo_runs_before_it_asks(demo_state, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("asked"))
    with servers.exclusive(demo_state, "demo.lock", ""):
        assert commands.main(["resetdb"]) == 1
    assert "先停止演示" in capsys.readouterr().err


def test_resetdb_removes_the_demo_when_it_may(demo_state, capsys):
    assert commands.main(["resetdb", "--yes"]) == 0
    assert not (demo_state / "keyring.json").exists()


def test_nothing_answers_on_a_port_that_nobody_has():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert not processes.answers(f"http://127.0.0.1:{probe.getsockname()[1]}/")
