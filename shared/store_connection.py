"""How Redis is reached, and what its client's errors say to a person; the store's own part."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.config import RedisSettings
from shared.errors import ConfigError, StoreError, StoreLoadingError

TIMEOUT_SECONDS: Final = 1.0


class Guard:
    """Turns what the Redis client raises into one readable StoreError.

    Args:
        shown_url: where the server is, fit to be read by anybody.
        pool: the client's connections; those to a server that is no primary any more are given up.
    """

    def __init__(self, shown_url: str, pool: redis.ConnectionPool) -> None:
        self._shown_url, self._pool = shown_url, pool

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Watch over the calls to Redis within the `with`."""
        try:
            yield
        except redis.exceptions.AuthenticationError as error:
            raise StoreError(
                f"Redis at {self._shown_url} refuses the password ({error}); see redis.password"
            ) from None
        except redis.exceptions.BusyLoadingError:
            raise StoreLoadingError(
                f"Redis at {self._shown_url} is still reading its data; wait until it has"
            ) from None
        except UnicodeError:  # of the resolver
            raise StoreError(
                f"Redis at {self._shown_url}: no host can have that name; correct redis.url"
            ) from None
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise StoreError(
                    f"the certificate of Redis at {self._shown_url} is not trusted ({error}); "
                    "see redis.ca_file"
                ) from None
            raise StoreError(
                f"Redis at {self._shown_url} does not answer ({error}); start it, or correct redis.url"
            ) from None
        except redis.exceptions.OutOfMemoryError:
            raise StoreError(
                f"Redis at {self._shown_url} is full; raise its maxmemory, or lower retention.results"
            ) from None
        except redis.RedisError as error:
            if _is_read_only(error):
                self._pool.disconnect(inuse_connections=False)
                raise StoreError(
                    f"Redis at {self._shown_url} is a replica, which takes no writes; "
                    "after a failover the next attempt finds the new primary there, else correct redis.url"
                ) from None
            raise StoreError(f"Redis at {self._shown_url} refused a command: {error}") from None


def _is_read_only(error: redis.RedisError) -> bool:
    """Say whether a replica refused; before Redis 7 a script's error has that as a part of its text only."""
    return isinstance(error, redis.exceptions.ReadOnlyError) or "-READONLY" in str(error)


def connect(url: str, settings: RedisSettings) -> "redis.Redis":
    """Return a client, which connects when it is first used.

    Raises:
        ConfigError: the URL is malformed, or a file that the settings name can't be read.
    """
    password = settings.read_password()
    options: dict[str, Any] = {"password": password} if password else {}
    options |= _tls_options(url, settings.ca_file)
    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            # Once: a connection that went stale while idle is no outage. Never after a timeout.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.exceptions.ConnectionError,)),
            protocol=2,
            **options,
        )
    except ValueError as error:
        raise ConfigError(f"redis.url: {error}") from None


def _tls_options(url: str, ca_file: Path | None) -> dict[str, Any]:
    """Return what a client needs to check the server's certificate and that it was made out to its host."""
    if not url.startswith("rediss://"):
        if ca_file:
            raise ConfigError("redis.ca_file: only a rediss:// URL has certificates; see redis.url")
        return {}
    if ca_file and not os.access(ca_file, os.R_OK):
        raise ConfigError(f"redis.ca_file: can't read {ca_file}")
    return {"ssl_check_hostname": True, "ssl_cert_reqs": "required", "ssl_ca_certs": ca_file and str(ca_file)}


def url_of(settings: RedisSettings, run_dir: Path) -> str:
    """Return the URL as configured, else of the embedded server's socket in the run directory."""
    return settings.url or f"unix://{run_dir}/redis.sock"


def redact(url: str) -> str:
    """Return the URL without user, password and options."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
