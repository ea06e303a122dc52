#!/usr/bin/python3
"""What Postfix does with each answer of the policy protocol, at each stage; and messages under way at a restart."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message
from place import until
from policy import PolicyWorld
from tap import done, eq, ok, topic

BOB, CAROL = "bob@example.net", "carol@example.net"
USERS = ("bob", "carol", "leaver", "manager", "sales", "archive")

RULES = """rules = (
  { name = "drop"; when = ( { fact = "sender"; is = "drop@example.com"; } ); then = { delete = true; }; },
  { name = "odd"; when = ( { fact = "sender"; is = "odd@example.com"; } ); then = { quarantine = "550 odd"; }; },
  { name = "bye"; when = ( { fact = "sender"; is = "bye@example.com"; } ); then = { defer = "421 4.7.0 bye"; }; },
  { name = "later"; when = ( { fact = "sender"; is = "later@example.com"; } ); then = { defer = "450 4.2.0 OK"; }; },
  { name = "never"; when = ( { fact = "sender"; is = "never@example.com"; } ); then = { reject = "554 5.7.9 DUNNO"; }; },
  { name = "leaver"; when = ( { fact = "recipient"; is = "leaver@example.net"; } ); then = { move = "manager@example.net"; }; },
  { name = "copy"; when = ( { fact = "recipient"; is = "sales@example.net"; } ); then = { copy = "archive@example.net"; }; }
);"""

# Local parts that need quotes, or look as if they did; and what is a recipient nevertheless.
ODD = ('"al ice"@example.org', '"a@b"@example.org', '"a\\"b"@example.org', '"a\\\\b"@example.org', "a+b=c@example.org",
       "a.@example.org", "user@[192.0.2.1]", "user@[IPv6:2001:db8::1]", "postmaster", "x%y@example.org", "x!y@example.org",
       "@relay.example:a@example.org", "a" * 64 + "@" + "b" * 60 + ".example", "")


def boxes(w):
    return {user: n for user, n in ((u, len(w.inbox(u))) for u in USERS) if n > 0}


def actions(asked):
    topic("asked at " + ", ".join(asked))
    with PolicyWorld(RULES, asked=asked) as w:
        for sender, code, text in (("bye", "421 4.7.0", "bye"), ("later", "450 4.2.0", "OK"), ("never", "554 5.7.9", "DUNNO")):
            outcome = w.send(sender=sender + "@example.com")
            eq((outcome.status, text in str(outcome.last)), (code, True), "refused: " + sender)
        ok(w.send(sender="drop@example.com", rcpts=[BOB, CAROL]).ok, "a message that is deleted")
        ok(w.send(sender="odd@example.com").ok, "one that is held")
        eq((boxes(w), len(w.postfix.held())), ({}, 1), "nobody has either; one is held")
        ok(w.send(rcpts=["leaver@example.net"]).ok, "one that is moved")
        eq(boxes(w), {"manager": 1}, "it is")
        ok(w.send(rcpts=["sales@example.net"]).ok, "one that is copied")
        eq(boxes(w), {"manager": 1, "sales": 1, "archive": 1}, "it is")
        w.gate.check_end()


def restart():
    topic("a restart in the middle of a message")
    with PolicyWorld(RULES) as w:
        with w.connect() as session:
            session.ehlo()
            session.mail("drop@example.com")
            ok(session.rcpt(BOB), "its recipient is let pass")
            w.gate.restart()
            reply = session.cmd("DATA")
            eq(reply.status, "451 4.3.2", "the new daemon does not know it: it is to come again")
            session.rset()
            session.mail("drop@example.com")
            session.rcpt(BOB)
            ok(session.data(message()), "it does")
            session.mail("alice@example.org")
            session.rcpt(CAROL)
            ok(session.data(message()), "and so does another one")
            session.quit()
        w.postfix.settle()
        eq(boxes(w), {"carol": 1}, "the first one was deleted")
        w.gate.check_end()


def addresses():
    topic("odd addresses are the same as by the milter")
    seen = {}
    for front in ("milter", "policy"):
        with PolicyWorld("", fronts=(front,), settings="smtpd_recipient_limit = 50") as w:
            sent = sum(w.send(sender=sender).ok for sender in ODD)
            ok(sent > len(ODD) // 2, "%s: %d are taken" % (front, sent))
            lines = until("their log lines", lambda: len(w.gate.mails()) >= sent and w.gate.mails())
            seen[front] = [line.get("from") for line in lines if line["verdict"] == "accept"]
            w.gate.check_end()
    eq(seen["policy"], seen["milter"], "senders")


actions(("rcpt", "data", "end"))
actions(("rcpt", "data"))
restart()
addresses()
done()
