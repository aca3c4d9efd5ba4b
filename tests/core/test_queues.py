"""Short tasks never stand behind long jobs: two queues, each with processes of its own, wherever the house is started."""

from pathlib import Path

import pytest
import yaml
from django.conf import settings

from huimin.celery import app
from huimin.core.work import jobs
from launcher import processes
from launcher.places import ROOT

BEAT = settings.CELERY_BEAT_SCHEDULE
TASKS_OF_BEAT = {entry["task"] for entry in BEAT.values()}
JOBS = settings.CELERY_TASK_DEFAULT_QUEUE


def commands_of_the_demo():
    return processes.commands("127.0.0.1", 8000, Path())


def commands_of_production():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return {name: service["command"] for name, service in services.items() if "command" in service}


def queues_of(commands):
    """Name of each Celery worker -> the queues that it listens to."""
    workers = {name: words for name, words in commands.items() if "celery" in words and "worker" in words}
    return {name: words[words.index("-Q") + 1].split(",") for name, words in workers.items()}


@pytest.mark.parametrize("entry", BEAT.values(), ids=BEAT)
def test_every_entry_of_beat_has_the_short_queue_and_an_end(entry):
    options = entry["options"]
    assert options["queue"] == settings.CHORES_QUEUE != JOBS
    assert entry["schedule"] <= options["expires"] <= max(entry["schedule"], settings.SKEW_SECONDS)


def test_a_job_never_lands_in_the_short_queue():
    assert jobs.TASK not in TASKS_OF_BEAT
    assert app.amqp.router.route({}, jobs.TASK)["queue"].name == JOBS


def test_nothing_but_beat_and_jobs_is_sent_to_workers():
    app.loader.import_default_modules()
    ours = {name for name in app.tasks if not name.startswith("celery.")}
    assert ours == TASKS_OF_BEAT | {jobs.TASK}


@pytest.mark.parametrize("commands", [commands_of_the_demo, commands_of_production])
def test_each_queue_has_a_worker_of_its_own(commands):
    assert sorted(queues_of(commands()).values()) == sorted([[JOBS], [settings.CHORES_QUEUE]])


@pytest.mark.parametrize("commands", [commands_of_the_demo, commands_of_production])
def test_a_process_swollen_by_a_long_job_ends_after_it(commands):
    words = commands()["worker"]
    assert words[words.index("--max-memory-per-child") + 1] == "600000"


def test_every_process_of_the_launcher_has_a_title_to_be_ended_by():
    assert set(commands_of_the_demo()) == set(processes.TITLES)
