#!/usr/bin/python3
"""Whoever reads the log may stand still for a while: policy requests are answered, and no line is lost."""

import collections
import json
import os
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from gate import environment, program
from place import PATIENCE, until
from policy import PolicyWorld
from tap import eq, ok, topic

LINKS, EACH = 4, 1000
PIPE = 65536
UNREAD = 2 * PIPE  # bytes of lines, at least, that must not keep anybody waiting: more than a pipe holds
LINE = 300  # bytes: none is shorter

CONFIG = 'greylist: { enabled = true; delay = "1s"; };'


class Piped:
    """millgated with its log in a pipe, which nobody reads yet."""

    def __init__(self, w):
        self.out, log = os.pipe()
        self.data = b""
        self.process = subprocess.Popen([program("millgated"), "-f", "-c", w.gate.config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=log, env=environment())
        os.close(log)
        w.on_close(self._finish)
        until("the policy socket", lambda: self._answers(w))

    def _answers(self, w):
        try:
            with w.policy():
                return True
        except OSError:
            return False

    def read(self):
        """To its end, in a thread."""
        def work():
            with os.fdopen(self.out, "rb") as f:
                self.data = f.read()
        self.reader = threading.Thread(target=work)
        self.reader.start()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.reader.join()
        return status

    def _finish(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def play(w, link, numbers):
    """Transactions of which each but the last is ended by the next one."""
    with w.policy() as c:
        for i in numbers:
            c.ask(instance="%d.%d" % (link, i), sender="s%d-%d@example.org" % (link, i))


w = PolicyWorld(CONFIG, log='{ to = "stderr"; level = "info"; }')
w.gate.check_end()
piped = Piped(w)

topic("nobody reads the log")
play(w, LINKS, range(UNREAD // LINE))
ok(True, "%d requests are answered" % (UNREAD // LINE))

topic("then somebody does")
links = [threading.Thread(target=play, args=(w, link, range(EACH))) for link in range(LINKS)]
for link in links:
    link.start()
piped.read()
for link in links:
    link.join()
eq(piped.stop(), 0, "it ends cleanly")
mails = collections.Counter(r["from"] for r in map(json.loads, piped.data.splitlines()) if r["msg"] == "mail")
eq(len(mails), LINKS * EACH + UNREAD // LINE, "each transaction is in the log")
eq(mails.total(), len(mails), "once")
w.end()
