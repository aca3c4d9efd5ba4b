"""What `check` runs, and that one failure neither hides nor stops another."""

import pytest

from launcher import checks

GOOD, BAD = checks.Check("good", ("-c", "")), checks.Check("bad", ("-c", "raise SystemExit('said why')"))


def test_every_failed_check_is_named_and_shown(capsys):
    assert checks.all_failed([BAD, GOOD, BAD], 2) == ["bad", "bad"]
    said = capsys.readouterr()
    assert said.out.count("said why") == 2
    assert "通过 passed  good" in said.err


def test_the_fast_check_starts_no_server(monkeypatch):
    monkeypatch.setattr(checks, "offline_checks", lambda: [GOOD])
    monkeypatch.setattr(checks, "throwaway", lambda: pytest.fail("started"))
    assert checks.run(fast=True) == 0


def test_the_whole_check_fails_with_the_database(monkeypatch, capsys):
    monkeypatch.setattr(checks, "offline_checks", lambda: [GOOD])
    monkeypatch.setattr(checks, "database_failed", lambda: ["migrate"])
    assert checks.run(fast=False) == 1
    assert "未通过：migrate" in capsys.readouterr().err


def test_no_fast_check_can_meet_a_database():
    asking = [check for check in checks.offline_checks() if check.words[0] == "manage.py"]
    assert len(asking) == 2
    assert all(check.settings["DATABASE_URL"] == checks.NOWHERE for check in asking)
