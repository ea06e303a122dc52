#!/usr/bin/python3
"""One user's limit over both front ends: parallel sessions get exactly what there is, aborted ones give it back."""

import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from place import PATIENCE, until
from policy import SERVICE, PolicyWorld
from postfix import SMTP_PORT
from smtp import Session, transaction
from tap import eq, ok, topic
from message import message

LIMIT, SESSIONS, AT_ONCE = 100, 200, 40
OTHER_PORT = SMTP_PORT + 10

CONFIG = 'limits: { rates = ( { by = ( "auth_user" ); messages = %d; per = "24h"; } ); };' % LIMIT

# A second smtpd beside that of the milter, with the policy service alone.
MASTER = """\
%%s:%d inet n - n - - smtpd
  -o smtpd_milters=
  -o smtpd_recipient_restrictions=%s
  -o smtpd_end_of_data_restrictions=%s
""" % (OTHER_PORT, SERVICE.replace(" ", ",", 1), SERVICE.replace(" ", ",", 1))


class TwoWorld(PolicyWorld):
    """Both front ends, each behind a port of its own."""

    def _postfix(self, settings, stock):
        # As {port}: restrictions stand in master.cf, not in main.cf.
        postfix = super()._postfix(settings, stock)
        with open(os.path.join(postfix.config, "master.cf"), "a") as f:
            f.write(MASTER % postfix.ip)
        return postfix

    def session(self, port, login):
        session = Session(self.postfix.ip, port)
        session.xclient("198.18.1.1", login=login)
        session.ehlo()
        return session


def used(w, login):
    """How many messages the user's counter stands for; the period is long enough to leave time out."""
    keys = w.redis.keys("millgate:rate:*%s*" % login)
    step = 24 * 3600 * 1000 // LIMIT
    return sum(-(-w.redis.cmd("PTTL", key) // step) for key in keys)


def in_parallel(w, jobs, at_once=AT_ONCE):
    """Runs all jobs, so many at a time; answers what they gave."""
    gate, out = threading.Semaphore(at_once), [None] * len(jobs)

    def work(i):
        with gate:
            out[i] = jobs[i]()

    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return out


def send_one(w, port, login, together=None):
    def run():
        with w.session(port, login) as session:
            if together is not None:
                together.wait()  # until all sessions are open
            outcome = transaction(session, message())
            session.quit()
        return outcome.last.code
    return run


def give_up(w, port, login):
    def run():
        with w.session(port, login) as session:
            session.mail()
            reply = session.rcpt("bob@example.net")
        return reply.code
    return run


with TwoWorld(CONFIG, fronts=("milter", "policy"), asked=(), told=("rcpt", "end")) as w:
    ports = (SMTP_PORT, OTHER_PORT)

    topic("%d sessions of one user, half of them over each front end" % SESSIONS)
    together = threading.Barrier(SESSIONS, timeout=PATIENCE)
    codes = in_parallel(w, [send_one(w, ports[i % 2], "alice", together) for i in range(SESSIONS)], SESSIONS)
    eq(codes.count(250), LIMIT, "exactly %d are accepted" % LIMIT)
    eq(sorted(set(codes)), [250, 450], "the others are told to come again")
    accepted = [sum(code == 250 for code in codes[half::2]) for half in (0, 1)]
    ok(all(accepted), "over both: %d by the milter, %d by the policy service" % tuple(accepted))
    eq(used(w, "alice"), LIMIT, "the counter says so")
    eq([send_one(w, port, "alice")() for port in ports], [450, 450], "and one more is one too many, over either")

    topic("transactions that are given up")
    for port, name in zip(ports, ("milter", "policy service")):
        login = "u%d" % port
        codes = in_parallel(w, [give_up(w, port, login) for _ in range(LIMIT // 2)])
        eq(codes, [250] * (LIMIT // 2), "%s: recipients are accepted" % name)
        if port == OTHER_PORT:
            w.postfix.reload()  # its idle processes go: nothing else tells that there is no more to come
        until("shares of %s to be given back" % login, lambda: used(w, login) == 0, patience=60)
        ok(True, "%s: every share is given back" % name)
        eq(send_one(w, port, login)(), 250, "%s: and the next message is accepted" % name)
        until("it to be counted", lambda: used(w, login) == 1)
        ok(True, "%s: as the first" % name)
    w.end()
