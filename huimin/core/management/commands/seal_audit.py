from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from huimin.core.records import audit


class Command(BaseCommand):
    help = "封存还没有封存的审计记录，并可把链头另存到数据库以外。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anchor", action="store_true", help="同时另存链头")

    def handle(self, *args: Any, **options: Any) -> None:
        sealed = 0
        while now := audit.seal():
            sealed += now
        self.stdout.write(f"封存 {sealed} 条")
        if options["anchor"]:
            self.stdout.write(f"链头另存在 {audit.anchor()}")
