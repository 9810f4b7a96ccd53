"""A faulty HTTP line: a proxy on loopback that counts requests and misbehaves at the chosen ones.

Place:   between agent and stand-in, or worker and stand-in; used by tests/fault and tests/e2e.
Steps:   every request is a step, numbered from 1 within its key (key_of; one key when none is given),
         in the order in which their heads were read. The rule is asked once per step and answers
         with a Fault or None, so a run is decided by the rule alone.
Moments: a hook may be called while a step is carried: "head", "half" (of its body forwarded),
         "forwarded", "answered" (the answer is here, not yet relayed), "relayed". Kills hang there.
Secrets: exchanges keep the path, never the query, the headers or a body.
"""

import base64
import contextlib
import dataclasses
import hashlib
import hmac
import json
import socket
import struct
import threading
import time
import urllib.parse

# What happens at a step. Faults that need a token or a body are passed over where there is none
# (Exchange.fault stays empty), so that a driver can tell what has really happened.
KINDS = {
    "refused": "the connection is reset, and new ones are refused for a while",
    "drop_request": "half of the request is forwarded, then both ends are reset",
    "lost_response": "the request is forwarded, its answer is thrown away, the client is reset",
    "drop_response": "the answer breaks off in its head",
    "truncated": "the answer ends in the middle of its body, with a clean close",
    "unavailable": "503, not forwarded",
    "busy": "503 with Retry-After, not forwarded",
    "too_many": "429 with Retry-After, not forwarded",
    "gateway_timeout": "the request is forwarded, 504 is answered",
    "portal": "200 with somebody's login page, not forwarded",
    "delay": "forwarded a while later",
    "slow_request": "the body trickles to the server",
    "slow_response": "the answer trickles to the client",
    "expired_token": "the upload token is replaced by one that has expired",
    "tampered_token": "a character of the upload token's signature is changed",
    "corrupt": "one byte of an upload's body is changed",
    "duplicate_first": "delivered twice; the first answer is relayed",
    "duplicate_last": "delivered twice; the second answer is relayed",
    "late_duplicate": "delivered again, unseen, a while after it was answered",
    "stall": "the line goes silent after `after_bytes` of the request, until the proxy is closed",
}
NOT_FORWARDED = {"refused", "unavailable", "busy", "too_many", "portal", "drop_request", "stall"}
CANNED = {
    "unavailable": (503, "Service Unavailable", "", b'{"message":"the proxy is out of sorts"}', "application/json"),
    "busy": (503, "Service Unavailable", "Retry-After: 1\r\n", b"", "text/plain"),
    "too_many": (429, "Too Many Requests", "Retry-After: 1\r\n", b"", "text/plain"),
    "gateway_timeout": (504, "Gateway Timeout", "", b"<html>upstream timed out</html>", "text/html"),
    "portal": (200, "OK", "", b"<html>Please log in</html>", "text/html"),
}
HEAD_BYTES_MAX = 65_536
SOCKET_TIMEOUT_S = 120


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    pause_s: float = 0.7      # delay, slow_*, late_duplicate, refused
    after_bytes: int = 0      # stall


@dataclasses.dataclass
class Exchange:
    """One step, as far as it has come."""

    number: int
    key: str
    method: str
    path: str                  # without the query
    body_bytes: int
    has_token: bool
    fault: str = ""            # the fault that has really happened
    status: int = 0            # of the server's answer; 0 while there is none
    forwarded: bool = False    # the server was sent the whole request

    def __str__(self):
        return f"{self.number} {self.method} {self.path} {self.status}{' ' + self.fault if self.fault else ''}"


class ClientGone(Exception):
    """The client's side of a connection is over."""


def _reset(sock):
    """Closes with RST: what is on its way is thrown away, as when a host dies."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RD)
    sock.close()


def _read_head(stream):
    """(first line, [(name, value)], raw bytes) or None at the end of the connection."""
    raw = b""
    while not raw.endswith(b"\r\n\r\n"):
        line = stream.readline(HEAD_BYTES_MAX)
        if not line or len(raw) > HEAD_BYTES_MAX:
            return None
        raw += line
    first, *lines = raw[:-4].split(b"\r\n")
    headers = [tuple(part.strip() for part in line.split(b":", 1)) for line in lines]
    return first, headers, raw


def _header(headers, name):
    return next((value for key, value in headers if key.lower() == name), None)


def _read_body(stream, headers, until_close=False, half=None):
    """The raw body, chunk framing included. `half` is called when half of it has been read."""
    if (_header(headers, b"transfer-encoding") or b"").lower() == b"chunked":
        body = b""
        while True:
            line = stream.readline()
            size = int(line.split(b";")[0], 16) if line.strip() else 0
            piece = stream.read(size + 2) if size else b""
            body += line + piece
            if size == 0:
                while line not in (b"\r\n", b""):
                    line = stream.readline()
                    body += line
                return body
    length = _header(headers, b"content-length")
    if length is None:
        return stream.read() if until_close else b""
    wanted = int(length)
    body = stream.read(wanted // 2)
    if half:
        half()
    body += stream.read(wanted - len(body))
    if len(body) < wanted:
        raise ClientGone
    return body


def _trickle(sock, data, seconds):
    """Sends data in ten pieces over `seconds`."""
    size = max(1, len(data) // 10)
    for at in range(0, len(data), size):
        sock.sendall(data[at:at + size])
        time.sleep(seconds / 10)


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def expired_token(token, secret):
    """The same claims, correctly signed, but over since an hour."""
    _, claims, _ = token.split(".")
    payload = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    payload |= {"iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600}
    text = (_base64url(b'{"alg":"HS256","typ":"JWT"}') + "." + _base64url(json.dumps(payload).encode()))
    return text + "." + _base64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def tampered_token(token):
    at = len(token) - 10
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:]


class FaultProxy:
    """Forwards to a loopback port. `rule(exchange) -> Fault | None` decides what goes wrong."""

    def __init__(self, port, rule=None, key_of=None, token_secret=""):
        self.port = port
        self.rule = rule or (lambda exchange: None)
        self.hook = None            # hook(exchange, moment); runs in the connection's thread
        self.exchanges = []         # newest last; reset() begins anew
        self.stalled = threading.Event()
        self._key_of = key_of
        self._token_secret = token_secret
        self._counts = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._late = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._address = self._listener.getsockname()
        self.url = f"http://127.0.0.1:{self._address[1]}"
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()

    def close(self):
        self._over.set()
        self.settle()
        self._stop_listening()

    def reset(self, rule=None):
        """Counts from 1 again, by another rule."""
        self.settle()
        with self._lock:
            self.exchanges, self._counts = [], {}
            self.rule = rule or (lambda exchange: None)

    def settle(self):
        """Waits until late duplicates have been delivered."""
        for thread in self._late:
            thread.join()
        self._late = []

    # ---- connections

    def _stop_listening(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
        self._listener.close()

    def _refuse_for(self, seconds):
        self._stop_listening()
        time.sleep(seconds)
        if not self._over.is_set():
            self._listener = socket.create_server(self._address)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        client.settimeout(SOCKET_TIMEOUT_S)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = client.makefile("rb")
        try:
            while self._one_step(client, stream):
                pass
        except (OSError, ClientGone):
            pass
        stream.close()
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        client.close()

    # ---- one step

    def _begin(self, head, body):
        first, headers, raw = head
        method, target, _ = first.decode("latin-1").split(" ", 2)
        length = int(_header(headers, b"content-length") or 0)
        key = self._key_of(raw, body) if self._key_of else ""
        with self._lock:
            number = self._counts.get(key, 0) + 1
            self._counts[key] = number
            exchange = Exchange(number, key, method, target.split("?")[0], length, "token=" in target
                                or _header(headers, b"x-signature") is not None)
            self.exchanges.append(exchange)
            return exchange, self.rule(exchange)

    def _one_step(self, client, stream):
        """Carries one request; false when the connection is over."""
        head = _read_head(stream)
        if head is None:
            return False
        body = _read_body(stream, head[1]) if self._key_of else None  # a key may stand in the body
        exchange, fault = self._begin(head, body)
        self._tell(exchange, "head")
        kind = fault.kind if fault else ""
        if kind == "stall":
            stream.read(min(fault.after_bytes, exchange.body_bytes))
            exchange.fault = kind
            self.stalled.set()
            self._over.wait()
            return False
        if body is None:
            body = _read_body(stream, head[1])
        raw = head[2]
        if kind in ("expired_token", "tampered_token") and exchange.has_token:
            exchange.fault, raw = kind, self._with_other_token(kind, head)
        elif kind == "corrupt" and "/storage/" in exchange.path and body:
            exchange.fault, body = kind, body[:-1] + bytes([body[-1] ^ 1])
        elif kind and kind not in ("expired_token", "tampered_token", "corrupt"):
            exchange.fault = kind
        if exchange.fault in NOT_FORWARDED:
            return self._without_server(client, exchange, fault, raw + body)
        return self._with_server(client, exchange, fault, raw, body)

    def _without_server(self, client, exchange, fault, request):
        if fault.kind == "refused":
            _reset(client)
            self._refuse_for(fault.pause_s)
            return False
        if fault.kind == "drop_request":
            upstream = self._connect()
            upstream.sendall(request[:len(request) // 2])
            time.sleep(0.02)  # lets the server begin
            _reset(upstream)
            _reset(client)
            return False
        self._send_canned(client, fault.kind)
        return True

    def _with_server(self, client, exchange, fault, raw, body):
        kind = exchange.fault
        if kind == "delay":
            time.sleep(fault.pause_s)
        try:
            answer = self._forward(exchange, raw, body, fault.pause_s if kind == "slow_request" else 0)
            if kind in ("duplicate_first", "duplicate_last"):
                again = self._forward(exchange, raw, body)
                answer = again if kind == "duplicate_last" else answer
        except (OSError, ClientGone):  # the server is away
            _reset(client)
            return False
        self._tell(exchange, "answered")
        if kind == "late_duplicate":
            self._deliver_late(exchange, raw, body, fault.pause_s)
        return self._relay(client, exchange, fault, answer)

    def _relay(self, client, exchange, fault, answer):
        kind, (head, body, keeps) = exchange.fault, answer
        if kind == "lost_response":
            _reset(client)
            return False
        if kind == "gateway_timeout":
            self._send_canned(client, kind)
        elif kind == "drop_response":
            client.sendall(head[:len(head) // 2])
            time.sleep(0.02)
            _reset(client)
            return False
        elif kind == "truncated":
            client.sendall(head + body[:len(body) // 2])
            return False
        elif kind == "slow_response":
            _trickle(client, head + body, fault.pause_s)
        else:
            client.sendall(head + body)
        self._tell(exchange, "relayed")
        return keeps

    # ---- the server's side

    def _connect(self):
        upstream = socket.create_connection(("127.0.0.1", self.port), timeout=SOCKET_TIMEOUT_S)
        upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return upstream

    def _forward(self, exchange, raw, body, trickle_s=0):
        """Sends a request and returns (head, body, whether the connection is kept)."""
        with self._connect() as upstream:
            upstream.sendall(raw)
            if trickle_s:
                _trickle(upstream, body, trickle_s)
            else:
                upstream.sendall(body[:len(body) // 2])
                self._tell(exchange, "half")
                upstream.sendall(body[len(body) // 2:])
            exchange.forwarded = True
            self._tell(exchange, "forwarded")
            with upstream.makefile("rb") as stream:
                head = _read_head(stream)
                if head is None:
                    raise ClientGone
                status = int(head[0].split()[1])
                has_body = exchange.method != "HEAD" and status not in (204, 304)
                answer = _read_body(stream, head[1], until_close=True) if has_body else b""
            exchange.status = exchange.status or status
            is_framed = _header(head[1], b"content-length") or _header(head[1], b"transfer-encoding") or not has_body
            keeps = bool(is_framed) and (_header(head[1], b"connection") or b"").lower() != b"close"
            return head[2], answer, keeps

    def _deliver_late(self, exchange, raw, body, pause_s):
        def deliver():
            self._over.wait(pause_s)
            with contextlib.suppress(OSError, ClientGone):
                self._forward(exchange, raw, body)
        self._late.append(threading.Thread(target=deliver, daemon=True))
        self._late[-1].start()

    # ---- small things

    def _with_other_token(self, kind, head):
        first, headers, raw = head
        target = first.decode("latin-1").split(" ")[1]
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)
        token = query["token"][0] if "token" in query else _header(headers, b"x-signature").decode()
        other = tampered_token(token) if kind == "tampered_token" else expired_token(token, self._token_secret)
        return raw.replace(token.encode(), other.encode())

    def _send_canned(self, client, kind):
        status, reason, extra, body, content_type = CANNED[kind]
        client.sendall(f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\n{extra}"
                       f"Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def _tell(self, exchange, moment):
        if self.hook:
            self.hook(exchange, moment)
