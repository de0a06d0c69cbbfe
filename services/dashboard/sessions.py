"""Sessions without a store: signed with a key made from the token that they were opened with."""

import functools
import hashlib
import hmac
import secrets
from typing import Final, NamedTuple

from itsdangerous import BadData, Signer, URLSafeSerializer

from services.dashboard.roles import Role
from shared.tokens import Tokens

_SALT: Final = b"mien dashboard session"
_ID_BYTES: Final = 9


class Session(NamedTuple):
    """One login: a random identity, its role, and the wall clock (s since 1970) at which it ends."""

    identity: str
    role: Role
    expires_at: float


class Sessions:
    """Gives out and reads session cookies and their CSRF tokens.

    Every replica with the same tokens reads the others' cookies, and a changed token ends its sessions.

    Args:
        tokens: what may be logged in with.
    """

    def __init__(self, tokens: Tokens) -> None:
        given = {Role.ADMIN: tokens.admin, Role.VIEWER: tokens.viewer}
        self._digests = {role: _digest(token) for role, token in given.items() if token is not None}
        self._keys = {role: _key(token) for role, token in given.items() if token is not None}

    def role_of_token(self, token: str) -> Role | None:
        """Return the role that a token gives; takes as long for a wrong one as for a right one."""
        given = _digest(token)
        matches = [role for role, digest in self._digests.items() if hmac.compare_digest(digest, given)]
        return matches[0] if matches else None

    def open(self, role: Role, expires_at: float) -> tuple[str, Session]:
        """Return a new session's cookie, and the session."""
        session = Session(secrets.token_urlsafe(_ID_BYTES), role, expires_at)
        return str(self._serializer(role).dumps([session.identity, expires_at])), session

    def read(self, cookie: str, now: float) -> Session | None:
        """Return the session of a cookie; None if it is not ours, or over."""
        for role in self._keys:
            try:
                identity, expires_at = self._serializer(role).loads(cookie)
            except BadData:
                continue
            return Session(identity, role, expires_at) if now < expires_at else None
        return None

    def csrf_token(self, session: Session) -> str:
        """Return what the page must send with everything that it changes."""
        signer = Signer(self._keys[session.role], salt=b"mien csrf", digest_method=hashlib.sha256)
        return signer.get_signature(session.identity).decode()

    def _serializer(self, role: Role) -> URLSafeSerializer:
        digest = {"digest_method": hashlib.sha256}
        return URLSafeSerializer(self._keys[role], salt=f"mien {role}", signer_kwargs=digest)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@functools.cache
def _key(token: str) -> bytes:
    """Return the signing key: slow to make, so that a stolen cookie is no quick test for guessed tokens."""
    return hashlib.scrypt(token.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=32)
