"""The dashboard's tokens, and whether it may listen where it is told to."""

import ipaddress
from dataclasses import dataclass, field
from typing import Final

from shared.config import DashboardSettings
from shared.errors import ConfigError
from shared.secret import read_secret

MIN_LENGTH: Final = 16
_MAKE_ONE: Final = "make one with: openssl rand -hex 16"


@dataclass(frozen=True)
class Tokens:
    """What people and programs log in with; none: nobody needs to."""

    admin: str | None = field(default=None, repr=False)
    viewer: str | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.admin is not None


def read_tokens(settings: DashboardSettings) -> Tokens:
    """Return the tokens of the settings.

    Raises:
        ConfigError: a file can't be read, a token is too short, both are the same, or only viewers have one.
    """
    admin = read_secret(settings.admin_token, settings.admin_token_file, "dashboard.admin_token_file")
    viewer = read_secret(settings.viewer_token, settings.viewer_token_file, "dashboard.viewer_token_file")
    for role, token in (("admin", admin), ("viewer", viewer)):
        if token is not None and (len(token) < MIN_LENGTH or not token.isascii() or not token.isprintable()):
            raise ConfigError(
                f"dashboard.{role}_token: needs at least {MIN_LENGTH} printable ASCII characters; {_MAKE_ONE}"
            )
    if viewer is not None and admin is None:
        raise ConfigError(f"dashboard.viewer_token: needs dashboard.admin_token beside it; {_MAKE_ONE}")
    if viewer is not None and viewer == admin:
        raise ConfigError("dashboard.viewer_token: must differ from dashboard.admin_token")
    return Tokens(admin, viewer)


def check_exposure(settings: DashboardSettings, tokens: Tokens) -> None:
    """Refuse to serve other machines without a login, unless that is meant.

    Raises:
        ConfigError: the address is not loopback, there are no tokens, and `dashboard.open` is off.
    """
    if tokens or settings.open or is_loopback(settings.host):
        return
    raise ConfigError(
        f"dashboard.host: refusing to listen on {settings.host} without a login: set dashboard.admin_token "
        f"(MIEN_DASHBOARD__ADMIN_TOKEN; {_MAKE_ONE}), or dashboard.open: true if everybody may change things"
    )


def how_to_log_in(settings: DashboardSettings) -> str:
    """Return how a person gets in, for the terminal; without the tokens themselves."""
    tokens = read_tokens(settings)
    if not tokens:
        everybody = "no login: whoever reaches it may change things"
        return "no login: only this machine reaches it" if is_loopback(settings.host) else everybody
    roles = "admin", *(["viewer"] if tokens.viewer else [])
    files = {"admin": settings.admin_token_file, "viewer": settings.viewer_token_file}
    places = [f"{files[role]} ({role})" if files[role] else f"dashboard.{role}_token" for role in roles]
    return f"log in with the token in {' or '.join(places)}"


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
