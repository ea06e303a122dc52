#!/usr/bin/python3
"""A refusal that can only be decided at the end and fits only some recipients: mark, redirect, split."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import header, headers, message, payload
from tap import eq, like, ok, topic
from world import World

RULES = """
mixed_recipients = "%s"; quarantine_address = "quarantine@example.net";
rules = ( { name = "bob wants no ads"; match = "all";
            when = ( { fact = "recipient"; is = "bob@example.net"; }, { fact = "subject"; contains = "advert"; } );
            then = { %s }; } );
"""
BOTH = ["bob@example.net", "carol@example.net"]
AD = message("an advert")
OTHER = message("a letter")


def counts(w):
    return {u: len(w.inbox(u)) for u in ("bob", "carol", "quarantine") if w.inbox(u)}


with World(RULES % ("mark", "reject = true;")) as w:
    topic("mark")
    ok(w.send(AD, rcpts=BOTH).ok, "accepted for both")
    eq(counts(w), {"bob": 1, "carol": 1}, "delivered to both")
    marks = [h for h in headers(w.inbox("bob")[0]) if h not in headers(AD) and h[0].startswith("X-")
             and h[0] != "X-Original-To"]
    ok(len(marks) == 1, "with a header that names the reason: %s" % marks)
    w.postfix.empty()
    refused = w.send(AD, rcpts=["bob@example.net"])
    eq((refused.stage, refused.last.code // 100), ("END", 5), "bob alone: refused at the end")
    ok(w.send(AD, rcpts=["carol@example.net"]).ok, "carol alone: accepted")
    w.postfix.empty()
    ok(w.send(OTHER, rcpts=BOTH).ok, "another message is not touched")
    eq([payload(w.inbox(u)[0]) for u in ("bob", "carol")], [OTHER, OTHER], "byte for byte")

    topic("redirect")
    w.configure(RULES % ("redirect", "reject = true;"))
    w.postfix.empty()
    ok(w.send(AD, rcpts=BOTH).ok, "accepted")
    eq(counts(w), {"quarantine": 1, "carol": 1}, "the one's copy goes to the quarantine address")
    like(str(headers(w.inbox("quarantine")[0])), "bob@example.net", "with the original recipient in a header")

    topic("split")
    w.configure(RULES % ("split", "reject = true;"))
    w.postfix.empty()
    first = w.send(AD, rcpts=BOTH)
    eq(sorted(r.status for r in first.rcpts), ["250 2.1.5", "452 4.5.3"], "one of them is asked to come again")
    later = [r for r, reply in zip(BOTH, first.rcpts) if reply.code == 452]
    second = w.send(AD, rcpts=later)
    eq(sorted((o.end.code // 100 for o in (first, second))), [2, 5], "each gets its own answer")
    eq(counts(w), {"carol": 1}, "and carol has it")
    same = w.send(OTHER, rcpts=["carol@example.net", "dave@example.net"])
    eq([r.code for r in same.rcpts], [250, 250], "recipients with the same rules stay together")

    topic("quarantine for some")
    w.configure(RULES % ("mark", "quarantine = true;"))
    w.postfix.empty()
    ok(w.send(AD, rcpts=BOTH).ok, "accepted")
    eq((counts(w), w.postfix.held()), ({"bob": 1, "carol": 1}, []), "marked, not held: hold is for the whole message")
    ok(w.send(AD, rcpts=["bob@example.net"]).ok, "alone")
    eq(len(w.postfix.held()), 1, "it is held")

    topic("check warns of such rules")
    checked = w.gate.command("check")
    eq(checked.returncode, 0, "a warning is no error")
    like(checked.stdout + checked.stderr, "bob wants no ads", "it names the rule")

    w.end()
