#!/usr/bin/python3
"""The daemon itself: privileges, listeners, sockets, what it answers to a bad start."""

import grp
import os
import pwd
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from gate import USER, environment, program
from message import header
from place import run, until
from tap import eq, like, ok, topic
from world import World

RULES = 'rules = ( { name = "stamp"; match = "always"; then = { add_header = "X-Seen: yes"; }; } );'


def status(pid):
    """/proc/PID/status as a dict of lists."""
    with open("/proc/%d/status" % pid) as f:
        return {line.split(":")[0]: line.split(":", 1)[1].split() for line in f}


with World(RULES) as w:
    topic("privileges")
    user = pwd.getpwnam(USER)
    now = status(w.gate.process.pid)
    eq(set(now["Uid"]), {str(user.pw_uid)}, "it runs as the user of the configuration, for good")
    eq(set(now["Gid"]), {str(grp.getgrnam("nogroup").gr_gid)}, "and its group")
    ok("0" not in now["Groups"], "root's other groups are gone: %s" % now["Groups"])
    eq(int(now["CapEff"][0], 16), 0, "no capability is left")

    topic("the Unix socket")
    info = os.stat(w.gate.socket)
    eq(oct(stat.S_IMODE(info.st_mode)), oct(0o660), "mode")
    eq(grp.getgrgid(info.st_gid).gr_name, "postfix", "group")
    ok(w.send().ok, "Postfix reaches it")
    eq(w.gate.stop(), 0, "stopped")
    ok(not os.path.exists(w.gate.control), "the control socket is removed")

    topic("TCP")
    port = 8891
    w.gate.configure(RULES, milter='{ listen = "inet:%d@%s"; }' % (port, w.ip))
    w.gate.start(port=port)
    w.postfix.set("smtpd_milters = inet:%s:%d" % (w.ip, port))
    w.postfix.empty()
    until("Postfix to have read its configuration", lambda: w.send().ok)
    eq(header(w.inbox("bob")[-1], "X-Seen"), [b"yes"], "mail is filtered over TCP")
    run_twice = run([program("millgated"), "-f", "-c", w.gate.config], check=False, env=environment())
    ok(run_twice.returncode not in (0, None), "a second one on the same port refuses to start")
    ok(w.send().ok, "and does no harm to the first")

    topic("a bad start")
    none = run([program("millgated"), "-f", "-c", w.path("nowhere.conf")], check=False, env=environment())
    ok(none.returncode > 0, "no configuration: exit status %d" % none.returncode)
    like(none.stdout + none.stderr, r"nowhere\.conf", "and says which")
    w.gate.configure('', user='"nobody-of-that-name"')
    none = run([program("millgated"), "-f", "-c", w.gate.config], check=False, env=environment())
    ok(none.returncode > 0, "an unknown user: exit status %d" % none.returncode)
    like(none.stdout + none.stderr, "nobody-of-that-name", "and says which")
    unknown = run([program("millgated"), "--frobnicate"], check=False, env=environment())
    ok(unknown.returncode > 0, "an unknown option")

    w.end()
