"""Who may come in: the right host and origin, and a token that only the printed address has, or a password.

A page of another site that is open in the same browser can reach loop-back too. It cannot lie about its Origin, cannot
choose the Host of a name that it made point here, and does not know the token.
"""

import hmac
import secrets
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..errors import InvalidValue

LOOPBACK = "127.0.0.1"
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_ANYWHERE = ("0.0.0.0", "::")
SHORTEST_PASSWORD = 8
GUESS_PAUSE_S = 1.0
"""After a wrong token or password none is looked at for so long."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on that address."""
    return host in ("localhost", "::1") or host.startswith("127.")


def check_open(host: str, password: str | None) -> None:
    """Refuse an address that others reach without a password that is worth the name."""
    if is_loopback(host):
        return
    if password is None:
        raise InvalidValue(
            f"panel host {host!r} lets others move the sound; give a password too (--panel-password), or leave it out"
        )
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidValue(
            f"a panel password of {len(password)} characters is guessed soon; take {SHORTEST_PASSWORD} or more"
        )


def own_names(host: str) -> tuple[str, ...]:
    """What a browser may call this machine, for a server on this address."""
    if is_loopback(host):
        return _LOOPBACK_NAMES
    named = (f"[{host}]" if ":" in host else host,)
    return tuple(dict.fromkeys((*_LOOPBACK_NAMES, *(_addresses() if host in _ANYWHERE else named))))


def _addresses() -> tuple[str, ...]:
    """This machine's names and addresses."""
    name = socket.gethostname()
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(name, None, socket.AF_INET)]
    except OSError:
        found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it says which address the way out has
            found.append(probe.getsockname()[0])
        except OSError:
            pass
    return (name.lower(), f"{name.lower()}.local", *found)


@dataclass
class Gate:
    """What a request must show.

    Attributes
    ----------
    host : str
        Address that the server listens on.
    port : int
    password : str or None
        What is asked of whoever has no token.
    token : str
        Random, in the fragment of the printed address, which browsers send to nobody.
    """

    host: str
    port: int
    password: str | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _wrong_at: float = -GUESS_PAUSE_S

    def __post_init__(self) -> None:
        self._hosts = frozenset(f"{name}:{self.port}" for name in own_names(self.host))
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    def refusal(self, host: str | None, origin: str | None, needs_origin: bool) -> str | None:
        """Why a request with these headers is refused; None where it is not."""
        if host is None or host.lower() not in self._hosts:
            return f"Host {host!r} is not this panel; open the address that rtspec printed"
        if origin is None:
            return "the panel's socket needs an Origin; use a browser" if needs_origin else None
        if origin.lower() not in self._origins:
            return f"Origin {origin!r} is not this panel; open the address that rtspec printed"
        return None

    def admits(self, greeting: object) -> bool:
        """Whether a first message has the token or the password; after a wrong one a pause for all."""
        now = time.monotonic()
        if not isinstance(greeting, dict) or now - self._wrong_at < GUESS_PAUSE_S:
            return False
        known = (("token", self.token), ("password", self.password))
        good = any(secret is not None and _equal(greeting.get(name), secret) for name, secret in known)
        if not good:
            self._wrong_at = now
        return good

    @property
    def url(self) -> str:
        """What to open."""
        host = own_names(self.host)[-1] if self.host in _ANYWHERE else self.host
        shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"http://{shown}:{self.port}/#{self.token}"


def _equal(answer: object, secret: str) -> bool:
    return isinstance(answer, str) and hmac.compare_digest(answer.encode(errors="replace"), secret.encode())


def is_own_path(path: str) -> bool:
    """Whether a request names a path and nothing beyond it."""
    parts = urlsplit(path)
    return not parts.scheme and not parts.netloc and path.startswith("/")
