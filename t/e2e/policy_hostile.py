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
EACH = 250  # on one connection
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


def flood(w, rng, number):
    """One connection's share.  Answers how many were answered, and the wrong answers."""
    wrong, answered = [], 0
    p = w.policy(**REFUSED)
    for i in range(EACH):
        raw = mutate(rng, p.request(instance="hostile.%d.%d" % (number, i)))
        try:
            p.send(raw)
            action = p.answer()
        except OSError:
            action = None
        if action is None:  # too long: closed, which makes Postfix defer
            p.close()
            p = w.policy(**REFUSED)
            continue
        answered += 1
        if action.split()[0] not in ("DUNNO", "554", "DEFER_IF_PERMIT") or (action == "DUNNO" and not may_pass(read(raw))):
            wrong.append((raw, action))
        if i % 50 == 0:
            action = p.ask(instance="good.%d.%d" % (number, i))
            if not action.startswith("554 5.7.1 "):
                wrong.append(("a valid one in between", action))
    p.close()
    return answered, wrong


def resident(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


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


with PolicyWorld(CONFIG, asked=("rcpt",)) as w:
    pipelined(w)
    topic("%d malformed requests" % REQUESTS)
    rng = random.Random(SEED)
    flood(w, rng, -1)
    before = resident(w.gate.process.pid)
    answered, wrong = 0, []
    for number in range(REQUESTS // EACH):
        n, bad = flood(w, rng, number)
        answered += n
        wrong += bad
    eq(wrong[:5], [], "none is answered wrongly")
    ok(answered > REQUESTS // 2, "%d of them had an answer" % answered)
    ok(w.gate.process.alive(), "the daemon lives")
    grown = resident(w.gate.process.pid) - before
    ok(os.environ.get("SANITIZER") or grown < 20000, "it has not grown: %d kB more" % grown)
    eq(w.send(ip="203.0.113.9").status, "554 5.7.1", "Postfix still gets its refusals")
    ok(w.send().ok, "and mail flows")
    until("a line in the log about malformed requests", lambda: any(
        "policyd: " in line.get("msg", "") and line.get("level") == "warning" for line in w.gate.lines()))
    w.end()
