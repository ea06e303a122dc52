"""millgated without an MTA: mtatalk plays it."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from gate import Gate, environment, program  # noqa: E402
from place import Place, run, until  # noqa: E402

QUIET = {"redis": '{ server = ""; }', "journal": "{ enabled = false; }"}
CONNECT = "connect mail.example.org 198.51.100.1 4000"


class Queue:
    """Where the socket lies, in place of an MTA."""

    group = "postfix"

    def __init__(self, place):
        self.socket_dir = place.path("queue/millgate")


class Talk:
    """A daemon with the rules, in a place of its own: `with Talk(rules) as t: t.say(...)`."""

    def __init__(self, text="", **sections):
        self.place = Place()
        socket = self.place.path("queue/millgate/milter.sock")
        self.sections = {**QUIET, "milter": '{ listen = "unix:%s"; }' % socket, **sections}
        self.gate = Gate(self.place, Queue(self.place), None, None)
        self.gate.configure(text, **self.sections)
        self.spec = "unix:" + socket

    def __enter__(self):
        self.gate.start()
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.gate.check_end()
        self.place.close()

    def raw(self, *lines):
        """Says the lines (each may hold several); answers the CompletedProcess."""
        return run([program("t/milter/mtatalk"), self.spec], input="\n".join(lines) + "\n", check=False,
                   env=environment())

    def say(self, *lines):
        """Answers what came, line by line, without the negotiation."""
        done = self.raw(*lines)
        if done.returncode:
            tap.diag("mtatalk: exit %d: %s" % (done.returncode, done.stderr))
        return [line for line in done.stdout.splitlines() if not line.startswith(("NEGOTIATED", "MACROS"))]

    def negotiated(self, *lines):
        """Answers (actions, steps, {stage: macros}) of the last negotiation."""
        actions = steps = None
        macros = {}
        for line in self.raw(*(lines or (CONNECT, "quit"))).stdout.splitlines():
            word, _, rest = line.partition(" ")
            if word == "NEGOTIATED":
                actions, steps = (int(part.split("=")[1], 0) for part in rest.split())
            elif word == "MACROS":
                stage, _, names = rest.partition(" ")
                macros[stage] = names
        return actions, steps, macros


def message(sender="<alice@example.org>", rcpts=("<bob@example.net>",), helo="mail.example.org", connect=CONNECT,
            subject="hello", body=1, headers=()):
    """The script of one message."""
    return "\n".join([connect, "helo " + helo, "mail " + sender, *("rcpt " + r for r in rcpts), "macro i 4QUEUE", "data",
                      "header From: alice@example.org", "header Subject: " + subject,
                      *("header " + h for h in headers), "eoh", "bodysize %d" % body, "end", "macro i", "quit"])


def at(lines, event):
    """What came for an event: "reply 550 ...", "continue", "none", "skipped"; several are joined by " / "."""
    return " / ".join(line.split(" ", 1)[1] for line in lines if line.split(" ", 1)[0] == event)
