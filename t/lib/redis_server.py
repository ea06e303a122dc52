"""A private redis-server on a Unix socket, and a client of a few lines to look into it."""

import signal
import socket

from place import PATIENCE, Process, until


class RedisError(Exception):
    """An answer beginning with '-'."""


class Redis:
    def __init__(self, place):
        self.place = place
        place.write("redis/.place", "")
        self.socket = place.path("redis/redis.sock")
        self.process = None

    def start(self):
        first = self.process is None
        self.process = Process("redis-server", [
            "redis-server", "--port", "0", "--unixsocket", self.socket, "--unixsocketperm", "777", "--save", "",
            "--appendonly", "no", "--dir", self.place.path("redis"), "--daemonize", "no"],
            self.place.path("redis/log"))
        if first:
            self.place.on_close(self.stop)
        self.process.ready(self._answers)
        return self

    def _answers(self):
        try:
            return self.cmd("PING") == "PONG"
        except (OSError, RedisError, EOFError):
            return False

    def stop(self):
        if self.process is not None:
            self.process.stop()

    def freeze(self):
        """It hangs: connections are accepted by the kernel, nothing is answered."""
        self.process.kill(signal.SIGSTOP)

    def thaw(self):
        self.process.kill(signal.SIGCONT)
        until("redis-server to answer again", self._answers)

    # ---- Looking into it ----

    def cmd(self, *words):
        """One command; strings come back as text."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(self.socket)
            out = [b"*%d\r\n" % len(words)]
            for word in words:
                raw = word if isinstance(word, bytes) else str(word).encode()
                out.append(b"$%d\r\n%s\r\n" % (len(raw), raw))
            s.sendall(b"".join(out))
            with s.makefile("rb") as f:
                return _read(f)

    def keys(self, pattern="*"):
        return sorted(self.cmd("KEYS", pattern))

    def ttl(self, key):
        return self.cmd("TTL", key)

    def flush(self):
        self.cmd("FLUSHALL")

    def journal(self, stream="millgate:journal"):
        """The entries of the journal, oldest first, each a dict."""
        return [dict(zip(fields[::2], fields[1::2])) for _, fields in self.cmd("XRANGE", stream, "-", "+")]


def _read(f):
    line = f.readline()
    if not line:
        raise EOFError("redis-server closed the connection")
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        raise RedisError(rest.decode())
    if kind == b"+":
        return rest.decode()
    if kind == b":":
        return int(rest)
    if kind == b"$":
        if rest == b"-1":
            return None
        data = f.read(int(rest) + 2)[:-2]
        return data.decode("utf-8", "replace")
    if kind == b"*":
        return None if rest == b"-1" else [_read(f) for _ in range(int(rest))]
    raise EOFError("not an answer: %r" % line)
