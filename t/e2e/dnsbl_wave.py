#!/usr/bin/python3
"""Many sessions at once and lists that change in the middle: a wave of spam is refused from the first message to the last,
and of those that no list had nobody is; a stop while DNS is away does not hang."""

import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import probes
from place import until
from tap import diag, eq, ok, topic
from world import World

SENDERS, EACH = 8, 16
NAMES = ["l%d" % n for n in range(4)]
SPAM = "*.45.l0.example A 127.0.0.2\n"
ZONE = "".join(probes(n + ".example") for n in NAMES) + SPAM
CONFIG = "dnsbl: { reject_at = 5; lists = ( %s ); };" % ",\n".join(
    '{ zone = "%s.example"; name = "%s"; weight = 5; }' % (n, n) for n in NAMES)


def at_once(w, what):
    """Calls it with numbers, in several threads; a list of what it answered."""
    answers = []

    def run(sender):
        for n in range(EACH):
            answers.append(what(w, sender, n))

    threads = [threading.Thread(target=run, args=(sender,)) for sender in range(SENDERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers


def wave(first):
    """Every second message is spam.  (is it spam, the outcome)"""
    def send(w, sender, n):
        spam = n % 2 == 0
        return spam, w.send(ip="%d.%d.%d.1" % (45 if spam else 44, first + sender, n))
    return send


def state(w, name):
    for line in w.gate.command("dnsbl", "status").stdout.splitlines():
        if line.startswith(name + " "):
            return line.split()[2]
    return None


with World(CONFIG, zone=ZONE) as w:
    topic("a wave")
    until("the lists to be ok", lambda: [state(w, n) for n in NAMES] == ["ok"] * len(NAMES))
    outcomes = at_once(w, wave(0))
    eq([str(o) for spam, o in outcomes if spam and o.status != "554 5.7.1"], [], "spam is refused")
    eq([str(o) for spam, o in outcomes if not spam and not o.ok], [], "and nothing else")
    eq([state(w, n) for n in NAMES], ["ok"] * len(NAMES), "no list is suspended for it")

    topic("two lists break in the middle of it")
    w.dns.change(ZONE + "".join("*.%d.l1.example A 127.0.0.2\n" % n for n in (44, 45)) +
                 "*.l2.example A 127.255.255.254\n")
    outcomes = at_once(w, wave(100))
    eq([str(o) for spam, o in outcomes if spam and o.status != "554 5.7.1"], [], "spam is refused, by one that works")
    eq([str(o) for spam, o in outcomes if not spam and not o.ok], [], "nobody else is")
    eq([state(w, n) for n in NAMES], ["ok", "suspended", "suspended", "ok"], "the lists that broke are suspended")
    said = [line["msg"] for line in w.gate.lines() if "is suspended: " in line.get("msg", "")]
    eq(len(said), 2, "each said once, however many sessions found out")
    for line in said:
        diag(line)

    topic("DNS is away at the end")
    w.dns.change("* * TIMEOUT\n")
    ok(all(o.ok for o in at_once(w, lambda w, sender, n: w.send(ip="46.%d.%d.1" % (sender, n)))), "mail flows")

    w.end()
