"""The demo's own processes: web server, worker, scheduler. The first to end, or a signal, ends them all."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.console import Problem, say
from launcher.pids import Process, wait_until
from launcher.places import PYTHON, ROOT

TITLES = {"web": "网页服务", "worker": "后台任务", "chores": "短任务", "beat": "定时任务"}
USUAL_PORT = 8000
PORTS = 100  # how many after the wished one are tried
PATIENCE = 12.0  # seconds a worker has to finish the task at hand; an unfinished one is offered again


class Stopped(Exception):
    """Somebody asked the demo to end."""


def free_port(host: str, wished: int) -> int:
    """The wished port, or the next free one."""
    for port in range(wished, min(wished + PORTS, 65536)):
        if is_free(host, port):
            return port
    raise Problem(f"端口 {wished} 起的 {PORTS} 个端口都被占用，请用 --port 指定。No free port: use --port.")


def is_free(host: str, port: int) -> bool:
    """Whether a server may listen there; raises Problem when not even another port would help."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise Problem(f"端口 {port} 需要 root 权限，请用 --port 8000。Port needs root.") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise Problem(
                f"不能在 {host} 上监听：{error.strerror}，请改 --host。Cannot listen there."
            ) from None
    return True


def chosen_port(host: str, asked: int | None) -> int:
    """The port that was asked for and no other; when none was, the usual one or the next, and then it is said."""
    if asked is None:
        found = free_port(host, USUAL_PORT)
        if found != USUAL_PORT:
            say(f"端口 {USUAL_PORT} 被占用，改用 {found}（port {USUAL_PORT} is taken, using {found}）")
        return found
    if not is_free(host, asked):
        raise Problem(f"端口 {asked} 被占用，请换一个或去掉 --port。Port {asked} is taken.")
    return asked


def commands(host: str, port: int, state: Path) -> dict[str, list[str]]:
    """What each process runs, as arguments of `python -m`."""
    web = ["gunicorn", "huimin.wsgi", "--bind", f"{host}:{port}", "--workers", "2", "--threads", "4"]
    web += ["--graceful-timeout", "5", "--log-level", "warning", "--no-control-socket"]
    celery = ["celery", "-A", "huimin"]
    worker = [*celery, "worker", "-c", "2", "--loglevel", "WARNING"]
    return {
        "web": web,
        # KiB: a process that a large import has swollen ends after it
        "worker": [*worker, "-Q", "jobs", "-n", "jobs@%h", "--max-memory-per-child", "600000"],
        "chores": [*worker, "-Q", "chores", "-n", "chores@%h"],
        # the schedule is static, so what beat remembers may be forgotten
        "beat": [*celery, "beat", "--loglevel", "WARNING", "--pidfile=", "--schedule", str(state / "beat")],
    }


class Processes:
    """Children of the launcher, each in its own session, recorded so that a later start can end them."""

    def __init__(self, state: Path, environment: dict[str, str]) -> None:
        self.state = state
        self.environment = os.environ | environment | {"PYTHONUNBUFFERED": "1"}
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def log(self, name: str) -> Path:
        return self.state / "logs" / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        return self.state / f"{name}.pid"

    def end_left_behind(self) -> None:
        """End what a killed launcher left: old code must not serve, nor hold the port."""
        for name, title in TITLES.items():
            if left := Process.read(self.pid_file(name)):
                say(f"结束上次遗留的{title}（stale {name}）")
                left.stop(signal.SIGTERM, patience=PATIENCE, group=True)
            self.pid_file(name).unlink(missing_ok=True)

    def start(self, host: str, port: int) -> None:
        (self.state / "logs").mkdir(exist_ok=True)
        for name, words in commands(host, port, self.state).items():
            with self.log(name).open("wb") as log:
                child = subprocess.Popen(
                    [PYTHON, "-m", *words],
                    cwd=ROOT,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self.children[name] = child
            if process := Process.of(child.pid):
                process.write(self.pid_file(name))

    def wait_for_web(self, url: str) -> None:
        """Until the web server answers anything at all."""
        if not wait_until(lambda: answers(url) or bool(self._ended()), 60):
            raise Problem(
                f"网页服务一分钟内没有应答，日志 {self.log('web')}。The web server does not answer."
            )
        self._refuse_ended()

    def watch(self) -> None:
        """Returns only by an exception: Stopped, or Problem when a child ends by itself."""
        while True:
            self._refuse_ended()
            time.sleep(0.3)

    def stop(self) -> None:
        """All are told first, then waited for; a second SIGTERM is of no use to Celery, SIGQUIT is."""
        left = {name: Process.of(child.pid) for name, child in self.children.items()}
        for child in self.children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        wait_until(lambda: all(child.poll() is not None for child in self.children.values()), PATIENCE)
        for name, process in left.items():
            if process:
                process.stop(signal.SIGQUIT, patience=3, group=True)
            self.pid_file(name).unlink(missing_ok=True)

    def _ended(self) -> list[str]:
        return [name for name, child in self.children.items() if child.poll() is not None]

    def _refuse_ended(self) -> None:
        for name in self._ended():
            tail = self.log(name).read_text(encoding="utf-8", errors="replace").strip()[-1500:]
            code = self.children[name].returncode
            raise Problem(f"{TITLES[name]}意外退出（代码 {code}），日志 {self.log(name)}：\n{tail}")


def answers(url: str) -> bool:
    """Whether anything answers there, be it with an error page."""
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@contextmanager
def stopping_signals() -> Iterator[None]:
    """Ctrl-C, a service manager's stop and a closed terminal all raise Stopped, once; later ones are ignored."""
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise Stopped

    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {sign: signal.signal(sign, stop) for sign in handled}
    try:
        yield
    finally:
        sys.stdout.flush()
        for sign, handler in before.items():
            signal.signal(sign, handler)
