"""Who may do what: two roles, and what a connection was found to be."""

from enum import StrEnum
from typing import Final, Literal, NamedTuple

from starlette.requests import HTTPConnection

IDENTITY: Final = "mien.identity"
"""Where in an ASGI scope the gate leaves the identity."""


class Role(StrEnum):
    """A viewer looks; an admin changes things, too."""

    VIEWER = "viewer"
    ADMIN = "admin"


class Identity(NamedTuple):
    """As whom a connection speaks.

    Attributes:
        role: what it may do.
        via: how it showed that: not at all, by session cookie, or by token.
        session: the session's random identity, else empty.
        expires_at: wall clock (s since 1970) at which that ends; infinity: never.
    """

    role: Role
    via: Literal["open", "session", "token"]
    session: str = ""
    expires_at: float = float("inf")


def identity_of(connection: HTTPConnection) -> Identity | None:
    """Return as whom a connection speaks, None if it has not said."""
    identity: Identity | None = connection.scope.get(IDENTITY)
    return identity


def role_of(connection: HTTPConnection) -> Role | None:
    """Return what a connection may do, None if it has not logged in."""
    identity = identity_of(connection)
    return identity.role if identity else None


def address_of(connection: HTTPConnection) -> str:
    """Return the client's address, as the server or a trusted proxy says."""
    return connection.client.host if connection.client else "unknown"
