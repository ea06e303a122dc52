#!/usr/bin/python3
"""50,000 malformed requests to the policy socket: no crash, no leak, and never a wrong DUNNO."""

import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from place import until
from policy import PolicyWorld
from tap import eq, ok, topic

REQUESTS = 50000
EACH = 12500  # in one round, on one connection
MOST_ROUNDS = 12
STEADY = 2  # rounds that add nothing, one after the other
LEAK = 100  # bytes a request
SEED = 20261121

CONFIG = 'deny: { clients = ( "203.0.113.0/24" ); senders = ( "@spam.example" ); };'
REFUSED = {"client_address": "203.0.113.9"}


def mutate(rng, request):
    """A request that is none any more, or is a refused one all the same."""
    lines = request[:-2].split(b"\n")
    kind = rng.randrange(9)
    at = rng.randrange(len(lines))
    if kind == 0:  # bytes changed
        raw = bytearray(b"\n".join(lines))
        for _ in range(rng.randrange(1, 6)):
            raw[rng.randrange(len(raw))] = rng.choice(b"\x00\x01\r=:%\xff\x80 az09")
        return bytes(raw) + b"\n\n"
    if kind == 1:  # a line without its '='
        lines[at] = lines[at].replace(b"=", b"")
    elif kind == 2:  # a line lost
        del lines[at]
    elif kind == 3:  # a line twice, with another value
        lines.insert(rng.randrange(len(lines) + 1), lines[at].split(b"=")[0] + b"=" + rng.randbytes(5).replace(b"\n", b""))
    elif kind == 4:  # very many lines
        lines += [b"a%d=b" % i for i in range(rng.randrange(200, 400))]
    elif kind == 5:  # a very long value
        lines[at] += b"x" * rng.randrange(1, 30000)
    elif kind == 6:  # a NUL
        lines[at] += b"\0" + rng.randbytes(3).replace(b"\n", b"")
    elif kind == 7:  # noise
        lines = [rng.randbytes(rng.randrange(1, 200)).replace(b"\n", b"")]
    else:  # only the beginning
        lines = lines[:at + 1]
    return b"\n".join(line for line in lines if line) + b"\n\n"


def read(raw):
    """The attributes as anybody would read them: of two the first one; None when a line is none."""
    values = {}
    for line in raw[:-2].split(b"\n"):
        name, equals, value = line.partition(b"=")
        if not equals or not name:
            return None
        values.setdefault(name, value)
    return values


def may_pass(values):
    """DUNNO is right for what comes before the recipients, and for a client and a sender that nobody denies."""
    if values is None or values.get(b"request") != b"smtpd_access_policy":
        return False
    if values.get(b"protocol_state") in (b"CONNECT", b"EHLO", b"HELO", b"MAIL", b"VRFY", b"ETRN"):
        return True
    if values.get(b"sasl_username"):  # users are not refused as clients
        return True
    client = values.get(b"client_address", b"")
    return client.count(b".") == 3 and not client.startswith(b"203.0.113.") and b"\0" not in client


def resident(pid):
    """In bytes."""
    with open("/proc/%d/status" % pid) as f:
        return 1024 * int(next(line for line in f if line.startswith("RssAnon")).split()[1])


class Rounds:
    """Floods of as many requests each: how many were answered, which wrongly, and how the daemon grew by them.

    What it holds says nothing by itself: transactions are kept in case their connection comes back, each thread has a
    heap of its own, and how much of that comes together is a matter of the machine.  But all of it has its bounds, and a
    round leaves one connection behind: so soon rounds add nothing any more.  A leak adds to each.
    """

    def __init__(self, w):
        self.w, self.rng = w, random.Random(SEED)
        self.asked, self.answered, self.wrong, self.least = 0, 0, [], []

    def round(self):
        p = self.w.policy(**REFUSED)
        sizes = []
        for i in range(EACH):
            raw = mutate(self.rng, p.request(instance="hostile.%d" % (self.asked + i)))
            try:
                p.send(raw)
                action = p.answer()
            except OSError:
                action = None
            if action is None:  # too long: closed, which makes Postfix defer
                p.close()
                p = self.w.policy(**REFUSED)
                continue
            self.answered += 1
            self.judge(raw, action)
            if i % 50 == 0:
                action = p.ask(instance="good.%d" % (self.asked + i))
                if not action.startswith("554 5.7.1 "):
                    self.wrong.append(("a valid one in between", action))
                sizes.append(resident(self.w.gate.process.pid))
        p.close()
        self.asked += EACH
        self.least.append(min(sizes))

    def judge(self, raw, action):
        known = action.split()[0] in ("DUNNO", "554", "DEFER_IF_PERMIT")
        if not known or (action == "DUNNO" and not may_pass(read(raw))):
            self.wrong.append((raw, action))

    def grown(self):
        """From round to round, in bytes a request."""
        return [(after - before) // EACH for before, after in zip(self.least, self.least[1:])]

    def settled(self):
        return all(grown < LEAK for grown in self.grown()[-STEADY:])


def pipelined(w):
    topic("pipelined, and split anywhere")
    with w.policy(instance="pipe") as p:
        p.send(b"".join(p.request(recipient="r%d@example.net" % i) for i in range(200)))
        eq([p.answer() for _ in range(200)], ["DUNNO"] * 200, "200 requests in one go have 200 answers")
        for i, byte in enumerate(p.request(**REFUSED, instance="bytes")):
            p.send(bytes([byte]))
        ok(p.answer().startswith("554 5.7.1 "), "one that comes byte by byte is refused as well")
        p.send(p.request(instance="half")[:100])
    with w.policy(instance="whole") as p:
        eq(p.ask(), "DUNNO", "half a request, and then nothing, is no harm to others")
    with w.policy() as p:
        p.send(b"x" * 100000)
        try:
            eq(p.answer(), None, "a line without end is hung up on")
        except ConnectionError:
            ok(True, "a line without end is hung up on")


# millgate expects an end to come: then the former transaction is ended before the next request is answered, else later,
# some thousand at a time.
with PolicyWorld(CONFIG, asked=("rcpt",), told=("rcpt", "data")) as w:
    pipelined(w)
    topic("%d malformed requests" % REQUESTS)
    rounds = Rounds(w)
    while rounds.asked < REQUESTS:
        rounds.round()
    eq(rounds.wrong[:5], [], "none is answered wrongly")
    ok(rounds.answered > REQUESTS // 2, "%d of them had an answer" % rounds.answered)
    ok(w.gate.process.alive(), "the daemon lives")
    if not os.environ.get("SANITIZER"):  # which keeps what was freed
        while not rounds.settled() and len(rounds.least) < MOST_ROUNDS:
            rounds.round()
        ok(rounds.settled(), "it does not go on growing: from round to round by %s bytes a request" % rounds.grown())
    eq(w.send(ip="203.0.113.9").status, "554 5.7.1", "Postfix still gets its refusals")
    ok(w.send().ok, "and mail flows")
    until("a line in the log about malformed requests", lambda: any(
        "policyd: " in line.get("msg", "") and line.get("level") == "warning" for line in w.gate.lines()))
    w.end()
