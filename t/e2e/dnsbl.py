#!/usr/bin/python3
"""DNS block lists: refused at RCPT, weights, code ranges, IPv6, and errors that never refuse anybody."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import listed, probes
from tap import eq, like, ok, topic, unlike
from world import World

ZONES = ("black.example", "grey.example", "soft.example", "white.example", "quota.example", "parked.example")
ZONE = "".join(probes(z) for z in ZONES) + "".join([
    listed("black.example", "203.0.113.5"),
    listed("black.example", "203.0.113.6", "127.0.0.11"),
    listed("black.example", "203.0.113.7", "127.0.0.12"),
    listed("black.example", "2001:db8:bad::5"),
    listed("grey.example", "203.0.113.20"),
    listed("soft.example", "203.0.113.20"),
    listed("grey.example", "203.0.113.21"),
    listed("black.example", "203.0.113.30"),
    listed("white.example", "203.0.113.30", "127.0.5.2"),
    listed("quota.example", "203.0.113.40", "127.255.255.254"),
    listed("parked.example", "203.0.113.41", "192.0.2.1"),
    listed("black.example", "203.0.113.43"), "43.113.0.203.black.example A SERVFAIL\n",
])

LISTS = """
dnsbl: { reject_at = 5; lists = (
	{ zone = "black.example"; codes = "127.0.0.2-11"; weight = 5; name = "blacklist"; },
	{ zone = "grey.example"; weight = 3; },
	{ zone = "soft.example"; weight = 2; },
	{ zone = "quota.example"; weight = 5; },
	{ zone = "parked.example"; weight = 5; },
	{ zone = "white.example"; codes = "127.0.0-255.1-3"; weight = -3; name = "whitelist"; } ); };
"""

with World(LISTS, zone=ZONE) as w:
    topic("listed")
    refused = w.send(ip="203.0.113.5")
    eq((refused.stage, refused.status), ("RCPT", "554 5.7.1"), "a listed client is refused at RCPT")
    like(refused.last.text, "blacklist", "the reply names the list")
    unlike(refused.last.text, r"black\.example", "not its zone")
    ok(refused.last.id, "and the transaction: %s" % refused.last)
    line = w.gate.mail(id=refused.last.id)[0]
    like(str(line), r"alice@example\.org", "the log knows the transaction, with its sender")
    like(str(line), r"bob@example\.net", "and its recipient")
    ok(w.send(ip="203.0.113.1").ok, "a client that is not listed passes")
    eq(w.send(ip="203.0.113.6").status, "554 5.7.1", "the last code of the range counts")
    ok(w.send(ip="203.0.113.7").ok, "a code outside the range does not")
    eq(w.send(ip="2001:db8:bad::5").status, "554 5.7.1", "IPv6: listed")
    ok(w.send(ip="2001:db8:bad::6").ok, "IPv6: not listed")

    topic("weights")
    refused = w.send(ip="203.0.113.20")
    eq(refused.status, "554 5.7.1", "3 + 2 reach the threshold")
    ok(w.send(ip="203.0.113.21").ok, "3 alone do not")
    ok(w.send(ip="203.0.113.30").ok, "5 - 3 do not: an allow list outweighs")

    topic("errors of a list are no listings")
    ok(w.send(ip="203.0.113.40").ok, "127.255.255.254")
    ok(w.send(ip="203.0.113.41").ok, "an answer outside 127/8")
    ok(w.send(ip="203.0.113.43").ok, "SERVFAIL")

    topic("who is not asked about")
    ok(w.send(ip="203.0.113.5", login="bob").ok, "an authenticated user at a listed address")
    mixed = w.send(ip="203.0.113.5", rcpts=["postmaster@example.net", "bob@example.net", "Abuse@example.net"])
    eq([r.status for r in mixed.rcpts], ["250 2.1.5", "554 5.7.1", "250 2.1.5"], "postmaster and abuse take mail from all")
    ok(mixed.ok, "and get it")
    ok(w.send(ip="203.0.113.5", rcpts=["postmaster"]).ok, "so does <postmaster> without a domain")

    topic("facts for the administrator's rules")
    w.configure(LISTS + """
    rules = ( { name = "stamp"; match = "always";
                then = { add_header = ( "X-Score: %{dnsbl_score}", "X-Lists: %{dnsbl}" ); }; },
              { name = "listed, but wanted"; when = ( { fact = "sender"; is = "wanted@example.org"; } );
                then = { skip = ( "dnsbl" ); }; } );
    """)
    w.postfix.empty()
    ok(w.send(ip="203.0.113.5", sender="wanted@example.org").ok, "skip = dnsbl lets a listed client in")
    text = w.inbox("bob")[0]
    like(text, rb"(?m)^X-Score: 5$", "its score is still known")
    like(text, rb"(?m)^X-Lists: blacklist$", "and its lists")
    eq(w.send(ip="203.0.113.5").status, "554 5.7.1", "others are refused as before")

    topic("a list that fails, with on_error = defer")
    w.configure(LISTS.replace("reject_at = 5;", 'reject_at = 5; on_error = "defer";'))
    eq(w.send(ip="203.0.113.43").status, "451 4.7.1", "deferred, never refused")

    topic("refuse_at")
    w.configure(LISTS.replace("reject_at = 5;", 'reject_at = 5; refuse_at = "connect";'))
    early = w.send(ip="203.0.113.5")
    ok(early.last.code in (554, 550) and early.stage in ("CONNECT", "HELO", "MAIL"),
       "refuse_at = connect refuses before RCPT: %r" % early)

    w.end()
