"""Finding, adopting and refusing servers; none is started here."""

import os
import stat
from pathlib import Path

import pytest
import yaml

from launcher import binaries, keys, postgres, servers
from launcher.console import Problem
from launcher.places import ROOT, Place


def test_a_data_folder_of_another_major_version_is_refused_with_both_ways_out(tmp_path):
    (tmp_path / "PG_VERSION").write_text("17\n")
    with pytest.raises(Problem, match=r"PostgreSQL 17 建立，现有程序是 18.*PG_BIN.*resetdb"):
        postgres.refuse_other_major(tmp_path, "18")


def test_a_data_folder_of_the_same_major_version_is_used(tmp_path):
    (tmp_path / "PG_VERSION").write_text("18\n")
    postgres.refuse_other_major(tmp_path, "18")


@pytest.mark.parametrize(
    "text",
    ["", "not a number\n", f"{os.getpid()}\n", "999999999\n"],
    ids=["empty", "no number", "another program", "nobody"],
)
def test_a_pid_file_that_does_not_name_this_folders_server_is_not_adopted(tmp_path, text):
    (tmp_path / "postmaster.pid").write_text(text)
    assert postgres.left_behind(tmp_path) is None


def test_the_remedy_is_named_when_there_is_no_postgresql(monkeypatch, tmp_path):
    monkeypatch.setattr(binaries, "_wheel", lambda _: None)
    monkeypatch.setattr(binaries.Path, "glob", lambda *_: iter(()))
    monkeypatch.setattr(binaries.shutil, "which", lambda _: None)
    monkeypatch.delenv("PG_BIN", raising=False)
    with pytest.raises(Problem, match="apt install postgresql"):
        binaries.postgres_bin()


def test_a_pg_bin_without_postgresql_is_refused_instead_of_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(Problem, match=f"PG_BIN 指向的 {tmp_path} 里没有"):
        binaries.postgres_bin()


def test_a_pg_bin_with_postgresql_is_used(monkeypatch, tmp_path):
    for name in ("initdb", "postgres"):
        (tmp_path / name).touch()
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    assert binaries.postgres_bin() == tmp_path


def test_the_remedy_is_named_when_there_is_no_valkey(monkeypatch):
    monkeypatch.setattr(binaries, "_wheel", lambda _: None)
    monkeypatch.setattr(binaries.shutil, "which", lambda _: None)
    with pytest.raises(Problem, match="REDIS_URL"):
        binaries.valkey_binary()


def test_secrets_are_made_once_and_readable_by_their_owner_alone(tmp_path):
    for make in (keys.keyring_file, keys.secret_key_file):
        path = make(tmp_path)
        first = path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert make(tmp_path).read_bytes() == first


def test_servers_named_by_the_environment_are_used_and_none_is_started(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db.example/county")
    monkeypatch.delenv("DATABASE_OWNER_URL", raising=False)
    monkeypatch.setenv("REDIS_URL", "redis://cache.example:6379")
    found = servers.Servers(Place(tmp_path, tmp_path))
    settings = found.environment()
    assert (found.postgres, found.valkey) == (None, None)
    assert settings["DATABASE_OWNER_URL"] == settings["DATABASE_URL"] == "postgresql://app@db.example/county"


def test_a_key_the_environment_holds_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("HUIMIN_KEYRING", keys.new_keyring())
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db.example/county")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example:6379")
    monkeypatch.delenv("HUIMIN_KEYRING_FILE", raising=False)
    assert "HUIMIN_KEYRING_FILE" not in servers.Servers(Place(tmp_path, tmp_path)).environment()


def test_an_address_in_a_file_counts_and_does_not_undo_the_owners(tmp_path, monkeypatch):
    (tmp_path / "address").write_text("postgresql://app@db.example/county\n")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "address"))
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://owner@db.example/county")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example:6379")
    found = servers.Servers(Place(tmp_path, tmp_path))
    assert found.postgres is None
    assert found.environment()["DATABASE_URL"] == "postgresql://app@db.example/county"
    assert servers.as_owner(found.environment())["DATABASE_URL_FILE"] == ""


def test_the_schema_is_changed_by_the_owner_without_a_timeout():
    settings = servers.as_owner({"DATABASE_URL": "app", "DATABASE_OWNER_URL": "owner"})
    assert settings["DATABASE_URL"] == "owner"
    assert "statement_timeout=0" in settings["HUIMIN_PG_OPTIONS"]


def test_a_lock_that_is_held_is_refused_with_the_reason(tmp_path):
    def hold():
        return servers.exclusive(tmp_path, "demo.lock", "先停止演示")

    with hold(), pytest.raises(Problem, match="先停止演示"), hold():
        pass
    with hold():
        pass


def test_only_throw_away_servers_of_killed_users_are_swept(tmp_path, monkeypatch):
    kept, fresh, killed = (tmp_path / name for name in ("kept", "fresh", "killed"))
    for state in (kept, fresh, killed):
        state.mkdir()
    servers.Process.of(os.getpid()).write(kept / servers.USER)
    (killed / servers.USER).write_text("999999999 1")
    monkeypatch.setattr(servers, "throwaway_states", lambda: [kept, fresh, killed])
    servers.sweep()
    assert [state.exists() for state in (kept, fresh, killed)] == [True, True, False]


def test_a_recorded_process_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    record, written = tmp_path / "user", Path.write_text

    def looked_at_meanwhile(path, *args, **kwargs):
        path.touch()
        assert not record.exists()
        return written(path, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", looked_at_meanwhile)
    servers.Process.of(os.getpid()).write(record)
    assert servers.Process.read(record).pid == os.getpid()
    assert list(tmp_path.iterdir()) == [record]


@pytest.mark.parametrize("name", ["random_page_cost", "effective_cache_size", "jit"])
def test_the_planner_is_told_of_memory_and_solid_state_wherever_the_house_is_started(name):
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    told = dict(
        word.removeprefix("-c").split("=", 1) for word in compose["services"]["postgres"]["command"][1:]
    )
    assert name in told
    assert name in postgres.SETTINGS
    assert told["random_page_cost"] == postgres.SETTINGS["random_page_cost"] == "1.1"
