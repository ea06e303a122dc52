#!/usr/bin/python3
"""A stolen account: too many networks, or too much mail, and all its mail is held until an administrator says otherwise."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message
from place import until
from tap import eq, like, ok, topic
from world import World

CONFIG = """
limits: { mail_to = "postmaster@example.net"; mail_via = "%(via)s"; %(more)s
          rates = ( { name = "tempo"; by = ( "auth_user" ); messages = 4; per = "1h"; },
                    { name = "stolen"; by = ( "auth_user" ); networks = 2; per = "1h"; action = "hold"; },
                    { name = "flood"; by = ( "sender" ); recipients = 10; per = "1h"; action = "hold"; hold_for = "1h"; } ); };
rules = ( { name = "copy"; when = ( { fact = "sender"; is = "ann@example.net"; } ); then = { copy = "archive@example.net"; }; } );
"""
REMOTE = ["x@remote.example"]


def fate(w, outcome):
    """held, sent, or the reply that refused it."""
    if not outcome.ok:
        return outcome.status
    return "held" if outcome.queue_id in [m["queue_id"] for m in w.postfix.held()] else "sent"


with World() as w:
    names = {"via": "%s:%d" % (w.postfix.ip, w.postfix.port), "more": ""}
    w.configure(CONFIG % names)

    def ann(ip, login="ann", rcpts=None):
        return fate(w, w.send(message(size=500), ip=ip, login=login, sender=login + "@example.net", rcpts=rcpts or REMOTE))

    topic("networks")
    eq([ann("198.51.100.1"), ann("198.51.100.77"), ann("203.0.113.5")], ["sent"] * 3, "two networks")
    eq(ann("192.88.99.1"), "held", "the third one: the message is held")
    eq(w.send(ip="192.88.99.1", login="ben", rcpts=REMOTE, sender="ben@example.net").ok, True, "another user")
    eq([ann("198.51.100.1") for _ in range(3)], ["held"] * 3, "and all that follows, from anywhere")
    eq(len([k for k in w.redis.keys("millgate:rate:*") if k.endswith(":held")]), 1, "it is remembered in Redis")
    held = "millgate:rate:{stolen:ann}:held"
    ok(29 * 86400 < w.redis.ttl(held) <= 30 * 86400, "for thirty days")
    ok(w.redis.ttl("millgate:rate:{stolen:ann}:nets") > 0, "the networks have a TTL, too")
    line = [r for r in w.gate.lines() if r.get("msg") == "limit"]
    eq([(r["rate"], r["key"], r["action"]) for r in line], [("stolen", "ann", "hold")], "told once, in the log")
    mails = until("the mail", lambda: w.inbox("postmaster"))
    eq(len(mails), 1, "and by mail")
    like(mails[0].decode(), r"(?m)^Subject: held: ann\r?$", "that says whom")
    mail = w.gate.mail(verdict="quarantine")[0]
    eq((mail["rule"], mail["user"]), ("stolen", "ann"), "the log line of the message")

    topic("show, and a restart")
    entry = next(e for e in json.loads(w.gate.command("limits", "show", "--json", "stolen").stdout) if e["key"] == "ann")
    eq((entry["rate"], entry["key"]), ("stolen", "ann"), "limits show")
    like(entry["held_since"], r"^20\d\d-", "since when")
    like(w.gate.command("limits", "show", "ann").stdout, r"(?m)^stolen: ann: 2 of 2 networks \(1h\); held since 20\S+, for 30d more$",
         "for people")
    w.gate.restart()
    eq(ann("198.51.100.1"), "held", "a restart changes nothing")

    topic("reset")
    eq(w.gate.command("limits", "reset", "stolen").stdout, "reset: 2\n", "reset by the rate's name: ann, and ben's networks")
    eq(w.redis.keys("*stolen*"), [], "every key is gone")
    eq(ann("192.88.99.1"), "sent", "the account sends again")
    for m in w.postfix.held():
        w.postfix.release(m["queue_id"])
    eq(w.postfix.held(), [], "what Postfix holds is released by postsuper -H")

    topic("an attempt is no network")
    w.redis.flush()
    for n in range(5):
        with w.connect("10.0.%d.1" % n, login="kim") as s:
            s.ehlo(), s.mail("kim@example.net"), s.rcpt(REMOTE[0]), s.rset(), s.quit()
    until("aborted transactions to be given back", lambda: not w.redis.keys("*stolen*"))
    eq([ann("10.0.1.1", "kim"), ann("10.0.2.1", "kim")], ["sent", "sent"], "two networks are still free")
    eq(ann("10.0.3.1", "kim"), "held", "the third is not")

    topic("recipients: the message is held for all of them")
    w.redis.flush()
    rcpts = ["r%d@remote.example" % n for n in range(12)]
    eq(ann("198.51.100.1", "lea", rcpts), "held", "twelve recipients of ten")
    queue = [m for m in w.postfix.held() if m["sender"] == "lea@example.net"]
    eq([len(m["recipients"]) for m in queue], [12], "all in the hold queue")
    ok(3500 < w.redis.ttl("millgate:rate:{flood:lea@example.net}:held") <= 3600, "for the time of hold_for")

    w.configure((CONFIG % names).replace("rules = (", """rules = ( { name = "vip"; when = ( { fact = "subject"; is = "vip"; } );
        then = { accept = true; }; },"""))
    eq(ann("198.51.100.1", "liz", rcpts), "held", "also when a rule has the rates asked at the end alone")
    eq([len(m["recipients"]) for m in w.postfix.held() if m["sender"] == "liz@example.net"], [12], "all of them")
    w.configure(CONFIG % names)

    topic("held mail is held, whatever other rates say")
    w.redis.flush()
    eq([ann(ip, "max") for ip in ("198.51.100.1", "198.51.100.1", "203.0.113.1")], ["sent"] * 3, "three messages")
    for n in range(4):
        eq(ann("10.9.%d.1" % n, "max"), "held", "held, and not deferred by the other rate")

    topic("recipients that a rule spares, among others")
    w.configure((CONFIG % names).replace("rules = (", '''rules = ( { name = "spare"; when = ( { fact = "recipient";
        is = "vip@remote.example"; } ); then = { skip = ( "limits" ); }; }, '''))
    w.redis.flush()
    eq([ann("10.5.%d.1" % n, "ola") for n in range(3)], ["sent", "sent", "held"], "an account is held")
    for rcpts in (["vip@remote.example", "x@remote.example"], ["x@remote.example", "vip@remote.example"]):
        eq(ann("10.5.1.1", "ola", rcpts), "held", "nothing slips out beside %s" % rcpts[0])
    eq(sorted(len(m["recipients"]) for m in w.postfix.held() if m["sender"] == "ola@example.net"), [1, 2, 2], "for all of them")
    eq(ann("10.5.1.1", "ola", ["vip@remote.example"]), "sent", "what goes to such a one alone is not limited")

    topic("shadow")
    w.configure(CONFIG % {**names, "more": "shadow = true;"})
    w.redis.flush()
    eq([ann("10.1.%d.1" % n, "nan") for n in range(4)], ["sent"] * 4, "nothing is held")
    eq([k for k in w.redis.keys("*") if k.endswith(":held")], [], "nobody is")
    ok("stolen" in w.gate.mails()[-1].get("shadow", ""), "the log says what would have been: %r" % w.gate.mails()[-1].get("shadow"))

    w.end()
