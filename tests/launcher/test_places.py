"""Folders whose names can be guessed are only used when nobody else can have made them."""

import os
import stat
from types import SimpleNamespace

import pytest

from launcher import places
from launcher.console import Problem


def test_a_private_folder_is_made_for_its_owner_alone(tmp_path):
    made = places.private_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_private_folder_is_used_again_and_closed_again(tmp_path):
    folder = tmp_path / "sockets"
    folder.mkdir(mode=0o755)
    assert stat.S_IMODE(places.private_folder(folder).stat().st_mode) == 0o700


def test_a_link_in_place_of_a_private_folder_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sockets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Problem, match="链接"):
        places.private_folder(tmp_path / "sockets")


def test_a_file_in_place_of_a_private_folder_is_refused(tmp_path):
    (tmp_path / "sockets").touch()
    with pytest.raises(Problem, match="不是目录"):
        places.private_folder(tmp_path / "sockets")


def test_a_private_folder_of_someone_else_is_refused(tmp_path, monkeypatch):
    (tmp_path / "sockets").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / "sockets").stat().st_uid + 1)
    with pytest.raises(Problem, match="属于其他用户"):
        places.private_folder(tmp_path / "sockets")


def test_sockets_lie_where_their_path_is_short_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(places.tempfile, "gettempdir", lambda: "/tmp/" + "long" * 30)
    path = places.sockets_of(tmp_path) / "postgres" / ".s.PGSQL.5432"
    assert len(os.fsencode(path)) <= places.LONGEST_SOCKET


def test_a_state_folder_always_has_the_same_sockets_and_no_other_has_them(tmp_path):
    assert places.sockets_of(tmp_path) == places.sockets_of(tmp_path)
    assert places.sockets_of(tmp_path) != places.sockets_of(tmp_path / "other")


def test_root_keeps_its_state_where_the_servers_account_can_reach_it(monkeypatch):
    monkeypatch.delenv("HUIMIN_STATE", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert str(places.state_folder()).startswith("/var/tmp/huimin-")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert places.state_folder() == places.ROOT / ".run"


def test_a_full_disk_is_said_before_anything_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(places.shutil, "disk_usage", lambda _: SimpleNamespace(free=999_999_999))
    with pytest.raises(Problem, match="磁盘空间不足"):
        places.require_space(tmp_path)
