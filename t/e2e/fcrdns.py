#!/usr/bin/python3
"""FCrDNS from the MTA's macros: pass, fail, none and temperror, each with its own setting."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message, payload
from tap import eq, like, ok, topic
from world import World

PASS = {"ip": "198.51.100.9", "name": "mail.partner.example"}
FAIL = {"ip": "198.51.100.66", "ptr": "forged.example"}
NONE = {"ip": "198.51.100.3"}
TEMP = {"ip": "198.51.100.4", "name": "TEMP"}
STAMP = """
rules = ( { name = "stamp"; match = "always";
            then = { add_header = ( "X-FCrDNS: %{fcrdns}", "X-Name: %{client_name}" ); }; } );
"""

with World('fcrdns: { enabled = true; on_fail = "reject"; on_none = "mark"; };' + STAMP) as w:
    topic("the fact")
    for client, want in ((PASS, b"pass"), (NONE, b"none"), (TEMP, b"temperror")):
        w.postfix.empty()
        outcome = w.send(**client)
        if ok(outcome.ok, "%s: accepted: %r" % (want.decode(), outcome)):
            text = w.inbox("bob")[0]
            like(text, rb"(?mi)^X-FCrDNS: .*" + (b"unavailable|temperror" if client is TEMP else want), "and known")
            if client is PASS:
                like(text, rb"(?m)^X-Name: mail\.partner\.example$", "with the confirmed name")
            if client is NONE:
                like(text, rb"(?mi)^X-Millgate[\w-]*: .*(fcrdns|reverse|DNS|client)", "on_none = mark: a header tells why")

    topic("on_fail = reject")
    refused = w.send(**FAIL)
    eq((refused.stage, refused.status), ("RCPT", "550 5.7.25"), "a name that does not agree: 550 5.7.25")
    ok(refused.last.id, "the reply names the transaction: %s" % refused.last)
    ok(w.send(login="bob", **FAIL).ok, "not for authenticated users")
    ok(w.send(rcpts=["postmaster@example.net"], **FAIL).ok, "nor for postmaster")

    topic("on_none = reject")
    w.configure('fcrdns: { enabled = true; on_fail = "ignore"; on_none = "reject"; };')
    eq(w.send(**NONE).status, "550 5.7.25", "a client without a name is refused")
    w.postfix.empty()
    sent = message("as it was")
    ok(w.send(sent, **FAIL).ok, "on_fail = ignore")
    eq([payload(m) for m in w.inbox("bob")], [sent], "leaves no trace")
    ok(w.send(**TEMP).ok, "a failure of DNS refuses nobody")

    topic("on_error = defer")
    w.configure('fcrdns: { enabled = true; on_none = "reject"; on_error = "defer"; };')
    eq(w.send(**TEMP).status, "451 4.7.1", "a failure of DNS is deferred")
    ok(w.send(**PASS).ok, "others are not touched")

    w.end()
