#!/usr/bin/python3
"""millgated is stopped, or killed, in the middle of transactions: nothing is lost."""

import os
import signal
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import header, message, payload
from place import until
from smtp import Lost, attempt
from tap import eq, ok, topic
from world import World

RULES = 'rules = ( { name = "stamp"; match = "always"; then = { add_header = "X-Seen: yes"; }; } );'


def seen(text):
    return header(text, "X-Seen") == [b"yes"]


class Flood(threading.Thread):
    """Sends messages one after the other, until told to stop; remembers which were accepted."""

    def __init__(self, w, name):
        super().__init__(daemon=True)
        self.w, self.name_, self.over, self.accepted, self.others = w, name, False, [], []

    def run(self):
        n = 0
        while not self.over:
            n += 1
            subject = "%s %d" % (self.name_, n)
            try:
                outcome = self.w.send(message(subject, size=20000))
            except (Lost, OSError) as error:
                self.others.append(str(error))
                continue
            if outcome.ok:
                self.accepted.append(subject)
            elif outcome.last is not None:
                self.others.append(outcome.last.code)


def under_way(floods):
    """Waits until each has had some more mail accepted."""
    before = [len(flood.accepted) for flood in floods]
    until("mail to flow", lambda: all(len(f.accepted) > n + 1 for f, n in zip(floods, before)))


with World(RULES) as w:
    def told(text):
        return len([line for line in w.gate.lines() if text in line.get("msg", "")])

    topic("stopped within a transaction")
    before = w.connect()
    before.ehlo(), before.mail(), before.rcpt("bob@example.net")
    data = w.connect()
    data.ehlo(), data.mail(), data.rcpt("carol@example.net")
    eq(data.cmd("DATA").code, 354, "one session is in DATA, another before it")
    stopping = []
    stopper = threading.Thread(target=lambda: stopping.append(w.gate.stop()))
    stopper.start()
    until("millgated to wait", lambda: told("waiting for open transactions") == 1)
    first = data.body(message("in data"))
    second = before.data(message("before data"))
    ok(first.code == 250 or first.code // 100 == 4, "the one in DATA: finished, or to come again: %s" % first)
    ok(second.code == 250 or second.code // 100 == 4, "the one before DATA: %s" % second)
    eq(first.code, 250, "an open transaction is finished before the end")
    data.close(), before.close()
    stopper.join()
    eq(stopping, [0], "millgated has ended with 0")
    for user, reply in (("carol", first), ("bob", second)):
        arrived = w.inbox(user)
        eq(len(arrived), 1 if reply.code == 250 else 0, "what was accepted is delivered, the rest is not (%s)" % user)
        ok(all(map(seen, arrived)), "with its edits")

    topic("away")
    away = w.send()
    eq(away.last.code // 100, 4, "Postfix answers 4xx: %r" % away)
    w.gate.start()
    ok(w.send().ok, "back: mail flows")

    topic("stopped under load, again and again")
    w.postfix.empty()
    floods = [Flood(w, "flood%d" % n) for n in range(4)]
    for flood in floods:
        flood.start()
    for _ in range(3):
        under_way(floods)
        w.gate.restart()
    under_way(floods)
    for flood in floods:
        flood.over = True
    for flood in floods:
        flood.join()
    accepted = sorted(s for f in floods for s in f.accepted)
    others = [c for f in floods for c in f.others]
    ok(len(accepted) >= 4, "%d messages were accepted" % len(accepted))
    eq([c for c in others if not (isinstance(c, int) and c // 100 == 4)], [], "the others got 4xx (%d)" % len(others))
    arrived = w.inbox("bob")
    eq(sorted(header(m, "Subject")[0].decode() for m in arrived), accepted, "what was accepted, and only that, is delivered")
    ok(all(map(seen, arrived)), "all of it with its edits")

    topic("killed within a transaction")
    w.postfix.empty()
    session = w.connect()
    session.ehlo(), session.mail(), session.rcpt("bob@example.net"), session.cmd("DATA")
    w.gate.stop(signal.SIGKILL)
    reply = session.body(message("killed"))
    eq(reply.code // 100, 4, "Postfix answers 4xx: %s" % reply)
    session.close()
    eq(w.inbox("bob"), [], "and delivers nothing")
    w.gate.start()
    ok(w.send(message("again")).ok, "started again, over the old socket file: the mail comes again")
    eq(len(w.inbox("bob")), 1, "and is delivered")

    topic("SIGHUP and idle sessions")
    idle = w.connect()
    idle.ehlo()
    eq(w.gate.stop(), 0, "stopped beside a session without a transaction")
    eq(told("transactions were not finished"), 0, "which does not hold up the end")
    idle.close()
    w.gate.start()

    w.end()
