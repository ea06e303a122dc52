#!/usr/bin/python3
"""Rules that meet: accept and skip before refusals, delete beside copy, move beside others, copies of what was refused."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import listed, probes
from message import header, message, payload
from tap import eq, like, ok, topic
from world import World

USERS = ("bob", "carol", "dave", "sales", "archive", "leaver", "manager")


def boxes(w):
    return {u: len(w.inbox(u)) for u in USERS if w.inbox(u)}


ACCEPT = """
limits: { message_size = "20K"; };
dnsbl: { reject_at = 5; lists = ( { zone = "black.example"; weight = 5; } ); };
greylist: { enabled = true; delay = "1h"; };
deny: { senders = ( "@spam.example" ); };
rules = (
    { name = "wanted"; when = ( { fact = "sender"; in = ( "wanted@example.org", "win@spam.example" ); } ); then = { accept = true; }; },
    { name = "secret word"; when = ( { fact = "subject"; contains = "xyzzy"; } ); then = { accept = true; }; },
    { name = "nothing is checked"; when = ( { fact = "sender"; is = "all@example.org"; } ); then = { skip = "all"; }; },
    { name = "two things"; when = ( { fact = "sender"; is = "some@example.org"; } ); then = { skip = ( "dnsbl", "greylist" ); }; },
    { name = "ads"; when = ( { fact = "subject"; contains = "advert"; } ); then = { reject = "550 5.7.1 no adverts"; }; },
    { name = "stamp"; match = "always"; then = { add_header = "X-Seen: yes"; }; },
    { name = "copied"; when = ( { fact = "subject"; contains = "copy" ; } ); then = { copy = "archive@example.net"; }; }
);
"""
LISTED = "203.0.113.5"

with World(ACCEPT, zone=probes("black.example") + listed("black.example", LISTED)) as w:
    topic("accept ends refusing, and nothing else")
    ok(w.send(message("advert copy"), ip=LISTED, sender="wanted@example.org").ok, "listed, new, an advert: accepted")
    eq(boxes(w), {"bob": 1, "archive": 1}, "delivered; later rules still copy")
    eq(header(w.inbox("bob")[0], "X-Seen"), [b"yes"], "and add their headers")
    ok(w.send(ip=LISTED, sender="win@spam.example").ok, "the administrator's accept goes before the deny list")
    eq(w.send(message(size=40000), sender="wanted@example.org").status, "552 5.3.4", "the size limit holds")

    topic("an accept that is known late")
    refused = w.send(message("hello"), ip=LISTED)
    eq((refused.stage, refused.status), ("END", "554 5.7.1"), "a listed client's refusal waits for the subject")
    ok(w.send(message("hello, xyzzy"), ip=LISTED).ok, "which may save it")
    checked = w.gate.command("check")
    like(checked.stdout + checked.stderr, r"(?s)secret word.*subject", "millgate check says which rule makes it wait")

    topic("skip")
    ok(w.send(ip=LISTED, sender="some@example.org").ok, "sections by name")
    ok(w.send(ip=LISTED, sender="all@example.org").ok, "all of them")
    eq(w.send(message("advert"), ip=LISTED, sender="all@example.org").status, "550 5.7.1", "the administrator's rules stay")

    topic("delete beside copy")
    w.postfix.empty()
    w.configure("""rules = (
        { name = "copy all"; match = "always"; then = { copy = "archive@example.net"; }; },
        { name = "gone"; when = ( { fact = "recipient"; is = "dave@example.net"; } ); then = { delete = true; }; } );""")
    sent = message("for dave")
    ok(w.send(sent, rcpts=["dave@example.net"]).ok, "the only recipient's copy is deleted")
    eq(boxes(w), {"archive": 1}, "a copy keeps the message")
    eq(payload(w.inbox("archive")[0]), sent, "as it was")

    topic("move beside others")
    w.postfix.empty()
    w.configure("""rules = (
        { name = "to two"; when = ( { fact = "recipient"; is = "leaver@example.net"; } );
          then = { move = ( "manager@example.net", "carol@example.net" ); }; } );""")
    ok(w.send(rcpts=["leaver@example.net", "manager@example.net", "bob@example.net"]).ok, "to one who is a recipient already")
    eq(boxes(w), {"manager": 1, "carol": 1, "bob": 1}, "each gets it once")

    topic("a copy is bound to its recipient")
    w.postfix.empty()
    w.configure("""
    rules = ( { name = "no one"; when = ( { fact = "recipient"; is = "carol@example.net"; } ); then = { reject = true; }; },
              { name = "carol's"; when = ( { fact = "recipient"; is = "carol@example.net"; } );
                then = { copy = "archive@example.net"; }; },
              { name = "sales'"; when = ( { fact = "recipient"; is = "sales@example.net"; } );
                then = { copy = "manager@example.net"; }; } );""")
    both = w.send(rcpts=["carol@example.net", "sales@example.net"])
    eq([r.code // 100 for r in both.rcpts], [5, 2], "one is refused at RCPT")
    eq(boxes(w), {"sales": 1, "manager": 1}, "and nothing is copied for it")
    w.postfix.empty()
    ok(w.send(rcpts=["sales@example.net", "nosuch@example.net"]).ok, "one that Postfix refuses")
    eq(boxes(w), {"sales": 1, "manager": 1}, "does not disturb the other's")

    topic("refused for some at RCPT, by the administrator's rule on the recipient")
    w.postfix.empty()
    w.configure("""rules = ( { name = "closed"; when = ( { fact = "recipient"; in = ( "carol@example.net", "dave@example.net" ); } );
                               then = { reject = "550 5.2.1 this mailbox is closed"; }; } );""")
    three = w.send(rcpts=["carol@example.net", "bob@example.net", "dave@example.net"])
    eq([r.status for r in three.rcpts], ["550 5.2.1", "250 2.1.5", "550 5.2.1"], "they alone are refused")
    like(three.rcpts[0].text, "this mailbox is closed", "with its text")
    eq(boxes(w), {"bob": 1}, "the other gets it")

    w.end()
