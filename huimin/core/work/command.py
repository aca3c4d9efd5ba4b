"""Base of the staff commands: the same services as the pages, acting as a named person."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import BaseCommand, CommandError, CommandParser

from huimin.core.errors import FileRefused, Refused
from huimin.core.models import Job, User
from huimin.core.work import jobs


class StaffCommand(BaseCommand):
    """`--as USERNAME` acts as that person, `--json` prints the result as JSON; a refusal exits with 1.

    Subclasses implement `act(actor, **options) -> dict`; the dict is what is printed.
    """

    needs_actor = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as", dest="username", required=self.needs_actor, help="以谁的名义办理（用户名）"
        )
        parser.add_argument("--json", action="store_true", help="输出 JSON")
        self.add_options(parser)

    def add_options(self, parser: CommandParser) -> None:
        """What the command takes besides --as and --json."""

    def act(self, actor: User | None, *args: Any, **options: Any) -> dict[str, Any]:
        raise CommandError("act is for the subclass to write")

    def handle(self, *args: Any, username: str | None, json: bool, **options: Any) -> None:
        try:
            result = self.act(self._actor(username), **options)
        except FileRefused as refused:
            rows = [{"row": one.row, "column": one.column, "message": one.message} for one in refused.errors]
            self._fail(str(refused), json, errors=rows)
        except Refused as refused:
            self._fail(str(refused), json)
        except ObjectDoesNotExist:
            self._fail("没有找到：编号不对，或者不在您的管辖范围。", json)
        else:
            self._print(result, json)

    def run_job(self, job: Job) -> Job:
        """Do a job here and now instead of waiting for a worker; raises Refused with its message when it fails."""
        jobs.run_to_end(job)
        if job.faults:
            raise FileRefused(job.message, jobs.faults_of(job))
        if job.state != Job.State.DONE:
            raise Refused(job.message or "任务没有办成。")
        return job

    def _actor(self, username: str | None) -> User | None:
        if not username:
            return None
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise Refused(f"没有“{username}”这个在用的账号。")
        return user

    def _print(self, result: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(result, ensure_ascii=False, default=str))
        else:
            for key, value in result.items():
                self.stdout.write(f"{key}：{value}")

    def _fail(self, message: str, as_json: bool, **more: Any) -> None:
        if as_json:
            self.stdout.write(json.dumps({"refused": message, **more}, ensure_ascii=False))
        else:
            self.stderr.write(message)
            for one in more.get("errors", [])[:50]:
                if one["message"] != message:  # a fault of the whole file may be all there is to say
                    self.stderr.write(f"  {one['message']}")
        sys.exit(1)
