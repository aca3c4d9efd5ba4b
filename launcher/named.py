"""Servers that the environment names: tried once at the start, because later every program fails in its own words.

Needs psycopg and redis, so it is used only inside the virtual environment.
"""

from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import redis

from launcher.console import Problem

PATIENCE = 5  # seconds a server may take to answer
_POSTGRES = ("postgresql", "postgres")
_REDIS = ("redis", "rediss", "unix")


def require_database(name: str, url: str) -> None:
    """Connect once to the PostgreSQL of DATABASE_URL or DATABASE_OWNER_URL; the password is never repeated."""
    if urlsplit(url).scheme not in _POSTGRES:
        raise Problem(
            f"{name} 应写成 postgresql://用户:密码@主机:5432/库名，现在开头不是 postgresql://。"
            f"{name} must start with postgresql://."
        )
    try:
        psycopg.connect(url, connect_timeout=PATIENCE).close()
    except psycopg.OperationalError as error:
        raise Problem(
            f"{name} 指向的 PostgreSQL（{_host(url)}）连不上：{_reason(error)}。"
            f"请启动它或改正 {name}；去掉 DATABASE_URL 就用自带的。Cannot connect to {name}."
        ) from None
    except (psycopg.Error, ValueError):  # its text may repeat the whole address
        raise Problem(f"{name} 写得不对，读不出地址，请检查格式。Malformed {name}.") from None


def require_redis(name: str, url: str) -> None:
    """PING the Valkey or Redis of REDIS_URL: without a broker the pages answer and no work is ever done."""
    if urlsplit(url).scheme not in _REDIS:
        raise Problem(
            f"{name} 应写成 redis://主机:6379 或 unix:///路径。{name} must be redis://host:port or unix:///path."
        )
    try:
        client = redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
        client.ping()
    except redis.RedisError as error:
        raise Problem(
            f"{name} 指向的 Valkey（{_host(url)}）没有应答 PING：{_reason(error)}。"
            f"请启动它或改正 {name}；去掉 {name} 就用自带的。No answer from {name}."
        ) from None
    except ValueError:
        raise Problem(f"{name} 写得不对，读不出地址，请检查格式。Malformed {name}.") from None
    client.close()


def _host(url: str) -> str:
    """Host and port, or the socket's path; nothing else of the address may be shown."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    host = unquote(parts.hostname or "") or "".join(parse_qs(parts.query).get("host", [])) or "本机"
    port = parts.netloc.rpartition("@")[2].rpartition(":")[2]
    return f"{host}:{port}" if port.isdigit() else host


def _reason(error: Exception) -> str:
    """The first line of the driver's message, without the address it begins with."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rpartition(" failed: ")[2].strip().rstrip(".")
