#!/usr/bin/python3
"""DNS dead, silent or slow: nobody waits for ever, and nobody is refused for it."""

import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import listed, probes
from place import until
from tap import eq, ok, topic
from world import World

LISTS = ("one.example", "two.example", "three.example")
ZONE = "".join(probes(z) + listed(z, "203.0.113.5") for z in LISTS)
CONFIG = 'deadline = "3s"; dnsbl: { reject_at = 5; %s lists = ( ' + ", ".join(
    '{ zone = "%s"; weight = 5; }' % z for z in LISTS) + " ); };"


def dns(w):
    return '{ servers = ( "%s" ); timeout = "2s"; }' % w.dns.server


def many(w, how_many):
    """Transactions at the same time, each from an address that nobody has asked about."""
    results = []
    threads = [threading.Thread(target=lambda n=n: results.append(w.send(ip="198.51.100.%d" % (100 + n)).status))
               for n in range(how_many)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


with World(CONFIG % "", zone=ZONE) as w:
    eq(w.send(ip="203.0.113.5").status, "554 5.7.1", "DNS is there: a listed client is refused")

    topic("silent")
    w.dns.freeze()
    outcome = w.send(ip="198.51.100.20")
    ok(outcome.ok, "mail flows: %r" % outcome)
    results = many(w, 20)
    eq(results, ["250 2.0.0"] * 20, "20 at the same time, too")
    w.dns.thaw()

    topic("dead")
    w.dns.stop()
    outcome = w.send(ip="198.51.100.21")
    ok(outcome.ok, "mail flows: %r" % outcome)

    topic("on_error = defer")
    w.configure(CONFIG % 'on_error = "defer";')
    outcome = w.send(ip="198.51.100.22")
    eq(outcome.status, "451 4.7.1", "mail is deferred")

    topic("back")
    w.dns.start()
    addresses = iter(range(30, 250))
    until("mail to flow", lambda: w.send(ip="198.51.100.%d" % next(addresses)).ok)
    ok(True, "DNS is back: mail flows, without a restart")
    until("a listing", lambda: w.send(ip="203.0.113.5").status == "554 5.7.1")
    ok(True, "and listed clients are refused")

    topic("slow")
    w.dns.change(ZONE + "* A DELAY 300\n")
    eq(w.send(ip="203.0.113.5").status, "554 5.7.1", "a slow answer counts")

    w.end()
