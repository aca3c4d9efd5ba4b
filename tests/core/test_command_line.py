"""manage.py on a first day: wrong settings and missing tables in one sentence, other errors as they are."""

import os
import subprocess
import sys

import pytest

from huimin import env
from launcher import database
from launcher.places import ROOT
from tests import servers


@pytest.fixture
def empty_database(django_db_setup):
    name = f"{servers.TEST_DATABASE}_empty"
    database.create_database(servers.owner_url(), name)
    yield database.with_database(os.environ["DATABASE_URL"], name)
    servers.drop(name)


@pytest.fixture
def without_departments(committed_db, owner_connection):
    """A database that lacks a table, with the migrations noted as before."""
    owner_connection.execute("DROP TABLE core_department CASCADE")
    owner_connection.commit()
    return database.with_database(os.environ["DATABASE_URL"], committed_db)


def manage(*words, **settings):
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "huimin.settings"} | settings,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("word", ["prodution", "Production", ""])
def test_a_misspelt_environment_is_refused_in_one_sentence(word):
    done = manage("check", HUIMIN_ENV=word)
    assert done.returncode == 1
    assert f"HUIMIN_ENV must be one of production, demo, test, not {word!r}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("word", ["0", "-1", "halb", "1.5"])
def test_a_number_that_is_none_is_refused_in_one_sentence(monkeypatch, word):
    monkeypatch.setenv("HUIMIN_MESSAGES_KEPT_DAYS", word)
    with pytest.raises(env.BadSetting, match="HUIMIN_MESSAGES_KEPT_DAYS must be a whole number from 1 up"):
        env.number("HUIMIN_MESSAGES_KEPT_DAYS", 180, least=1)


@pytest.mark.parametrize("word", ["production", "demo", "test"])
def test_each_environment_is_known_by_its_name(monkeypatch, word):
    monkeypatch.setenv("HUIMIN_ENV", word)
    assert env.choice("HUIMIN_ENV", ("production", "demo", "test"), default="production") == word


def test_a_python_without_django_is_told_the_command_to_use():
    done = subprocess.run(
        [sys.executable, "-S", "-E", "manage.py", "check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "没有装依赖的 Python：请用 python3 run.py manage …。No Django here."


@pytest.mark.parametrize("words", [["accounts"], ["prove"], ["advance", "a.b:1", "submit", "--as", "farm"]])
def test_commands_before_the_first_demo_say_what_to_run(empty_database, words):
    done = manage(*words, DATABASE_URL=empty_database)
    assert done.returncode == 1
    assert done.stderr.startswith("还没有数据，请先运行 python3 run.py")
    assert len(done.stderr.splitlines()) == 1


def test_a_database_older_than_the_code_is_told_to_migrate(without_departments, owner_connection):
    owner_connection.execute("DELETE FROM django_migrations WHERE app = 'publicity' AND name LIKE '0002%'")
    owner_connection.commit()
    done = manage("accounts", DATABASE_URL=without_departments)
    assert done.returncode == 1
    assert done.stderr.startswith("数据库比程序旧，还有 1 个迁移没有执行")


def test_a_missing_table_that_no_migration_explains_stays_an_error(without_departments):
    done = manage("accounts", DATABASE_URL=without_departments)
    assert done.returncode == 1
    assert 'relation "core_department" does not exist' in done.stderr
    assert "迁移没有执行" not in done.stderr
