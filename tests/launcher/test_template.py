"""The kept cluster: when it may be used, and that nothing a migration depends on is left out of its name."""

import ast
import os
import subprocess
from pathlib import Path

import pytest

from launcher import template
from launcher.places import ROOT, Place
from launcher.postgres import Postgres

APPS = ("huimin", "subsidies", "recipients", "disbursement", "servicecenter", "supervision", "publicity")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(template, "_folder", lambda: tmp_path / "templates")
    (tmp_path / "templates").mkdir()
    return tmp_path / "templates"


def checkout(root: Path, content: str) -> Path:
    (root / "recipients" / "migrations").mkdir(parents=True, exist_ok=True)
    (root / "recipients" / "migrations" / "0001_initial.py").write_text(content)
    return root


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return {name for name in names if name.split(".")[0] in APPS}


def test_what_a_migration_imports_decides_over_the_kept_cluster():
    deciding = set(template.deciding_files())
    migrations = [path for path in deciding if path.parent.name == "migrations"]
    assert len(migrations) > 10
    for migration in migrations:
        for name in imported(migration):
            module = ROOT / f"{name.replace('.', '/')}.py"
            assert not module.exists() or module in deciding, f"{migration} imports {name}"


def test_another_migration_is_another_cluster(tmp_path):
    before = template.key(checkout(tmp_path, "one = 1"))
    assert template.key(checkout(tmp_path, "one = 1")) == before
    assert template.key(checkout(tmp_path, "one = 2")) != before


def test_a_cluster_of_other_migrations_is_not_used(folder, tmp_path, monkeypatch):
    (folder / "another").mkdir()
    monkeypatch.setattr(template, "key", lambda: "todays")
    postgres = Postgres(Place(tmp_path, tmp_path), durable=False)
    assert not template.restore(postgres)
    assert not postgres.data.exists()


def test_the_kept_cluster_becomes_the_data_of_a_server(folder, tmp_path, monkeypatch):
    (folder / "todays").mkdir()
    (folder / "todays" / "PG_VERSION").write_text("18")
    monkeypatch.setattr(template, "key", lambda: "todays")
    postgres = Postgres(Place(tmp_path, tmp_path), durable=False)
    assert template.restore(postgres)
    assert (postgres.data / "PG_VERSION").read_text() == "18"


def test_a_cluster_that_cannot_be_copied_leaves_nothing_behind(folder, tmp_path, monkeypatch):
    (folder / "todays").mkdir()
    monkeypatch.setattr(template, "key", lambda: "todays")
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(template.subprocess, "run", lambda *_, **__: failed)
    postgres = Postgres(Place(tmp_path, tmp_path), durable=False)
    assert not template.restore(postgres)
    assert not postgres.data.exists()


def test_only_the_clusters_used_last_are_kept(folder):
    for number in range(4):
        (folder / str(number)).mkdir()
        os.utime(folder / str(number), (number, number))
    template._forget_older()
    assert {path.name for path in folder.iterdir()} == {"2", "3"}
