#!/usr/bin/python3
"""allow and deny: what they skip, and which of them wins."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import listed, probes
from place import until
from tap import eq, like, ok, topic
from world import World

ZONE = probes("black.example") + listed("black.example", "203.0.113.7") + listed("black.example", "198.51.100.9")
CONFIG = """
allow: { clients = ( "203.0.113.7", ".partner.example", "198.18.0.0/16" );
         senders = ( "boss@example.org" ); unverified = true; };
deny:  { clients = ( "203.0.113.0/24", "198.18.66.0/24", ".bad.example" ); senders = ( "@spam.example", "one@example.org" ); };
greylist: { enabled = true; delay = "1h"; retry_window = "5h"; };
dnsbl: { reject_at = 5; lists = ( { zone = "black.example"; weight = 5; } ); };
fcrdns: { enabled = true; on_fail = "reject"; on_none = "ignore"; };
"""

with World(CONFIG, zone=ZONE) as w:
    topic("deny")
    denied = w.send(ip="203.0.113.9")
    eq((denied.stage, denied.status), ("RCPT", "554 5.7.1"), "a denied network is refused at RCPT")
    ok(denied.last.id, "the reply names the transaction: %s" % denied.last)
    eq(w.send(sender="x@spam.example").status, "554 5.7.1", "a denied sender's domain")
    eq(w.send(sender="ONE@example.org").status, "554 5.7.1", "a denied sender, in whatever case")
    eq(w.send(ip="198.51.100.30", name="dsl.bad.example").status, "554 5.7.1", "a denied client name")

    topic("allow")
    ok(w.send(ip="203.0.113.7").ok, "the more specific entry wins over deny; listed and unknown, yet accepted at once")
    ok(w.send(ip="198.51.100.9", name="mail.partner.example").ok, "allowed by its confirmed name")
    eq(w.send(ip="203.0.113.8", ptr="mail.partner.example").status, "554 5.7.1", "an unconfirmed name is nothing")
    ok(w.send(ip="198.18.1.1").ok, "an allowed network")
    eq(w.send(ip="198.18.66.1").status, "554 5.7.1", "a denied network within it")
    ok(w.send(sender="boss@example.org").ok, "an allowed sender, unverified = true: not greylisted")

    topic("order")
    ok(w.send(ip="203.0.113.9", login="bob").ok, "an authenticated user at a denied address")
    mixed = w.send(ip="203.0.113.9", rcpts=["bob@example.net", "postmaster@example.net"])
    eq([r.code for r in mixed.rcpts], [554, 451], "an exempt recipient takes mail from a denied client; greylisting remains")

    topic("allow.senders without unverified = true")
    w.configure(CONFIG.replace("unverified = true;", ""))
    eq(w.send(sender="boss@example.org").status, "451 4.7.1", "counts only with SPF or DKIM: greylisted")

    topic("lists in files")
    path = w.write("denied", "# a list\n\n203.0.113.0/24  \n  198.51.100.77\n")
    w.configure('deny: { clients = ( "file:%s" ); };' % path)
    eq(w.send(ip="203.0.113.200").status, "554 5.7.1", "a network of the file")
    eq(w.send(ip="198.51.100.77").status, "554 5.7.1", "an address of the file")
    ok(w.send(ip="198.51.100.78").ok, "nobody else")

    topic("shadow")
    w.configure('deny: { clients = ( "203.0.113.0/24" ); shadow = true; };')
    ok(w.send(ip="203.0.113.9").ok, "a section in shadow refuses nobody")
    until("its entry", lambda: w.redis.journal()[-1]["client"] == "203.0.113.9")
    like(str(w.redis.journal()[-1]), "deny", "but the journal tells")

    w.end()
