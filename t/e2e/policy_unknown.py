#!/usr/bin/python3
"""A proxy before Postfix that does not know its client: good mail passes, and nobody is trusted for being unknown."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import header, message
from place import until
from policy import PolicyWorld
from smtp import transaction
from tap import eq, ok, topic

CONFIG = """
greylist: { enabled = true; };
dnsbl: { reject_at = 1; lists = ( { zone = "one.example"; weight = 1; } ); };
spf: { enabled = true; };
deny: { senders = ( "@spam.example" ); clients = ( "203.0.113.0/24" ); };
allow: { clients = ( "friend.example.org" ); };
limits: { emergency = false; rates = ( { name = "each client"; by = ( "client_ip" ); messages = 1; per = "1h"; },
                                       { name = "each sender"; by = ( "sender" ); messages = 3; per = "1h"; } ); };
rules = ( { name = "stamp"; match = "always";
            then = { add_header = "X-Who: [%{client_ip}] [%{client_name}] %{direction} %{smtp} %{trusted} %{client_list}"; }; } );
"""
NOBODY = [b"[] [] inbound yes no none"]
ZONE = "strict.example TXT \"v=spf1 -all\"\n"


class Proxy:
    """A session in which Postfix is told that nobody knows the client."""

    def __init__(self, w, name="[UNAVAILABLE]"):
        self.session = w.postfix.connect()
        self.greeting = self.session.cmd("XCLIENT ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE] NAME=%s REVERSE_NAME=%s" % (name, name))

    def __enter__(self):
        self.session.ehlo()
        return self.session

    def __exit__(self, *_):
        self.session.close()


def send(w, sender="alice@example.org", **proxy):
    with Proxy(w, **proxy) as session:
        return transaction(session, message(), sender, ["bob@example.net"])


with PolicyWorld(CONFIG, zone=ZONE) as w:
    topic("over the policy protocol")
    eq(w.send(ip="198.51.100.3").status, "450 4.7.1", "a client that is known is greylisted")
    outcome = send(w)
    ok(outcome.ok, "one that is unknown is not: %r" % outcome)
    eq(header(w.inbox("bob")[-1], "X-Who"), NOBODY, "it has neither an address nor a name, nor trust")
    eq(w.gate.mail(**{"from": "alice@example.org", "verdict": "accept"})[0]["client"], "unknown", "the log says so")
    ok(send(w, sender="a@strict.example").ok, "SPF has nothing to compare")
    ok(send(w, name="friend.example.org").ok, "a name without an address")
    eq(header(w.inbox("bob")[-1], "X-Who"), NOBODY, "is nobody's")
    eq(send(w, sender="win@spam.example").status, "554 5.7.1", "denied senders are refused")
    ok(send(w).ok, "the client's own limit does not count it")
    eq(send(w).last.code, 450, "the sender's does")
    eq([line["msg"] for line in w.gate.lines() if "policyd: " in line.get("msg", "")], [], "nothing to complain about")
    w.gate.check_end()

with PolicyWorld(CONFIG, zone=ZONE, fronts=("milter",)) as w:
    # Postfix 3.7 gives "unknown" as an IPv4 address, and libmilter hangs up before millgated hears of it.  An MTA that
    # says that there is none would be understood.
    topic("over the milter protocol")
    outcome = send(w)
    ok(outcome.last.code == 451 or outcome.ok, "it is put off, or passes: %r" % outcome)
    eq([header(m, "X-Who") for m in w.inbox("bob")], [NOBODY] * outcome.ok, "but never as local mail")
    eq(w.send(ip="203.0.113.9").status, "554 5.7.1", "a client that is known is filtered as ever")
    w.postfix.set("milter_default_action = accept")
    ok(until("the new main.cf", lambda: send(w).ok), "milter_default_action = accept: it passes")
    eq(header(w.inbox("bob")[-1], "X-Who"), NOBODY if outcome.ok else [], "unfiltered, as this says")
    w.end()
