#!/usr/bin/python3
"""Harvesting: unknown recipients are counted per client; slow answers, then 421, then refused for a time."""

import json
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import listed, probes
from message import message
from place import until
from smtp import Lost
from tap import eq, like, ok, topic
from world import World


def config(settings, more=""):
    return "harvesting: { %s };\n%s" % (settings, more)


QUICK = 'slow_after = 2; delay = "10ms"; close_after = 4; refuse_after = 6; per = "1h"; refuse_for = "1h";'


def key(client):
    return "millgate:rate:{harvest:%s}" % client


def count(w, client):
    return int(w.redis.cmd("GET", key(client)) or 0)


def begin(w, ip, **client):
    session = w.connect(ip, **client)
    session.ehlo()
    return session


def guess(session, n, first=0):
    """Tries recipients that do not exist; answers the replies' statuses."""
    return [session.rcpt("guess%d@example.net" % i).status for i in range(first, first + n)]


def is_closed(session):
    try:
        return not session.cmd("NOOP")
    except (Lost, OSError):
        return True


def warnings(w, client):
    return [r["msg"] for r in w.gate.lines() if r.get("level") == "warning" and "harvest: %s " % client in r.get("msg", "")]


with World(config(QUICK), zone=probes("good.example") + listed("good.example", "198.51.100.28"), moved=True) as w:
    topic("what is counted")
    session = begin(w, "198.51.100.20")
    ok(session.mail(), "MAIL")
    eq(guess(session, 1), ["550 5.1.1"], "an unknown recipient: 550 5.1.1")
    eq(count(w, "198.51.100.20"), 1, "is counted")
    ok(0 < w.redis.ttl(key("198.51.100.20")) <= 3600, "for an hour")
    eq(session.rcpt("x@elsewhere.example").enhanced[1:], ".7.1", "relaying denied")
    ok(session.rcpt("bob@example.net"), "a recipient who exists")
    eq(count(w, "198.51.100.20"), 1, "are not")
    session.quit()
    session = begin(w, "2001:db8:7::1")
    session.mail()
    guess(session, 1)
    session.quit()
    session = begin(w, "2001:db8:7::2")
    session.mail()
    guess(session, 1)
    session.quit()
    eq(count(w, "2001%3Adb8%3A7%3A%3A/64"), 2, "two addresses of one /64 are one client")

    topic("who is not")
    session = begin(w, "192.0.2.30")
    session.mail()
    eq(guess(session, 8), ["550 5.1.1"] * 8, "a trusted network may err")
    ok(session.rcpt("bob@example.net"), "as often as it likes")
    session.quit()
    session = begin(w, "198.51.100.21", login="bob")
    session.mail("bob@example.net")
    guess(session, 8)
    ok(session.rcpt("bob@example.net"), "so may an authenticated user")
    session.quit()
    eq(w.redis.keys("millgate:rate:*198.51.100.21*") + w.redis.keys("millgate:rate:*192.0.2.30*"), [], "neither is counted")

    topic("the steps")
    ip = "198.51.100.22"
    session = begin(w, ip)
    session.mail()
    eq(guess(session, 4), ["550 5.1.1"] * 4, "four unknown recipients in one transaction")
    reply = session.rcpt("bob@example.net")
    eq(reply.status, "421 4.7.0", "the next one who exists: 421 4.7.0")
    ok(reply.id, "the reply names the transaction: %s" % reply)
    ok(is_closed(session), "and the session is over")
    eq(len(warnings(w, ip)), 2, "slowed, closed: each step is told once: %s" % warnings(w, ip))
    ok(w.send(ip=ip).ok, "a new session that errs no more is served")
    session = begin(w, ip)
    session.mail()
    guess(session, 1, 4)
    session.rset()
    reply = session.mail()
    eq(reply.status, "421 4.7.0", "one more, and the next MAIL is answered 421")
    ok(is_closed(session), "which ends the session")
    session = begin(w, ip)
    session.mail()
    guess(session, 1, 5)
    eq(count(w, ip), 6, "the sixth")
    ok(0 < w.redis.ttl(key(ip)) <= 3600, "begins the time for which it is refused")
    eq(session.mail().enhanced[:2], "5.", "(MAIL within MAIL)")
    session.close()
    refused = w.send(ip=ip)
    eq((refused.stage, refused.status), ("MAIL", "421 4.7.0"), "a new session is refused at MAIL")
    eq(len(w.gate.mail(client=ip, rule="harvest: unknown recipients")), 3, "the log names the rule, each time")
    eq(w.send(ip=ip, rcpts=["postmaster@example.net"]).status, "421 4.7.0", "also for postmaster, who is asked for later")
    ok(w.send(ip=ip, login="bob").ok, "an authenticated user behind the same address is served")
    eq(len(warnings(w, ip)), 3, "three steps, three lines: %s" % warnings(w, ip)[-1:])
    like(warnings(w, ip)[-1], "refused for 1h", "the last says for how long")
    ok(w.send(ip="198.51.100.23").ok, "another client is not touched")

    like(w.gate.command("limits", "show", ip).stdout, r"^harvest: 198.51.100.22: 6 unknown recipients; forgotten in \d",
         "millgate limits show tells how it stands")
    harvesting = json.loads(w.gate.command("status").stdout)["harvesting"]
    eq((harvesting["unknown_recipients"], harvesting["not_counted"], harvesting["sleeping"]), (9, 0, 0),
       "millgate status: so many were counted since the start")

    topic("several daemons share the counts")
    w.gate.restart()
    eq(w.send(ip=ip).status, "421 4.7.0", "another process knows it")

    topic("released")
    eq(w.gate.command("limits", "reset", ip).returncode, 0, "millgate limits reset")
    ok(w.send(ip=ip).ok, "lets a client go")

    topic("for a time")
    w.configure(config('slow_after = 0; close_after = 2; refuse_after = 3; refuse_for = "10m";'))
    session = begin(w, ip)
    session.mail()
    guess(session, 3)
    session.close()
    eq(w.send(ip=ip).status, "421 4.7.0", "refused")
    w.redis.later(601)
    until("the client to be served again", lambda: w.send(ip=ip).ok)
    eq(count(w, ip), 0, "after refuse_for it is counted anew")

    topic("at once, or at RCPT")
    w.configure(config('slow_after = 0; close_after = 2; refuse_after = 3; refuse_at = "connect";'))
    session = begin(w, ip)
    session.mail()
    guess(session, 3)
    session.close()
    refused = w.send(ip=ip)
    eq((refused.stage, refused.status), ("HELO", "421 4.7.0"), 'refuse_at = "connect": at HELO')
    w.configure(config('refuse_after = 3; close_after = 3; slow_after = 0; refuse_at = "rcpt";'))
    refused = w.send(ip=ip)
    eq((refused.stage, refused.status), ("RCPT", "421 4.7.0"), 'refuse_at = "rcpt": at RCPT')
    ok(w.send(ip=ip, rcpts=["postmaster@example.net"]).ok, "but postmaster can be written to")

    topic("a message among the guesses")
    w.redis.flush()
    w.postfix.empty()
    w.configure(config(QUICK))
    session = begin(w, ip)
    session.mail()
    ok(session.rcpt("bob@example.net"), "first a recipient who exists")
    guess(session, 4)
    eq(session.data(message()).status, "421 4.7.0", "then too many who do not: the message comes later")
    session.close()
    eq(w.inbox("bob"), [], "not now")
    ok(w.send(ip=ip).ok, "in a session without them it is taken")

    topic("allowed clients, relays, shadow")
    w.redis.flush()
    w.configure(config(QUICK, 'allow: { clients = "198.51.100.24"; }; relays = "198.51.100.25";\n'
                       'rules = ( { name = "mine"; when = ( { fact = "client_ip"; is = "198.51.100.26"; } ); '
                       'then = { skip = "harvesting"; }; } );'))
    for ip, who in (("198.51.100.24", "allow.clients"), ("198.51.100.25", "a relay"), ("198.51.100.26", "a rule's skip")):
        session = begin(w, ip)
        session.mail()
        guess(session, 7)
        ok(session.rcpt("bob@example.net"), "%s: spared" % who)
        session.quit()
        eq(count(w, ip), 0, "and not counted")
    for at in ("mail", "rcpt"):
        w.configure(config(QUICK + ' refuse_at = "%s";' % at,
                           'dnsbl: { lists = ( { zone = "good.example"; weight = -3; } ); };\n'
                           'rules = ( { name = "good"; when = ( { fact = "dnsbl_score"; under = 0; } ); '
                           'then = { skip = "harvesting"; }; } );'))
        session = begin(w, "198.51.100.28")
        session.mail()
        guess(session, 3)
        session.quit()
        eq(count(w, "198.51.100.28"), 0, "refuse_at = %s: nor one that a rule spares once DNS has answered" % at)
    ip = "198.51.100.27"
    w.configure(config(QUICK + " shadow = true;"))
    session = begin(w, ip)
    session.mail()
    guess(session, 7)
    ok(session.rcpt("bob@example.net"), "shadow refuses nobody")
    session.quit()
    eq(count(w, ip), 7, "but counts")
    ok(warnings(w, ip)[-1].endswith("(in shadow)"), "and says so")

    topic("slow answers")
    w.redis.flush()
    w.configure(config('slow_after = 1; delay = "5s"; max_sleepers = 2; close_after = 0; refuse_after = 0;'))
    ips = ["198.51.100.%d" % n for n in range(40, 43)]
    sessions = [begin(w, ip) for ip in ips]
    for session in sessions:
        session.mail()
        guess(session, 1)
    for session in sessions[:2]:
        session.send("RCPT TO:<late@example.net>\r\n")
    # Both are counted already, and sleep now.
    until("both to be counted", lambda: [count(w, ip) for ip in ips[:2]] == [2, 2])
    order = []
    threads = [threading.Thread(target=lambda n=n: order.append((sessions[n].reply().code, n))) for n in (0, 1)]
    for t in threads:
        t.start()
    order.append((sessions[2].rcpt("late@example.net").code, 2))
    ok(w.send().ok, "mail of others is served meanwhile")
    order.append("mail")
    for t in threads:
        t.join()
    eq([sorted(o for o in order if o != "mail"), order[0], order[1]],
       [[(550, 0), (550, 1), (550, 2)], (550, 2), "mail"],
       "two are answered late, the third at once: two sleepers are enough")
    for session in sessions:
        session.quit()

    topic("a stop")
    session = begin(w, ips[0])
    session.mail()
    session.send("RCPT TO:<late@example.net>\r\n")
    until("it to be counted", lambda: count(w, ips[0]) == 3)
    w.gate.restart()  # asserts that it ended cleanly
    ok(session.reply().code >= 400, "the recipient is refused all the same")
    session.close()

    topic("a key without a time to live")
    w.redis.cmd("PERSIST", key(ips[1]))
    session = begin(w, ips[1])
    session.mail()
    guess(session, 1)
    ok(w.redis.ttl(key(ips[1])) > 0, "gets one again")
    session.quit()

    topic("Redis away")
    w.redis.stop()
    session = begin(w, ips[0])
    session.mail()
    eq(guess(session, 4), ["550 5.1.1"] * 4, "nothing is counted, nobody is slowed")
    ok(session.rcpt("bob@example.net"), "nor refused")
    session.quit()
    w.redis.start()

    w.end()
