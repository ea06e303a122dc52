#!/usr/bin/python3
"""Limits: size at MAIL and at the end, recipients, connections, rates."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message
from place import until
from smtp import transaction
from tap import eq, ok, topic
from world import World

CONFIG = """
limits: { message_size = "20K"; recipients = 2; connections_per_client = 2;
          rates = ( { by = ( "client_ip" ); messages = 3; per = "1h"; } ); };
"""


def open_session(w, ip):
    session = w.connect(ip)
    return session, session.ehlo() and session.mail()


with World(CONFIG) as w:
    topic("message size")
    big = message(size=30000)
    declared = w.send(big, ip="198.51.100.11", mail_parameters=["SIZE=30000"])
    eq((declared.stage, declared.status), ("MAIL", "552 5.3.4"), "a declared size is refused at MAIL")
    real = w.send(big, ip="198.51.100.11")
    eq((real.stage, real.status), ("END", "552 5.3.4"), "an undeclared one at the end")
    ok(real.last.id, "the reply names the transaction: %s" % real.last)
    lied = w.send(big, ip="198.51.100.11", mail_parameters=["SIZE=100"])
    eq((lied.stage, lied.status), ("END", "552 5.3.4"), "and so is a lie")
    ok(w.send(message(size=15000), ip="198.51.100.11", mail_parameters=["SIZE=16000"]).ok, "below the limit passes")
    eq(w.send(big, ip="192.0.2.4", mail_parameters=["SIZE=30000"]).status, "552 5.3.4", "outbound mail has it too")

    topic("recipients")
    w.postfix.empty()
    users = ["bob", "carol", "dave"]
    many = w.send(ip="198.51.100.12", rcpts=[u + "@example.net" for u in users])
    eq([r.status for r in many.rcpts], ["250 2.1.5", "250 2.1.5", "452 4.5.3"], "only the surplus one is deferred")
    ok(many.ok, "the others get the message")
    eq([len(w.inbox(u)) for u in users], [1, 1, 0], "and nobody else")

    topic("connections per client")
    ip = "198.51.100.13"
    one, reply_one = open_session(w, ip)
    two, reply_two = open_session(w, ip)
    ok(reply_one and reply_two, "two at a time are fine")
    third = w.send(ip=ip)
    ok(third.last.code == 421 and third.stage in ("HELO", "MAIL"), "the third is turned away: %r" % third)
    eq(third.last.enhanced, "4.7.0", "with 4.7.0")
    ok(w.send(ip="198.51.100.14").ok, "another client is not touched")
    two.quit()
    # Postfix tells of the end behind its answer to QUIT.
    ok(until("a place", lambda: w.send(ip=ip).ok), "when one has gone, the next may come")
    one.quit()

    topic("rates")
    ip = "198.51.100.15"
    eq([w.send(ip=ip).ok for _ in range(3)], [True] * 3, "three messages within the hour")
    fourth = w.send(ip=ip)
    eq((fourth.stage, fourth.status), ("RCPT", "450 4.7.1"), "the fourth is deferred at RCPT")
    ok(fourth.last.id, "the reply names the transaction: %s" % fourth.last)
    ok(w.send(ip="198.51.100.16").ok, "another client has its own count")
    keys = w.redis.keys("millgate:rate:*")
    ok(keys and all(w.redis.ttl(k) > 0 for k in keys), "every key of a rate has a TTL: %s" % keys[:2])

    topic("what was not sent is not counted")
    ip = "198.51.100.17"
    with w.connect(ip) as session:
        session.ehlo()
        for _ in range(6):
            session.mail()
            session.rcpt("bob@example.net")
            session.rset()
        ok(all(transaction(session, message()).ok for _ in range(3)), "aborted transactions are given back")
        eq(transaction(session, message()).status, "450 4.7.1", "sent ones are not")
        session.quit()
    ip = "198.51.100.18"
    for command in ("RCPT", "DATA"):
        session = w.connect(ip)
        session.ehlo(), session.mail(), session.rcpt("bob@example.net")
        if command == "DATA":
            session.cmd("DATA")
        session.close()
    until("the lost connections to be noticed", lambda: len(w.gate.mail(client=ip)) >= 2)
    eq([w.send(ip=ip).ok for _ in range(3)], [True] * 3, "lost connections are given back")
    eq(w.send(ip=ip).status, "450 4.7.1", "sent ones are not")

    topic("action = reject; by auth_user; recipients")
    w.configure("""limits: { rates = (
        { by = ( "auth_user" ); recipients = 3; per = "1h"; action = "reject"; } ); };""")
    rcpts = ["bob@example.net", "carol@example.net"]
    ok(w.send(login="ann", rcpts=rcpts).ok, "two recipients of three")
    over = w.send(login="ann", rcpts=rcpts)
    eq([r.status for r in over.rcpts], ["250 2.1.5", "550 5.7.1"], "the fourth is refused, that recipient alone")
    ok(w.send(login="ben", rcpts=rcpts).ok, "another user has his own count")
    ok(w.send(rcpts=rcpts).ok and w.send(rcpts=rcpts).ok, "without a login this rate does not count")

    topic("recipients, with rules that accept")
    w.configure("""limits: { recipients = 2; };
        rules = ( { name = "vip"; when = ( { fact = "subject"; contains = "vip"; } ); then = { accept = true; }; },
                  { name = "bob"; when = ( { fact = "recipient"; is = "bob@example.net"; },
                                           { header = "X-Vip"; exists = true; } ); then = { accept = true; }; } );""")
    rcpts = [u + "@example.net" for u in ("carol", "dave", "sales", "bob")]
    for subject in ("plain", "vip"):
        sent = w.send(message(subject), rcpts=rcpts)
        eq([r.status for r in sent.rcpts], ["250 2.1.5"] * 2 + ["452 4.5.3"] * 2, subject + ": the surplus is deferred")
        ok(sent.ok, "and the others get the message")

    w.end()
