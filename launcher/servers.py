"""The servers a command needs: those named by the environment, the checkout's own, or throw-away ones."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from launcher import keys
from launcher.console import Problem, say
from launcher.pids import Process
from launcher.places import (
    Place,
    discard,
    lasting_place,
    require_space,
    sockets_of,
    throwaway_place,
    throwaway_states,
)
from launcher.postgres import ADMIN, Postgres, left_behind
from launcher.valkey import PID_FILE, Valkey

USER = "user.pid"  # in a throw-away place: the command it belongs to
NO_TIMEOUT = "-c statement_timeout=0 -c lock_timeout=0 -c jit=off"


@dataclass
class Servers:
    """PostgreSQL and Valkey of one place; whatever the environment names already is not started."""

    place: Place
    durable: bool = True  # False: a power cut may lose everything
    keep: bool = True  # False: the place vanishes with the servers
    postgres: Postgres | None = field(default=None, init=False)
    valkey: Valkey | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not given("DATABASE_URL"):
            self.postgres = Postgres(self.place, durable=self.durable)
        if not given("REDIS_URL"):
            self.valkey = Valkey(self.place)

    def start(self) -> Self:
        """Start what the environment does not name; what already runs in this place is taken over.

        Raises Problem when a server that the environment names does not answer.
        """
        from launcher import database  # psycopg exists once the environment is entered  # noqa: PLC0415

        self._require_named()
        try:
            if self.postgres:
                self.postgres.start()
                admin = self.postgres.url(ADMIN, "postgres")
                database.make_roles(admin)
                database.make_database(admin)
            if self.valkey:
                self.valkey.start()
        except BaseException:
            self._undo()
            raise
        return self

    def _require_named(self) -> None:
        from launcher import named  # needs psycopg and redis, like `database`  # noqa: PLC0415

        if not self.postgres:
            for name in filter(given, ("DATABASE_URL", "DATABASE_OWNER_URL")):
                named.require_database(name, value(name))
        if not self.valkey:
            named.require_redis("REDIS_URL", value("REDIS_URL"))

    def _undo(self) -> None:
        """After a start that failed: what was running before may be in use by another command."""
        for server in (self.valkey, self.postgres):
            if server and not server.adopted:
                server.stop()

    def stop(self) -> None:
        for server in (self.valkey, self.postgres):
            if server:
                server.stop()
        if self.keep:
            return
        discard(self.place)

    @property
    def adopted(self) -> bool:
        """Whether a server was already running when `start` was called."""
        return any(server and server.adopted for server in (self.postgres, self.valkey))

    def environment(self) -> dict[str, str]:
        """What Django needs to find the servers and its keys."""
        (self.place.state / "outbox").mkdir(mode=0o700, exist_ok=True)
        found = {
            "HUIMIN_KEYRING_FILE": str(keys.keyring_file(self.place.state)),
            "HUIMIN_SECRET_KEY_FILE": str(keys.secret_key_file(self.place.state)),
            "HUIMIN_OUTBOX_DIR": str(self.place.state / "outbox"),
            "HUIMIN_STATIC_ROOT": str(self.place.state / "static"),
        }
        found = {name: value for name, value in found.items() if not given(name)}
        return found | self._addresses()

    def _addresses(self) -> dict[str, str]:
        if self.postgres:
            app = self.postgres.url("huimin_app", "huimin")
            owner = self.postgres.url("huimin_owner", "huimin")
        else:
            app = value("DATABASE_URL")
            owner = value("DATABASE_OWNER_URL") or app
        redis = self.valkey.url() if self.valkey else value("REDIS_URL")
        found = {"DATABASE_URL": app, "DATABASE_OWNER_URL": owner, "REDIS_URL": redis}
        # settings read NAME_FILE first, which would undo `as_owner`
        return found | {f"{name}_FILE": "" for name in found if f"{name}_FILE" in os.environ}


def value(name: str) -> str:
    """What the variable holds, or the file that NAME_FILE points to; empty when neither is set."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Problem(f"{name}_FILE 指向的文件 {path} 读不出来：{error.strerror}。Unreadable.") from None
    return os.environ.get(name, "")


def given(name: str) -> bool:
    """A value or NAME_FILE that the caller's environment holds goes before ours."""
    plain = name.removesuffix("_FILE")
    return bool(os.environ.get(plain) or os.environ.get(f"{plain}_FILE"))


def as_owner(environment: dict[str, str]) -> dict[str, str]:
    """The same environment for commands that change the schema."""
    return environment | {"DATABASE_URL": environment["DATABASE_OWNER_URL"], "HUIMIN_PG_OPTIONS": NO_TIMEOUT}


@contextmanager
def lasting_servers() -> Iterator[Servers]:
    """The checkout's own servers. Several commands may share them; the last to end stops them.

    A lock file counts the users: the kernel drops a killed command's lock, so nothing is left to clean.
    """
    place = lasting_place()
    require_space(place.state)
    with (place.state / "users.lock").open("a") as users:
        with _turn(place.state):
            fcntl.flock(users, fcntl.LOCK_SH)
            servers = _started(place)
            if servers.adopted and _alone(users):
                say("接管上次未正常结束的服务，退出时一并停止（adopted）")
        try:
            yield servers
        finally:
            with _turn(place.state):
                if _alone(users):
                    servers.stop()
                elif not servers.adopted:
                    say("其他命令仍在使用数据库，由最后结束者停止（servers left to the last user）")


def _started(place: Place) -> Servers:
    began = time.monotonic()
    servers = Servers(place).start()
    if not servers.adopted:
        named = "、".join(name for name in ("DATABASE_URL", "REDIS_URL") if given(name))
        whose = f"（{named} 指定的已连通）" if named else ""
        say(f"PostgreSQL 与 Valkey 已就绪{whose}：{time.monotonic() - began:.1f} 秒")
    return servers


def _alone(users: IO[str]) -> bool:
    """Whether no other command uses the servers; keeps this one's claim either way."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        fcntl.flock(users, fcntl.LOCK_SH)
    return True


@contextmanager
def _turn(state: Path) -> Iterator[None]:
    """Starting and stopping happen one command at a time."""
    with (state / "turn.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def exclusive(state: Path, name: str, otherwise: str) -> Iterator[None]:
    """Hold the named lock, or fail at once with what to do otherwise."""
    with (state / name).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Problem(otherwise) from None
        yield


def throwaway(*, durable: bool = False) -> Servers:
    """Fresh servers for the caller to start and stop; first clears away what killed callers left."""
    sweep()
    place = throwaway_place()
    if me := Process.of(os.getpid()):
        me.write(place.state / USER)
    return Servers(place, durable=durable, keep=False)


@contextmanager
def throwaway_servers(*, durable: bool = False) -> Iterator[Servers]:
    """Fresh servers that vanish with the command."""
    servers = throwaway(durable=durable)
    try:
        yield servers.start()
    finally:
        servers.stop()


def sweep() -> None:
    """End throw-away servers whose user was killed, and remove their folders."""
    for state in throwaway_states():
        user = state / USER
        if not user.exists() or Process.read(user):
            continue
        end_left_behind(state)
        discard(Place(state, sockets_of(state)))


def end_left_behind(state: Path) -> None:
    """Stop servers of this state folder that nobody uses any more."""
    if postgres := left_behind(state / "postgres" / "data"):
        postgres.stop(signal.SIGINT, patience=10)
    if valkey := Process.read(state / PID_FILE):
        valkey.stop(signal.SIGTERM, patience=10)
