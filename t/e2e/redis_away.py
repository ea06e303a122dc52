#!/usr/bin/python3
"""Redis stopped, hung, restarted: mail flows or is deferred as configured, and all recovers by itself."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message, payload
from place import until
from tap import eq, like, ok, topic
from world import World

CONFIG = """
greylist: { enabled = true; delay = "1h"; };
limits: { emergency = false; rates = ( { by = ( "client_ip" ); messages = 1000; per = "1h"; } ); };
"""


def redis(w, on_error):
    return '{ server = "unix:%s"; timeout = "2s"; on_error = "%s"; }' % (w.redis.socket, on_error)


def recovers(w, what):
    """A new triplet is greylisted again, which needs Redis."""
    names = iter(range(1000))
    until(what, lambda: w.send(sender="r%d@example.org" % next(names)).status == "451 4.7.1"
          and w.redis.keys("millgate:grey:*"))
    ok(True, what)


def redis_status(w):
    return json.loads(w.gate.command("status").stdout)["redis"]


def told(w, text):
    """The lines of the log about Redis."""
    return [r["msg"] for r in w.gate.lines() if text in r.get("msg", "")]


with World(CONFIG) as w:
    eq(w.send().status, "451 4.7.1", "Redis is there: greylisted")

    topic("stopped, on_error = ignore")
    w.redis.stop()
    sent = message("while Redis is away")
    outcome = w.send(sent)
    ok(outcome.ok, "mail flows: %r" % outcome)
    ok(all(w.send(sent).ok for _ in range(5)), "and goes on flowing")
    eq([payload(m) for m in w.inbox("bob")], [sent] * 6, "all of it is delivered")
    w.redis.start()
    recovers(w, "Redis is back: greylisted again, without a restart")

    topic("restarted: it has forgotten our scripts")
    w.redis.stop()
    w.redis.start()
    recovers(w, "greylisted again")
    w.redis.cmd("SCRIPT", "FLUSH")
    eq(w.send(sender="flushed@example.org").status, "451 4.7.1", "SCRIPT FLUSH is not even noticed")

    topic("hung, on_error = ignore")
    w.redis.freeze()
    outcome = w.send(sent)
    ok(outcome.ok, "mail flows: %r" % outcome)
    w.redis.thaw()
    recovers(w, "it answers again: greylisted")

    topic("on_error = defer")
    w.configure(CONFIG, redis=redis(w, "defer"))
    w.redis.flush()
    w.redis.stop()
    outcome = w.send()
    eq((outcome.stage, outcome.status), ("RCPT", "451 4.7.1"), "stopped: mail is deferred")
    ok(outcome.last.id, "the reply names the transaction: %s" % outcome.last)
    ok(w.send(login="bob", rcpts=["x@remote.example"]).last.code in (250, 451), "outbound mail has an answer too")
    w.redis.start()
    until("Redis to be used again", lambda: w.send(sender="back@example.org") and w.redis.keys("millgate:grey:*"))
    w.configure('limits: { emergency = false; rates = ( { by = ( "client_ip" ); messages = 1000; per = "1h"; } ); };',
                redis=redis(w, "defer"))
    w.redis.freeze()
    outcome = w.send()
    eq(outcome.status, "451 4.7.1", "hung: mail is deferred")
    w.redis.thaw()
    until("mail to flow again", lambda: w.send().ok)
    ok(True, "it answers again: mail flows")

    topic("there, but answering with errors")
    w.configure(CONFIG)
    w.redis.flush()
    w.redis.cmd("CONFIG", "SET", "min-replicas-to-write", "1")
    began = [w.send(sender="refused%d@example.org" % n).ok for n in range(5)]
    eq(began, [True] * 5, "on_error = ignore: mail flows")
    line = w.gate.mail(**{"from": "refused0@example.org"})[0]
    like(line.get("unavailable", ""), r"greylist \(Redis answers: NOREPLICAS", "the log line says what was not asked, and why")
    like(line.get("unavailable", ""), r"rate \(Redis answers: NOREPLICAS", "all of it")
    ok(redis_status(w)["up"] and redis_status(w)["failing"], "status says that Redis fails: %r" % redis_status(w))
    ok(redis_status(w)["errors"] >= 10, "and how often")
    eq(len(told(w, "answers with errors")), 1, "the log says so once")
    like(str(told(w, "answers with errors")), r"\(NOREPLICAS", "and why")
    w.redis.cmd("CONFIG", "SET", "min-replicas-to-write", "0")
    names = iter(range(1000))
    until("the recovery", lambda: w.send(sender="again%d@example.org" % next(names)) and not redis_status(w)["failing"])
    eq(len(told(w, "without errors again")), 1, "the recovery is told once")

    topic("one key that is broken")
    w.redis.cmd("RPUSH", "millgate:grey:{198.51.100.0/24}:broken@example.org:bob@example.net", "text")
    ok(w.send(sender="broken@example.org").ok, "mail flows")
    entry = until("its journal entry", lambda: [e for e in w.redis.journal() if e["from"] == "broken@example.org"])[0]
    like(entry.get("unavailable", ""), r"^greylist \(Redis answers: .*WRONGTYPE[^)]*\)", "the journal says what was not asked")
    ok("unavailable" not in w.gate.mail(**{"from": "again0@example.org"})[0], "other mail has no such field")

    topic("never there")
    w.redis.stop()
    w.configure(CONFIG)
    outcome = w.send()
    ok(outcome.ok, "started without Redis, on_error = ignore: mail flows: %r" % outcome)
    w.redis.start()
    recovers(w, "Redis has come: greylisted")

    w.end()
