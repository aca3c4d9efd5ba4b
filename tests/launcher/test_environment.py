"""When the virtual environment is filled, and what is said where it can't be."""

import sys

import pytest

from launcher import environment
from launcher.console import Problem


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    """A checkout with three locks and an empty environment."""
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    (tmp_path / ".venv").mkdir()
    (tmp_path / "requirements").mkdir()
    for lock in environment.LOCKS:
        environment.lock_path(lock).write_text(f"lock {lock}")


def satisfied():
    return [lock for lock in environment.LOCKS if environment.satisfied(lock)]


def test_an_empty_environment_satisfies_no_lock():
    assert satisfied() == []


@pytest.mark.parametrize(
    ("installed", "expected"), [("run", ["run"]), ("test", ["run", "test"]), ("dev", ["run", "test", "dev"])]
)
def test_a_lock_satisfies_itself_and_those_it_holds(installed, expected):
    environment.stamp(installed)
    assert satisfied() == expected


def test_a_changed_lock_is_installed_again():
    environment.stamp("test")
    environment.lock_path("test").write_text("newer")
    assert satisfied() == []


def test_installing_a_lock_ends_the_stamps_of_others():
    environment.stamp("dev")
    environment.lock_path("dev").write_text("newer")
    environment.stamp("run")
    environment.lock_path("dev").write_text("lock dev")
    assert satisfied() == ["run"]


def test_a_satisfied_environment_is_not_filled_again(monkeypatch):
    environment.stamp("run")
    monkeypatch.setattr(environment, "PYTHON", sys.executable)
    monkeypatch.setattr(environment, "create", lambda: pytest.fail("filled again"))
    environment.install("run")


def test_a_broken_interpreter_is_made_again(tmp_path, monkeypatch):
    class Filled(Exception):
        pass

    def create():
        raise Filled

    environment.stamp("run")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / "gone")
    monkeypatch.setattr(environment, "create", create)
    with pytest.raises(Filled):
        environment.install("run")


def test_a_python_without_ensurepip_and_pip_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(Problem, match="apt install python3-venv"):
        environment.create()


@pytest.mark.parametrize(
    ("libc", "machine", "expected"), [("", "x86_64", "musl"), ("glibc", "riscv64", "riscv64")]
)
def test_a_machine_without_wheels_is_named(monkeypatch, libc, machine, expected):
    monkeypatch.setattr(environment.sys, "platform", "linux")
    monkeypatch.setattr(environment.platform, "machine", lambda: machine)
    monkeypatch.setattr(environment.platform, "libc_ver", lambda: (libc, ""))
    with pytest.raises(Problem, match=expected):
        environment.require_platform()
