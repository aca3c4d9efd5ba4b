"""manage.py: Django's command line, with the mistakes of a first day answered in one sentence."""

import os
import sys
from collections.abc import Sequence

from huimin.env import BadSetting


def main(argv: Sequence[str]) -> int:
    """The exit code; a wrong setting and tables that are missing are explained instead of traced."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "huimin.settings")
    try:
        return run(argv)
    except BadSetting as error:
        sys.stderr.write(f"设置不对（wrong setting）：{error}\n")
        return 1


def run(argv: Sequence[str]) -> int:
    """Raises BadSetting, and any error of the database that waiting migrations do not explain."""
    from django.core.management import execute_from_command_line  # noqa: PLC0415 -- reads the settings
    from django.db import ProgrammingError  # noqa: PLC0415

    try:
        execute_from_command_line(list(argv))
    except ProgrammingError:
        reason = missing_tables()
        if not reason:
            raise
        sys.stderr.write(f"{reason}\n")
        return 1
    return 0


def missing_tables() -> str:
    """What to do when the database is behind the code; empty when it is not."""
    from django.db import connection  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    connection.close()  # the transaction that failed takes no more statements
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not waiting:
        return ""
    if not executor.loader.applied_migrations:
        return "还没有数据，请先运行 python3 run.py（自备数据库的先运行 manage.py migrate）。No tables yet."
    return (
        f"数据库比程序旧，还有 {len(waiting)} 个迁移没有执行，请先运行 python3 run.py，"
        "或 python3 run.py manage migrate。Migrations are waiting."
    )
