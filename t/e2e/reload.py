#!/usr/bin/python3
"""Reload: a good configuration is swapped in whole, a bad one changes nothing."""

import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from message import header, message
from smtp import transaction
from tap import eq, like, ok, topic
from world import World


def stamp(value):
    return 'rules = ( { name = "stamp"; match = "always"; then = { add_header = "X-Version: %s"; }; } );' % value


def version(w):
    """Which configuration a new message meets."""
    w.postfix.empty()
    if not w.send().ok:
        return None
    return header(w.inbox("bob")[0], "X-Version")


def as_json(lines):
    return "\n".join(str(line) for line in lines)


with World(stamp("one")) as w:
    eq(version(w), [b"one"], "the first configuration")
    pid = w.gate.process.pid

    topic("SIGUSR1")
    w.gate.configure(stamp("two"))
    w.gate.reload()
    eq(version(w), [b"two"], "a good one is in force")

    topic("millgate reload")
    w.gate.configure(stamp("three"))
    done = w.gate.command("reload")
    eq(done.returncode, 0, "exit status (%s)" % (done.stdout + done.stderr).strip())
    eq(version(w), [b"three"], "in force")

    topic("a bad one")
    w.gate.configure(stamp("four") + '\ngreylist: { dealy = "10s"; };\n')
    told = w.gate.reload()
    like(as_json(told + w.gate.lines()[-5:]), r"dealy", "the log tells what is wrong")
    eq(version(w), [b"three"], "nothing has changed")
    done = w.gate.command("reload")
    eq(done.returncode, 1, "millgate reload: exit status")
    like(done.stdout + done.stderr, r"millgate\.conf:%d\b.*dealy" % w.gate.lineno("dealy"), "it tells the place")
    eq(version(w), [b"three"], "nothing has changed")
    w.gate.configure('rules = ( { name = "unfinished"')
    w.gate.reload()
    eq(version(w), [b"three"], "a syntax error changes nothing either")

    topic("open sessions keep what they began with")
    w.gate.configure(stamp("three"))
    w.gate.reload()
    w.postfix.empty()
    with w.connect() as session:
        session.ehlo(), session.mail(), session.rcpt("bob@example.net")
        w.gate.configure('rules = ( { name = "no"; match = "always"; then = { reject = true; }; } );')
        w.gate.reload()
        eq(session.data(message()).code, 250, "a transaction under way is judged by the old one")
        session.quit()
    eq(header(w.inbox("bob")[0], "X-Version"), [b"three"], "whole")
    eq(w.send().last.code // 100, 5, "a new session by the new one")

    topic("under load")
    w.gate.configure(stamp("five"))
    w.gate.reload()
    w.postfix.empty()
    outcomes = []

    def flood():
        with w.connect() as session:
            session.ehlo()
            for _ in range(20):
                outcomes.append(transaction(session, message(size=5000)).status)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(20):
        w.gate.configure(stamp("five" if n % 2 else "six"))
        eq(w.gate.command("reload").returncode, 0, "reload %d" % n)
    for thread in threads:
        thread.join()
    eq(outcomes, ["250 2.0.0"] * 80, "80 messages meanwhile: all accepted")
    eq({tuple(header(m, "X-Version")) for m in w.inbox("bob")} - {(b"five",), (b"six",)}, set(), "each by one of the two")
    eq(w.gate.process.pid, pid, "one process all the time")
    ok(w.gate.process.alive(), "which lives")

    w.end()
