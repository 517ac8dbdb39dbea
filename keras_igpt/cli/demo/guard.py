"""Who may ask the demo, how much at a time, and how often.

A web page of strangers may lead a name of its own to this machine's address
(DNS rebinding), and then a browser sends the demo what that page wants. So it
answers to its own names alone.
"""

import ipaddress
import json
import socket
from collections.abc import Collection
from typing import Any

# Bytes of a request: of an upload, a few more than of its file.
MAX_UPLOAD = 10_000_000
MAX_REQUEST = {"upload": MAX_UPLOAD + 2**16, "": 2**20}

# Clicks of a client that may wait at once: of a browser's tab, of an address.
MAX_OF_SESSION = 8
MAX_OF_ADDRESS = 16

LOOPBACK = ("localhost", "127.0.0.1", "::1")

# The browser itself refuses to ask anybody else.
POLICY = (
    "default-src 'self' data: blob:; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'"
)


class Refused(Exception):
    """A request that is not answered, with the status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Guard:
    """Refuses requests, and adds the policy that a page asks nobody else.

    Args:
        app: what answers, in ASGI's way.
        host: the address that the server listens at.
        names: more names that it is called by, as a proxy's.
        queue: what waits, gradio's; None for no limit.
    """

    def __init__(
        self,
        app: Any,
        host: str = "127.0.0.1",
        names: Collection[str] = (),
        queue: Any = None,
    ) -> None:
        self.app = app
        self.any_address = host in ("0.0.0.0", "::", "")
        self.names = {*LOOPBACK, *(name.lower() for name in (host, *names))}
        if self.any_address:
            name = socket.gethostname().lower()
            self.names |= {name, f"{name}.local"}
        self.queue = queue

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers a request, as ASGI wants it."""
        if scope["type"] != "http":
            # Of the page nothing needs another kind.
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        begun = False

        async def send_with_policy(message):
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                name = b"content-security-policy"
                message["headers"].append((name, POLICY.encode()))
            await send(message)

        try:
            self._check_names(scope)
            receive = await self._bounded(scope, receive)
            await self.app(scope, receive, send_with_policy)
        except Refused as error:
            if not begun:
                await _answer(send, error)

    def _check_names(self, scope):
        """Refuses names that others gave to this machine."""
        hosts = _values(scope, b"host")
        origins = [
            origin.partition("://")[2] for origin in _values(scope, b"origin")
        ]
        if len(hosts) != 1 or not all(map(self._is_own, hosts + origins)):
            raise Refused(
                403,
                "The demo answers to its own names alone. Open it at the "
                "address that it shows; --also names others.",
            )

    def _is_own(self, address):
        """Whether a host's name, with or without a port, is the demo's."""
        name, _, port = address.rpartition(":")
        if not port.isdecimal():
            name = address
        name = name.lower().removeprefix("[").removesuffix("]")
        if name in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        # Who leads a name of theirs here does not send a number.
        return self.any_address

    async def _bounded(self, scope, receive):
        """`receive`, as far as a request may go."""
        path = scope["path"].rstrip("/").rpartition("/")[2]
        most = MAX_REQUEST.get(path, MAX_REQUEST[""])
        lengths = _values(scope, b"content-length")
        # Python reads no number of thousands of digits.
        if any(
            not n.isdecimal() or len(n) > 20 or int(n) > most for n in lengths
        ):
            raise _too_large(most)
        if path == "upload" or scope["method"] in ("GET", "HEAD"):
            return _counted(receive, most)
        body, more = b"", True
        counted = _counted(receive, most)
        while more:
            message = await counted()
            if message["type"] != "http.request":
                break
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if scope["path"].rstrip("/").endswith("/queue/join"):
            self._check_waiting(scope, body)
        return _replayed(body, receive)

    def _check_waiting(self, scope, body):
        """Refuses a click of a client that has enough of them waiting."""
        try:
            session = json.loads(body)["session_hash"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise Refused(400, "A click must be JSON.") from None
        if self.queue is None:
            return
        lines = self.queue.event_queue_per_concurrency_id.values()
        waiting = [event for line in list(lines) for event in list(line.queue)]
        address = (scope.get("client") or ("",))[0]
        of_session = sum(e.session_hash == session for e in waiting)
        of_address = sum(
            (e.request.scope.get("client") or ("",))[0] == address
            for e in waiting
        )
        if of_session >= MAX_OF_SESSION or of_address >= MAX_OF_ADDRESS:
            raise Refused(
                503, "Too many of your clicks wait. Try again when they end."
            )


def _values(scope, name):
    """All values of a header."""
    return [v.decode("latin-1") for n, v in scope["headers"] if n == name]


def _too_large(most):
    return Refused(413, f"A request must have {most} bytes at most.")


def _counted(receive, most):
    """`receive`, refusing what goes beyond `most` bytes."""
    total = 0

    async def bounded():
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > most:
            raise _too_large(most)
        return message

    return bounded


def _replayed(body, receive):
    """`receive` of a body that was read already."""
    read = False

    async def again():
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _answer(send, error):
    """Sends why a request was refused."""
    body = json.dumps({"detail": str(error)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send(
        {
            "type": "http.response.start",
            "status": error.status,
            "headers": headers,
        }
    )
    await send({"type": "http.response.body", "body": body})
