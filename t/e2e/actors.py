#!/usr/bin/python3
"""Who is who: outbound mail, relays, and sessions without SMTP."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import listed, probes
from message import header, headers, message
from place import until
from tap import eq, like, ok, topic
from world import World

ZONE = probes("black.example") + "".join(listed("black.example", ip) for ip in
                                         ("203.0.113.5", "192.0.2.25", "192.0.2.5", "192.0.2.26"))
CONFIG = """
relays = ( "192.0.2.25", "203.0.113.25" );
greylist: { enabled = true; delay = "1h"; };
dnsbl: { reject_at = 5; lists = ( { zone = "black.example"; weight = 5; } ); };
fcrdns: { enabled = true; on_fail = "reject"; on_none = "reject"; };
deny: { senders = ( "bad@example.org" ); };
limits: { message_size = "100K"; recipients = 5; rates = ( { by = ( "client_ip" ); messages = 2; per = "1h"; } ); };
rules = ( { name = "stamp"; match = "always"; then = { add_header = "X-Direction: %{direction}"; }; },
          { name = "no viagra"; when = ( { fact = "subject"; contains = "viagra"; } ); then = { reject = true; }; },
          { name = "held"; when = ( { fact = "subject"; contains = "hold" ; } ); then = { quarantine = true; }; },
          { name = "moved"; when = ( { fact = "recipient"; is = "leaver@example.net"; } );
            then = { move = "manager@example.net"; }; } );
"""

with World(CONFIG, zone=ZONE) as w:
    topic("outbound: authenticated, from a listed address without a name")
    ok(w.send(ip="203.0.113.5", login="bob", sender="bob@example.net", rcpts=["x@remote.example"]).ok, "accepted")
    eq(header(w.sink.wait(1)[0].data.replace(b"\r\n", b"\n"), "X-Direction"), [b"outbound"], "direction = outbound")
    refused = w.send(message("viagra"), ip="203.0.113.5", login="bob", sender="bob@example.net", rcpts=["x@remote.example"])
    eq(refused.last.code // 100, 5, "the administrator's rules hold")

    topic("outbound: trusted networks")
    ok(w.send(ip="192.0.2.5").ok, "no greylist, DNSBL or FCrDNS")
    eq(header(w.inbox("bob")[0], "X-Direction"), [b"outbound"], "direction = outbound")
    ok(w.send(ip="192.0.2.5").ok, "the second message of its rate")
    eq(w.send(ip="192.0.2.5").status, "450 4.7.1", "the rate holds")

    topic("inbound")
    eq(w.send(ip="203.0.113.5").status, "550 5.7.25", "the same address without a login is refused: FCrDNS comes first")
    eq(w.send(ip="203.0.113.5", name="mx.friend.example").status, "554 5.7.1", "with a name that agrees: DNSBL")

    topic("relays: never refused")
    w.postfix.empty()
    for relay in ("192.0.2.25", "203.0.113.25"):
        for _ in range(3):
            last = w.send(ip=relay)
        ok(last.ok, "%s: no greylist, DNSBL, FCrDNS or rate: %r" % (relay, last))
    eq({header(m, "X-Direction")[0] for m in w.inbox("bob")}, {b"inbound"}, "direction = inbound")
    w.postfix.empty()
    marked = w.send(message("viagra"), ip="203.0.113.25")
    ok(marked.ok, "a rule's refusal is no refusal: %r" % marked)
    arrived = w.inbox("bob")
    ok(arrived and [h for h in headers(arrived[0]) if h[0].lower().startswith("x-millgate")],
       "but a mark: %s" % [headers(m) for m in arrived])
    w.postfix.empty()
    marked = w.send(ip="203.0.113.25", sender="bad@example.org")
    ok(marked.ok, "nor is a denied sender's: %r" % marked)
    eq(len(w.inbox("bob")), 1, "delivered")

    topic("without SMTP: sendmail(1)")
    w.postfix.empty()
    for subject in ("plain", "viagra"):
        done = w.postfix.submit(message(subject), "bad@example.org", ["bob@example.net"])
        eq(done.returncode, 0, "%s: submitted" % subject)
        until("its delivery", lambda: any(header(m, "Subject") == [subject.encode()] for m in w.inbox("bob")))
    eq(len(w.inbox("bob")), 2, "both are delivered: nothing is refused, bounced or stuck")
    eq(w.postfix.queued(), [], "the queue is empty")
    eq(header(w.inbox("bob")[0], "X-Direction"), [b"outbound"], "it is edited: outbound")
    w.postfix.submit(message("hold this"), "bob@example.net", ["carol@example.net"])
    until("the hold queue", w.postfix.held)
    eq(len(w.postfix.held()), 1, "it is quarantined")
    w.postfix.submit(message("for a leaver"), "bob@example.net", ["leaver@example.net"])
    until("the move", lambda: w.inbox("manager"))
    eq((len(w.inbox("manager")), w.inbox("leaver")), (1, []), "it is moved")
    for _ in range(4):
        w.postfix.submit(message("one of many"), "bob@example.net", ["carol@example.net"])
    until("all of them", lambda: len(w.inbox("carol")) == 4)
    ok(True, "it is not limited")
    big = message("large", size=200000)
    w.postfix.submit(big, "bob@example.net", ["dave@example.net"])
    until("the large one", lambda: w.inbox("dave"))
    ok(True, "nor by size")

    topic("relays with mixed_recipients = redirect")
    w.configure('mixed_recipients = "redirect"; quarantine_address = "quarantine@example.net";' + CONFIG)
    w.postfix.empty()
    ok(w.send(message("viagra"), ip="203.0.113.25").ok, "accepted")
    eq((len(w.inbox("quarantine")), len(w.inbox("bob"))), (1, 0), "goes to the quarantine address")

    w.end()
