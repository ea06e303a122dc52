#!/usr/bin/python3
"""Redis away: the daemon counts by itself, so that a stolen account has no free rein; when it is back, Redis counts."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from place import until
from smtp import transaction
from message import message
from tap import eq, ok, topic
from world import World

CONFIG = """
limits: { %s
          rates = ( { name = "hourly"; by = ( "auth_user" ); messages = 3; per = "1h"; },
                    { name = "stolen"; by = ( "auth_user" ); networks = 2; per = "1h"; action = "hold"; },
                    { name = "volume"; by = ( "auth_user" ); bytes = "1M"; per = "1h"; } ); };
"""


def send(w, login, ip="198.51.100.3", n=1):
    out = [w.send(ip=ip, login=login, rcpts=["x@remote.example"]) for _ in range(n)]
    return [o.ok or o.status for o in out]


def held(w):
    return len(w.postfix.held())


with World(CONFIG % "") as w:
    topic("Redis is there")
    eq(send(w, "ann", n=2), [True, True], "two of three messages")

    topic("away")
    w.redis.stop()
    eq(send(w, "ann", n=4), [True, True, True, "450 4.7.1"], "the daemon counts anew, by itself")
    eq(send(w, "ben", n=4), [True, True, True, "450 4.7.1"], "each key apart")
    line = [r for r in w.gate.lines() if r.get("msg") == "limit"]
    eq([(r["key"], r["emergency"]) for r in line], [("ann", 1), ("ben", 1)], "told once each, with the emergency")
    ok(all("rate" not in m.get("unavailable", "") for m in w.gate.mails()), "the fact is known")
    with w.connect("198.51.100.3", login="cat") as s:
        s.ehlo()
        for _ in range(6):
            s.mail(), s.rcpt("x@remote.example"), s.rset()
        eq([transaction(s, message(), rcpts=["x@remote.example"]).ok for _ in range(4)], [True] * 3 + [False],
           "what was aborted is given back")
        s.quit()

    topic("a stolen account")
    eq([send(w, "eve", "10.0.%d.1" % n) for n in range(3)], [[True]] * 3, "from three networks")
    eq(held(w), 1, "the third is held")
    eq([send(w, "eve", "10.0.0.1"), held(w)], [[True], 2], "and so is what follows")

    topic("back")
    w.redis.start()
    until("Redis to be used again", lambda: send(w, "dan") and w.redis.keys("*hourly:dan*"))
    w.redis.flush()
    eq(send(w, "ann", n=4), [True, True, True, "450 4.7.1"], "Redis alone counts again")
    before = held(w)
    eq([send(w, "eve"), held(w)], [[True], before], "what was held here alone is held no more")

    topic("held in Redis, then away")
    eq([send(w, "zed", "10.0.%d.1" % n) for n in range(3)], [[True]] * 3, "held")
    before = held(w)
    w.redis.stop()
    eq([send(w, "zed"), held(w)], [[True], before + 1], "it stays held while Redis is away")

    topic("a restart forgets")
    w.gate.restart()
    eq(send(w, "ann", n=4), [True, True, True, "450 4.7.1"], "nothing survives")

    topic("hung, in the middle of a transaction")
    w.redis.start()
    until("Redis to be used again", lambda: send(w, "dan") and w.redis.keys("*hourly:dan*"))
    w.redis.freeze()
    eq(send(w, "fay", n=4), [True, True, True, "450 4.7.1"], "after the time-out the daemon counts")
    w.redis.thaw()
    until("Redis to be used again", lambda: send(w, "dan%d" % len(w.gate.mails())) and w.redis.cmd("PING"))

    topic("emergency = false")
    w.redis.stop()
    w.configure(CONFIG % "emergency = false;")
    eq(send(w, "ann", n=5), [True] * 5, "on_error = ignore: nothing is counted")
    ok("rate" in w.gate.mails()[-1].get("unavailable", ""), "and the log says so")
    ok("volume" in w.gate.mails()[-1].get("unavailable", ""), "of bytes, too")
    w.configure(CONFIG % 'emergency = false; on_error = "defer";')
    eq(send(w, "ann"), ["451 4.7.1"], "on_error = defer")

    w.end()
