"""An SMTP client that shows every reply as it came, and plays any client by XCLIENT."""

import re
import socket

from place import PATIENCE, Failure


class Reply:
    """One SMTP reply: code, enhanced code ("" when there is none), the text of all lines."""

    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[0][:3])
        texts = [line[4:] for line in lines]
        match = re.match(r"([245]\.\d{1,3}\.\d{1,3}) ?", texts[0])
        self.enhanced = match.group(1) if match else ""
        self.text = "\n".join(texts)

    @property
    def status(self):
        """"451 4.7.1": what tests compare."""
        return ("%d %s" % (self.code, self.enhanced)).strip()

    @property
    def id(self):
        """The transaction id that a refusal of ours carries, or None."""
        match = re.search(r"\b[0-9a-z]{13}\b", self.text)
        return match.group(0) if match else None

    @property
    def queue_id(self):
        match = re.search(r"queued as (\w+)|(\w+) Message accepted", self.text)
        return match.group(1) or match.group(2) if match else None

    def __bool__(self):
        return self.code < 400

    def __str__(self):
        return "%d %s" % (self.code, self.text.replace("\n", " / "))

    __repr__ = __str__


class Lost(Exception):
    """The server closed the connection."""


def xtext(value):
    """RFC 1891, section 5, as XCLIENT wants it."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else "+%02X" % ord(c) for c in value)


class Session:
    """One connection; `greeting` holds the last banner."""

    def __init__(self, host, port, patience=PATIENCE, source=None):
        self.sock = socket.create_connection((host, port), patience, (source, 0) if source else None)
        self.file = self.sock.makefile("rb")
        self.greeting = self.reply()

    def reply(self):
        lines = []
        while True:
            try:
                line = self.file.readline()
            except ConnectionResetError:
                line = b""
            if not line:
                raise Lost("the server closed the connection%s" % (" within a reply" if lines else ""))
            lines.append(line.rstrip(b"\r\n").decode("latin-1"))
            if line[3:4] != b"-":
                return Reply(lines)

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def cmd(self, line):
        self.send((line if isinstance(line, bytes) else line.encode("utf-8")) + b"\r\n")
        return self.reply()

    def ehlo(self, name="client.example.org"):
        return self.cmd("EHLO " + name)

    def xclient(self, ip, name=None, ptr=None, login=None, helo=None, port=40000):
        """From now on Postfix sees this client.  name: verified ("TEMP": a DNS failure); ptr: the unverified one."""
        def unknown(value):
            return {None: "[UNAVAILABLE]", "TEMP": "[TEMPUNAVAIL]"}.get(value) or xtext(value)
        words = ["ADDR=" + ("IPV6:" + ip if ":" in ip else ip), "PORT=%d" % port,
                 "NAME=" + unknown(name), "REVERSE_NAME=" + unknown(ptr or name)]
        if login is not None:
            words.append("LOGIN=" + xtext(login))
        if helo is not None:
            words.append("HELO=" + xtext(helo))
        # Postfix answers with a new greeting, after it has opened a new milter connection.
        self.greeting = self.cmd("XCLIENT " + " ".join(words))
        return self.greeting

    def mail(self, sender="alice@example.org", *parameters):
        return self.cmd(" ".join(("MAIL FROM:<%s>" % sender,) + parameters))

    def rcpt(self, recipient, *parameters):
        return self.cmd(" ".join(("RCPT TO:<%s>" % recipient,) + parameters))

    def data(self, message):
        """DATA with a message (bytes); answers the reply to its end, or to DATA when that is refused."""
        reply = self.cmd("DATA")
        if reply.code != 354:
            return reply
        return self.body(message)

    def body(self, message):
        text = re.sub(rb"\r?\n", b"\r\n", message)
        if not text.endswith(b"\r\n"):
            text += b"\r\n"
        self.send(re.sub(rb"(?m)^\.", b"..", text) + b".\r\n")
        return self.reply()

    def rset(self):
        return self.cmd("RSET")

    def quit(self):
        try:
            self.cmd("QUIT")
        except (Lost, OSError):
            pass
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Outcome:
    """What became of one attempt: the replies by stage (None when it was not reached)."""

    def __init__(self):
        self.greeting = self.helo = self.mail = self.end = None
        self.rcpts = []
        self.lost = False

    @property
    def rcpt(self):
        return self.rcpts[0] if self.rcpts else None

    @property
    def last(self):
        """The reply that settled it."""
        reached = [self.end, *reversed(self.rcpts), self.mail, self.helo, self.greeting]
        return next(reply for reply in reached if reply is not None)

    @property
    def ok(self):
        return self.end is not None and self.end.code == 250

    @property
    def status(self):
        """"250 2.0.0" when it was taken, else the refusal."""
        return self.last.status

    @property
    def stage(self):
        """Where it was settled."""
        for name in ("end", "rcpt", "mail", "helo"):
            if getattr(self, name) is not None:
                return name.upper()
        return "CONNECT"

    @property
    def queue_id(self):
        return self.end.queue_id if self.end else None

    def __repr__(self):
        return "%s: %s" % (self.stage, self.last)


def attempt(session, message, sender="alice@example.org", rcpts=("bob@example.net",), mail_parameters=(),
            helo="client.example.org"):
    """A transaction from EHLO to the end, as far as it gets."""
    outcome = Outcome()
    outcome.greeting = session.greeting
    try:
        if session.greeting.code >= 400:
            return outcome
        reply = session.ehlo(helo)
        if not reply:
            outcome.helo = reply
            return outcome
        return transaction(session, message, sender, rcpts, mail_parameters, outcome)
    except Lost:
        outcome.lost = True
        return outcome


def transaction(session, message, sender="alice@example.org", rcpts=("bob@example.net",), mail_parameters=(),
                outcome=None):
    """The same without EHLO: one more message in a session."""
    outcome = outcome or Outcome()
    try:
        outcome.mail = session.mail(sender, *mail_parameters)
        if outcome.mail:
            for rcpt in ([rcpts] if isinstance(rcpts, str) else rcpts):
                outcome.rcpts.append(session.rcpt(rcpt))
            if any(outcome.rcpts):
                outcome.end = session.data(message)
    except Lost:
        outcome.lost = True
    return outcome


def sent(outcome):
    """For preparing: the message must have been taken."""
    if not outcome.ok:
        raise Failure("not accepted: %r" % outcome)
    return outcome
