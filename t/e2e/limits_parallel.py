#!/usr/bin/python3
"""200 sessions of one user at the same time against 100 messages: exactly 100 are taken; aborted ones give theirs back."""

import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import message
from place import until
from smtp import Lost
from tap import eq, ok, topic
from world import World

SESSIONS, LIMIT, ABORTED = 200, 100, 60
CONFIG = """
limits: { rates = ( { name = "user"; by = ( "auth_user" ); messages = %d; per = "24h"; action = "reject"; },
                    { name = "net"; by = ( "client_net" ); recipients = 100000; per = "1h"; } ); };
""" % LIMIT


class Client(threading.Thread):
    """One message; all clients go on from MAIL at the same time.  abort: None, or how the transaction is left."""

    def __init__(self, w, number, start, abort=None):
        super().__init__(daemon=True)
        self.w, self.number, self.start_line, self.abort = w, number, start, abort
        self.rcpt = self.end = None

    def run(self):
        try:
            with self.w.connect("198.51.%d.%d" % (100 + self.number // 200, self.number % 200 + 1), login="ann") as s:
                s.ehlo()
                self.start_line.wait()
                self.talk(s)
        except Lost:
            pass

    def talk(self, s):
        s.mail("ann@example.net")
        self.rcpt = s.rcpt("x@remote.example")
        if self.abort == "close":
            return
        if self.abort == "rset":
            s.rset()
        elif self.rcpt:
            self.end = s.data(message("parallel %d" % self.number))
        s.quit()


def flood(w, aborts):
    start = threading.Barrier(SESSIONS)
    clients = [Client(w, n, start, aborts(n)) for n in range(SESSIONS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return clients


def used(w):
    """What the user's rate holds, in messages."""
    value = w.redis.cmd("GET", "millgate:rate:{user:ann}")
    now = w.redis.cmd("TIME")
    ahead = int(value.split()[0]) - int(now[0]) * 10**6 - int(now[1]) if value else 0
    each = 24 * 3600 * 10**6 // LIMIT
    return -(-ahead // each)


with World(CONFIG, settings="default_process_limit = 400\ndefault_transport = discard:") as w:
    topic("all at the same time")
    clients = flood(w, lambda n: None)
    taken = [c for c in clients if c.end is not None and c.end.code == 250]
    eq(len(taken), LIMIT, "exactly %d of %d are taken" % (LIMIT, SESSIONS))
    eq(sorted({c.rcpt.status for c in clients if c not in taken}), ["550 5.7.1"], "the others are refused at RCPT")
    eq(used(w), LIMIT, "the rate holds as many")
    until("each transaction to have its line in the log", lambda: len(w.gate.mails()) == SESSIONS)

    topic("aborted ones")
    w.redis.flush()
    clients = flood(w, lambda n: None if n >= ABORTED else "close" if n % 2 else "rset")
    taken = [c for c in clients if c.end is not None and c.end.code == 250]
    ok(len(taken) <= LIMIT, "never more than %d: %d" % (LIMIT, len(taken)))
    until("the rate to hold what was taken, and nothing of what was aborted", lambda: used(w) == len(taken))
    while len(taken) < LIMIT and w.send(login="ann", sender="ann@example.net", rcpts=["x@remote.example"]).ok:
        taken.append(None)
    eq(len(taken), LIMIT, "their share is there for others")
    eq(w.send(login="ann", sender="ann@example.net", rcpts=["x@remote.example"]).status, "550 5.7.1", "and no more than that")

    w.end()
