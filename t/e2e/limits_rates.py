#!/usr/bin/python3
"""Rates over bytes, in several windows, with exceptions: what is counted, what is given back, and how it is shown."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message
from place import until
from tap import eq, like, ok, topic
from world import World

BYTES = """
limits: { rates = ( { name = "volume"; by = ( "client_ip" ); bytes = "100K"; per = "1h"; },
                    { name = "mailbox"; by = ( "recipient" ); bytes = "50K"; per = "1h"; action = "reject"; } ); };
"""


def key(rate, *values):
    return "millgate:rate:{%s}" % ":".join((rate,) + values)


def given_back(w, ip):
    """What was taken goes back after the answer: nobody waits for it."""
    return until("nothing to be taken", lambda: w.redis.keys("millgate:rate:*" + ip + "*") == [])


def shown(w, pattern):
    return json.loads(w.gate.command("limits", "show", "--json", pattern).stdout)


with World(BYTES) as w:
    topic("bytes, at the end of the message, by its real size")
    ip = "198.51.100.11"
    rcpts = ["a@remote.example", "b@remote.example", "c@remote.example"]

    def send(size, to, **options):
        return w.send(message(size=size), ip=ip, rcpts=[to], **options)

    ok(send(40000, rcpts[0], mail_parameters=["SIZE=41000"]).ok, "40 kB of 100: the claim is not counted beside it")
    ok(send(40000, rcpts[1], mail_parameters=["SIZE=41000"]).ok, "80 kB")
    over = send(40000, rcpts[2])
    eq((over.stage, over.status), ("END", "450 4.7.1"), "120 kB are too much: deferred at the end")
    ok(over.last.id, "the reply names the transaction: %s" % over.last)
    ok(send(15000, rcpts[2]).ok, "what was refused was not counted: 95 kB")
    entry = shown(w, ip)[0]
    ok(90000 < entry["windows"][0]["used"] <= 102400, "show: %r" % entry["windows"])
    eq((entry["rate"], entry["key"], entry["windows"][0]["of"]), ("volume", ip, 102400), "by its rate and key")

    topic("bytes by recipient")
    ip = "198.51.100.12"
    both = w.send(message(size=30000), ip=ip, rcpts=["bob@example.net", "carol@example.net"])
    ok(both.ok, "30 kB to each of two")
    over = w.send(message(size=30000), ip=ip, rcpts=["carol@example.net", "dave@example.net"])
    eq((over.stage, over.status), ("END", "550 5.7.1"), "one of two mailboxes is full: refused for both")
    ok(not w.redis.cmd("EXISTS", key("mailbox", "dave@example.net")), "and given back to the other")
    eq(w.redis.cmd("EXISTS", key("mailbox", "bob@example.net")), 1, "each has a key of its own")
    ok(all(w.redis.ttl(k) > 0 for k in w.redis.keys("millgate:rate:*")), "with a TTL")
    same = w.send(message(size=20000), ip="198.51.100.13", rcpts=["dave@example.net", "DAVE@Example.NET"])
    ok(same.ok and shown(w, "dave*")[0]["windows"][0]["used"] < 30000, "a mailbox that is named twice is counted once")

    topic("what does not leave is given back")
    w.configure("""limits: { rates = ( { name = "volume"; by = ( "client_ip" ); bytes = "100K"; per = "1h"; },
                       { name = "count"; by = ( "client_ip" ); messages = 3; per = "1h"; } ); };
        rules = ( { name = "early"; when = ( { fact = "subject"; is = "early"; } ); then = { reject = true; }; } );
        greylist: { enabled = true; delay = "1h"; };""")
    ip = "198.51.100.14"
    for _ in range(5):
        eq(w.send(message("early", size=90000), ip=ip).status[:3], "451", "greylisted")
    ok(given_back(w, ip), "a greylisted message is not counted")
    w.configure("""limits: { rates = ( { name = "volume"; by = ( "client_ip" ); bytes = "100K"; per = "1h"; },
                       { name = "count"; by = ( "client_ip" ); messages = 3; per = "1h"; } ); };
        rules = ( { name = "late"; when = ( { fact = "subject"; is = "late"; } ); then = { reject = true; }; } );""")
    for _ in range(5):
        eq(w.send(message("late", size=90000), ip=ip).status[:3], "550", "refused by a rule")
    ok(given_back(w, ip), "a refused message is not counted")
    ok(w.send(message(size=90000), ip=ip).ok, "one that is taken is")
    eq(len(w.redis.keys("millgate:rate:*" + ip + "*")), 2, "by both rates")

    topic("several windows of one rate")
    w.configure("""limits: { rates = ( { name = "steps"; by = ( "auth_user" );
        windows = ( { messages = 2; per = "1h"; }, { messages = 3; per = "24h"; } ); } ); };""")
    eq([w.send(login="ann", rcpts=["x@remote.example"]).ok for _ in range(3)], [True, True, False], "two an hour")
    state = w.redis.cmd("GET", key("steps", "ann"))
    entry = shown(w, "ann")[0]
    eq([(v["used"], v["of"]) for v in entry["windows"]], [(2, 2), (2, 3)], "the refused one was taken from neither")
    ok(0 < entry["free_ms"] <= 1800000, "there is room again in half an hour: %r" % entry["free_ms"])
    like(w.gate.command("limits", "show").stdout, r"(?m)^steps: ann: 2 of 2 messages \(1h\), 2 of 3 messages \(1d\); "
         r"free again in \d+m$", "for people")
    short, long = state.split()[:2]
    w.redis.cmd("SET", key("steps", "ann"), "%d %s" % (int(short) - 3600 * 10**6, long), "EX", "86400")
    ok(w.send(login="ann", rcpts=["x@remote.example"]).ok, "an hour later there is room for one")
    w.redis.cmd("SET", key("steps", "ann"), " ".join("%d" % (int(v) - 3600 * 10**6 * n) for v, n in zip(
        w.redis.cmd("GET", key("steps", "ann")).split()[:2], (2, 0))), "EX", "86400")
    eq(w.send(login="ann", rcpts=["x@remote.example"]).status, "450 4.7.1", "but for no fourth within the day")

    topic("several rates of one kind, by the same value")
    w.configure("""limits: { rates = ( { by = ( "client_ip" ); messages = 5; per = "1m"; },
        { by = ( "client_ip" ); messages = 2; per = "1h"; }, { by = ( "client_ip" ); recipients = 50; per = "1h"; } ); };""")
    eq([w.send(ip="198.51.100.31").ok for _ in range(3)], [True, True, False], "the narrowest decides")

    topic("exceptions")
    listed = w.write("robots", "# those that may\nrobot\n@lists.example\n")
    w.configure("""limits: { rates = (
        { name = "user"; by = ( "auth_user" ); messages = 1; per = "1h"; except = ( "backup@example.net", "file:%s" ); },
        { name = "net"; by = ( "client_net" ); messages = 1; per = "1h"; except = ( "198.51.100.0/25", "file:%s" ); },
        { name = "from"; by = ( "sender" ); messages = 1; per = "1h"; except = ( ".partner.example", "file:%s" ); } ); };
        """ % (listed, listed, listed))

    def twice(**options):
        return [w.send(**options).ok for _ in range(2)]

    local = {"ip": "198.51.100.3", "sender": "x@lists.example", "rcpts": ["x@remote.example"]}
    eq(twice(login="ann", **local), [True, False], "a user")
    eq(twice(login="robot", **local), [True, True], "one of the file is not counted")
    eq(twice(login="backup@example.net", **local), [True, True], "nor one by address")
    eq(twice(ip="203.0.113.5", sender="y@lists.example"), [True, False], "a network")
    eq(twice(ip="198.51.100.99", sender="y@lists.example"), [True, True], "an excepted one")
    eq(twice(ip="198.51.100.200", sender="y@lists.example"), [True, False], "only that far")
    eq(twice(ip="198.51.100.99", sender="y@example.com"), [True, False], "a sender")
    eq(twice(ip="198.51.100.99", sender="y@a.partner.example"), [True, True], "of an excepted domain")

    topic("millgate limits")
    eq(w.gate.command("limits", "reset", "ann").stdout, "reset: 2\n", "reset by a value: also of a rate that is configured no more")
    eq(shown(w, "ann"), [], "it is gone")
    eq(w.gate.command("limits", "reset", "nobody").returncode, 1, "nothing to reset")
    eq(w.gate.command("limits", "reset").returncode, 2, "reset wants to be told what")
    eq(json.loads(w.gate.command("limits", "reset", "--json", "fr*", "*").stdout)["reset"] > 2, True, "all of them")
    eq(w.redis.keys("millgate:rate:*"), [], "nothing is left")

    topic("mistakes")
    w.gate.configure("""limits: { rates = (
        { by = "client_ip"; messages = 1; bytes = "1M"; per = "1h"; },
        { by = "client_ip"; networks = 3; per = "1h"; },
        { by = "recipient"; networks = 3; per = "1h"; },
        { by = "client_ip"; messages = 3; per = "1h"; action = "hold"; },
        { by = ( "sender", "recipient" ); messages = 3; per = "1h"; action = "hold"; },
        { by = "sender"; windows = ( { messages = 3; per = "1h"; }, { bytes = "3M"; per = "1h"; } ); },
        { by = "sender"; messages = 1; per = "1h"; except = "a b"; } ); on_hit = "alert"; mail_to = "me";
        mail_via = "mx.example.net"; };""")
    said = w.gate.command("check").stderr
    for text in (r"make it two rates", r"always one", r"stolen account", r"holds an account's mail", r"for the whole message",
                 r"count the same", r"one pattern", r"no absolute path", r"no plain mail address", r"HOST:PORT"):
        like(said, text, "check: " + text)
    w.gate.configure(BYTES)

    w.end()
