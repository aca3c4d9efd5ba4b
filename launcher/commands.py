"""The verbs of run.py."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

from launcher import checks, environment
from launcher.console import Options, Problem, port, say, step
from launcher.places import PYTHON, ROOT, lasting_place
from launcher.postgres import ADMIN
from launcher.processes import USUAL_PORT, Processes, Stopped, chosen_port, stopping_signals
from launcher.servers import (
    Servers,
    as_owner,
    end_left_behind,
    exclusive,
    given,
    lasting_servers,
    throwaway_servers,
)

OWNER_COMMANDS = {"migrate", "pgtrigger"}  # the app's role may not change the schema
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MOST_PROCESSES = 4  # of tests: each has a PostgreSQL of its own
USAGE = """用法 Usage: python3 run.py [命令]

  demo [-p N] [--host H]      启动演示（默认命令）：安装、数据库、示例数据、网页与后台任务   start everything
  accounts [--all] [--json]   列出各岗位演示账号与动态口令   demo accounts with one-time codes
  test [pytest 参数]          用临时数据库运行测试   pytest with throw-away servers
  e2e [pytest 参数]           浏览器测试，需要 Chromium   browser tests
  check [--fast]              全部静态检查   linters, types, layers, migrations, deployment
  manage …                    Django 命令   any manage.py command, with the servers up
  resetdb [--yes]             删除演示数据   drop the demo's data
  bench …                     性能测量，用临时数据库   measurements with throw-away servers
  screenshots [--site 地址]   给运行中的演示逐页截图，存入 docs/screenshots   pictures of every page

变量 Environment: HUIMIN_STATE, PG_BIN, DATABASE_URL, DATABASE_OWNER_URL, REDIS_URL (docs/operations.md)"""


def foreground(arguments: Sequence[str], settings: dict[str, str]) -> int:
    """Run python with the arguments and return its exit code; Ctrl-C is the child's to answer."""
    child = subprocess.Popen([PYTHON, *arguments], cwd=ROOT, env=os.environ | settings)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return child.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def django_step(title: str, arguments: Sequence[str], settings: dict[str, str]) -> None:
    words = [str(PYTHON), "manage.py", *arguments]
    with step(title):
        if subprocess.run(words, cwd=ROOT, env=os.environ | settings, check=False).returncode:
            raise Problem(f"{title}失败：manage.py {arguments[0]}，原因见上。Failed, see above.")


def demo_settings(servers: Servers) -> dict[str, str]:
    return {"HUIMIN_ENV": os.environ.get("HUIMIN_ENV", "demo")} | servers.environment()


def demo(arguments: Sequence[str]) -> int:
    parser = Options(
        prog="run.py demo", description="启动演示：安装、数据库、示例数据、网页与后台任务。Starts everything."
    )
    parser.add_argument(
        "--host", default=os.environ.get("HOST") or "127.0.0.1", help="监听的地址；默认 HOST 或 127.0.0.1"
    )
    parser.add_argument(
        "-p",
        "--port",
        type=port,
        default=os.environ.get("PORT") or None,
        help=f"端口；默认 PORT，都没有就从 {USUAL_PORT} 起找一个空的",
    )
    options = parser.parse_args(arguments)
    environment.install("run")
    environment.enter(["demo", *arguments])
    busy = "演示已在运行，请先按 Ctrl-C 停止它。The demo of this checkout is already running."
    with exclusive(lasting_place().state, "demo.lock", busy), stopping_signals():
        try:
            run_demo(options.host, options.port)
        except Stopped:
            say("已停止，数据已保留；再次运行即可继续。Stopped, data kept.")
    return 0


def run_demo(host: str, asked: int | None) -> None:
    """Everything up, until a signal or the first process that ends."""
    with lasting_servers() as servers:
        settings = demo_settings(servers)
        processes = Processes(servers.place.state, settings)
        processes.end_left_behind()
        listening = chosen_port(host, asked)
        django_step("建立数据表", ["migrate", "--verbosity", "0"], as_owner(settings))
        django_step("准备示例数据（仅首次）", ["seed_demo", "--if-empty"], settings)
        django_step("收集静态文件", ["collectstatic", "--noinput", "--verbosity", "0"], settings)
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{listening}/"  # noqa: S104
        try:
            with step("启动网页服务、后台任务、定时任务"):
                processes.start(host, listening)
                processes.wait_for_web(url)
            django_step("演示账号", ["accounts"], settings)
            say(f"惠民直达已就绪：{url}  日志：{servers.place.state / 'logs'}  按 Ctrl-C 结束")
            processes.watch()
        finally:
            with step("停止网页服务与任务"):
                processes.stop()


def accounts(arguments: Sequence[str]) -> int:
    return manage(["accounts", *arguments])


def manage(arguments: Sequence[str]) -> int:
    environment.install("run")
    environment.enter(["manage", *arguments])
    with lasting_servers() as servers:
        settings = demo_settings(servers)
        changes_schema = bool(arguments) and arguments[0] in OWNER_COMMANDS
        return foreground(["manage.py", *arguments], as_owner(settings) if changes_schema else settings)


def test(arguments: Sequence[str]) -> int:
    environment.install("test")
    environment.enter(["test", *arguments])
    return foreground(["-m", "pytest", *side_by_side(arguments), *arguments], {})


def side_by_side(arguments: Sequence[str]) -> list[str]:
    """How pytest divides a whole run: a process with servers of its own for each core, the tests of a file together.

    A choice of tests runs in one process, and so does everything on servers that the environment names.
    """
    chosen = any(not one.startswith("-") or one.startswith("-n") for one in arguments)
    processes = min(os.cpu_count() or 1, MOST_PROCESSES)
    if chosen or processes < 2 or given("DATABASE_URL") or given("REDIS_URL"):
        return []
    return ["-n", str(processes), "--dist", "loadfile"]


def browser() -> dict[str, str]:
    """Where the browser is, for the programs that drive one."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    chosen = os.environ.get("HUIMIN_CHROMIUM") or found
    if not chosen:
        raise Problem(
            "找不到 Chromium：apt install chromium fonts-noto-cjk，或设 HUIMIN_CHROMIUM。No Chromium found."
        )
    return {"HUIMIN_CHROMIUM": chosen}


def e2e(arguments: Sequence[str]) -> int:
    environment.install("dev")
    environment.enter(["e2e", *arguments])
    return foreground(["-m", "pytest", "tests/e2e", *arguments], browser())


def screenshots(arguments: Sequence[str]) -> int:
    """Pictures of the running demo; its servers are shared, for the list of accounts."""
    environment.install("dev")
    environment.enter(["screenshots", *arguments])
    with lasting_servers() as servers:
        settings = demo_settings(servers) | browser() | {"PYTHONPATH": str(ROOT)}
        return foreground(["tools/screenshots.py", *arguments], settings)


def check(arguments: Sequence[str]) -> int:
    parser = Options(
        prog="run.py check",
        description="全部静态检查。Linters, types, floors, templates, migrations, deployment.",
    )
    parser.add_argument("--fast", action="store_true", help="不要数据库的那些；提交前先跑这个")
    options = parser.parse_args(arguments)
    environment.install("dev")
    environment.enter(["check", *arguments])
    return checks.run(fast=options.fast)


def resetdb(arguments: Sequence[str]) -> int:
    """Remove the demo's servers' data and keys; logs and copies of programs stay."""
    parser = Options(
        prog="run.py resetdb", description="删除本机的演示数据，下次启动重新生成。Drops the demo's data."
    )
    parser.add_argument("--yes", action="store_true", help="不再询问")
    options = parser.parse_args(arguments)
    if given("DATABASE_URL"):
        raise Problem(
            "已设 DATABASE_URL，resetdb 只处理本机演示数据库。resetdb is for the demo's own database."
        )
    state = lasting_place().state
    busy = "数据库正在使用，请先停止演示。The servers are in use: stop the demo first."
    with exclusive(state, "demo.lock", busy), exclusive(state, "users.lock", busy):
        if not (options.yes or confirmed()):
            say("未删除。Nothing done.")
            return 1
        end_left_behind(state)
        for name in ("postgres", "valkey", "outbox"):
            shutil.rmtree(state / name, ignore_errors=True)
        (state / "keyring.json").unlink(missing_ok=True)
    say("已删除，下次启动重新生成。Removed.")
    return 0


def confirmed() -> bool:
    """Ask at the terminal; without one nobody can answer."""
    try:
        return input("将删除全部演示数据，输入 yes 确认：") == "yes"
    except EOFError:
        raise Problem("没有终端可以确认，请加 --yes。Nobody to ask: use --yes.") from None


def bench(arguments: Sequence[str]) -> int:
    """Measurements want real durability, so these throw-away servers keep fsync on."""
    environment.install("test")
    environment.enter(["bench", *arguments])
    with throwaway_servers(durable=True) as servers:
        settings = demo_settings(servers)
        django_step("建立数据表", ["migrate", "--verbosity", "0"], as_owner(settings))
        settings["PYTHONPATH"] = str(ROOT)
        if servers.postgres:  # a checkpoint before each measured step takes a superuser
            settings["HUIMIN_BENCH_ADMIN_URL"] = servers.postgres.url(ADMIN, "postgres")
        return foreground(["bench/run.py", *arguments], settings)


def usage(_: Sequence[str]) -> int:
    print(USAGE)
    return 0


VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "demo": demo,
    "accounts": accounts,
    "test": test,
    "e2e": e2e,
    "check": check,
    "manage": manage,
    "resetdb": resetdb,
    "bench": bench,
    "screenshots": screenshots,
    "help": usage,
    "-h": usage,
    "--help": usage,
}


def choose(argv: Sequence[str]) -> tuple[Callable[[Sequence[str]], int], Sequence[str]]:
    """The verb and its arguments; without a verb, or with options only, demo."""
    if not argv or (argv[0].startswith("-") and argv[0] not in VERBS):
        return demo, argv
    if argv[0] not in VERBS:
        raise Problem(f"没有命令“{argv[0]}”。\n{USAGE}")
    return VERBS[argv[0]], argv[1:]


def main(argv: Sequence[str]) -> int:
    """The exit code: 0, 1 for a problem that was explained, 130 for Ctrl-C, or the called program's own."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without UTF-8 must not end the run
    try:
        verb, arguments = choose(argv)
        return verb(arguments)
    except Problem as problem:
        say(str(problem))
        return 1
    except (KeyboardInterrupt, Stopped):
        say("已中断。Interrupted.")
        return 130
