#!/usr/bin/python3
"""A rate is used up for the first time: one line in the log, one count, one command, one mail; of all daemons together."""

import os
import re
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from gate import environment, program
from message import body, header
from place import PATIENCE, Process, until
from tap import eq, like, ok, topic
from world import World

# Its environment and descriptors, in one file for each run.
ALERT = """#!/bin/sh
{ echo "argv $0 $*"; env | sort; echo "fds" $(ls /proc/self/fd | wc -l); grep -E '^Sig(Blk|Ign)' /proc/self/status
} >%(dir)s/.$$
mv %(dir)s/.$$ %(dir)s/$$
"""
RATES = """
limits: { on_hit = ( "%(alert)s", "limit hit" ); mail_to = "postmaster@example.net"; mail_via = "%(via)s";
          %(more)s
          rates = ( { name = "hourly"; by = ( "auth_user", "sender" ); messages = 2; per = "1h"; },
                    { name = "wall"; by = ( "client_ip" ); messages = 50; per = "1h"; except = "127.0.0.0/8"; } ); };
"""
HOSTILE = "\"a$(id)`b';c\"@example.org"


def hits(w):
    return [r for r in w.gate.lines() if r.get("msg") == "limit"]


def runs(directory):
    return sorted(n for n in os.listdir(directory) if not n.startswith("."))


with World() as w:
    directory = w.path("alerts")
    os.mkdir(directory)
    os.chmod(directory, 0o777)
    alert = w.write("alert", ALERT % {"dir": directory}, 0o755)
    via = "%s:%d" % (w.postfix.ip, w.postfix.port)
    names = {"alert": alert, "via": via, "more": ""}
    w.configure(RATES % names)

    def send(login="ann", sender="ann@example.net"):
        return w.send(login=login, sender=sender, rcpts=["x@remote.example"])

    topic("the first hit")
    eq([send().ok for _ in range(2)], [True, True], "two messages")
    eq(hits(w), [], "nothing to tell")
    eq([send().status for _ in range(4)], ["450 4.7.1"] * 4, "four are too many")
    line = until("the log to tell", lambda: hits(w))
    eq(len(line), 1, "one line for all of them")
    eq((line[0]["level"], line[0]["rate"], line[0]["key"], line[0]["client"], line[0]["user"], line[0]["action"]),
       ("warning", "hourly", "ann ann@example.net", "198.51.100.3", "ann", "defer"), "it says who and what")
    until("the command to run", lambda: runs(directory))
    stats = until("the count", lambda: w.redis.keys("millgate:stats:*"))
    like(stats[0], r"^millgate:stats:20\d{8}$", "counted by the hour")
    eq(w.redis.cmd("HGET", stats[0], "limit:hourly"), "1", "once")
    ok(w.redis.ttl(stats[0]) > 0, "with a TTL")

    topic("the command")
    with open(os.path.join(directory, runs(directory)[0])) as f:
        seen = f.read()
    like(seen, r"(?m)^argv %s limit hit$" % re.escape(alert), "its arguments, without a shell")
    for text in ("RATE=hourly", "KEY=ann ann@example.net", "CLIENT=198.51.100.3", "USER=ann", "SENDER=ann@example.net",
                 "ACTION=defer", "ID=" + line[0]["id"]):
        like(seen, r"(?m)^MILLGATE_%s$" % re.escape(text), "MILLGATE_" + text)
    ok(set(re.findall(r"(?m)^(\w+)=", seen)) <= {"PATH", "PWD", "SHLVL", "OLDPWD", "_"} | set(
        re.findall(r"(?m)^(MILLGATE_\w+)=", seen)), "and nothing of the daemon's environment")
    like(seen, r"(?m)^fds 4$", "no descriptor of the daemon's")
    like(seen, r"(?m)^SigBlk:\t0+$", "no signal is blocked")
    # glibc leaves its own two, 32 and 33, ignored.
    eq(int(re.search(r"(?m)^SigIgn:\t(\w+)$", seen).group(1), 16) & ~0x180000000, 0, "nor ignored")

    topic("the mail")
    mail = until("the mail", lambda: w.inbox("postmaster"))[0]
    eq(header(mail, "Return-Path"), [b"<>"], "nothing can bounce")
    eq(header(mail, "Auto-Submitted"), [b"auto-generated"], "it says what it is")
    like(header(mail, "Subject")[0].decode(), r"^limit: ann ann@example\.net$", "whom it is about")
    like(body(mail).decode(), r"(?m)^rate: hourly\r?$", "and which rate")

    topic("once, of all daemons together, and after a restart")
    w.gate.restart()
    eq(send().status, "450 4.7.1", "still too many")
    eq(hits(w)[1:], [], "not told again")
    eq([send("ben", "ben@example.net").ok for _ in range(3)], [True, True, False], "another key")
    until("it to be told", lambda: len(hits(w)) == 2 and len(runs(directory)) == 2 and len(w.inbox("postmaster")) == 2)
    ok(True, "is told by itself")

    topic("a second daemon on the same Redis")
    with open(w.gate.config) as f:
        text = f.read().replace("milter.sock", "second.sock").replace("control.sock", "second-control.sock")
    path = os.path.join(w.gate.socket_dir, "second.sock")
    second = Process("second millgated", [program("millgated"), "-f", "-c", w.write("second.conf", text)],
                     w.path("second.log"), environment())
    w.on_close(second.stop)
    second.ready(lambda: os.path.exists(path) and os.stat(path).st_gid == os.stat(w.gate.socket).st_gid)
    w.postfix.set("smtpd_milters = unix:millgate/second.sock")
    until("Postfix to ask it", lambda: send("ben", "ben@example.net").status == "450 4.7.1" and "ben@" in second.text())
    eq(send().status, "450 4.7.1", "it counts what the first one counted")
    eq([line for line in second.text().splitlines() if '"msg":"limit"' in line], [], "and tells nothing that was told")
    w.postfix.set("smtpd_milters = unix:millgate/milter.sock")
    count = len(w.gate.mails())
    until("Postfix to ask the first one", lambda: send().status == "450 4.7.1" and len(w.gate.mails()) > count)
    eq(second.stop(), 0, "it ends cleanly")
    eq(len(hits(w)), 2, "still told once for each key")

    topic("hostile values")
    eq([w.send(login="eve", sender=HOSTILE, rcpts=["x@remote.example"]).ok for _ in range(3)], [True, True, False], "a sender")
    until("the command", lambda: len(runs(directory)) == 3)
    with open(os.path.join(directory, sorted(runs(directory), key=lambda n: os.path.getmtime(os.path.join(directory, n)))[2])) as f:
        like(f.read(), r"(?m)^MILLGATE_SENDER=\?a\?\?id\?\?b\?\?c\?@example\.org$", "means nothing to a shell")
    mail = until("the mail", lambda: w.inbox("postmaster")[2:])[0]
    like(header(mail, "Subject")[0].decode(), r"^limit: eve \?a\?\?id\?\?b\?\?c\?@example\.org$", "nor to a mail program")

    topic("this machine's own rates")
    w.configure('''limits: { mail_to = "postmaster@example.net"; mail_via = "%s"; rates = (
        { name = "ip"; by = ( "client_ip" ); messages = 1; per = "1h"; },
        { name = "net"; by = ( "client_net" ); messages = 1; per = "1h"; },
        { name = "to"; by = ( "recipient" ); messages = 1; per = "1h"; } ); };''' % via)
    count = len(w.inbox("postmaster"))
    eq([w.send(ip="127.0.0.1", sender="www@example.net", rcpts=["postmaster@example.net"]).status for _ in range(2)],
       ["250 2.0.0", "450 4.7.1"], "it has sent too much")
    mails = until("the mails", lambda: len(w.inbox("postmaster")) == count + 4 and w.inbox("postmaster")[count + 1:])
    eq(sorted(header(m, "Subject")[0] for m in mails), [b"limit: 127.0.0.0/24", b"limit: 127.0.0.1",
                                                        b"limit: postmaster@example.net"], "and can tell it still")
    eq(len({header(m, "Message-ID")[0] for m in mails}), 3, "no mailbox takes them for copies of one")

    topic("commands that fail, hang, and come in numbers")
    slow = w.write("slow", "#!/bin/sh\nsleep 1000 &\necho $! >%s/child.$$\nwait\n" % directory, 0o755)
    w.configure(RATES % {**names, "alert": slow})
    began = len(w.gate.mails())
    for n in range(8):
        eq([send("u%d" % n).ok for _ in range(3)], [True, True, False], "no session waits for a command")
    until("some to run", lambda: len([n for n in runs(directory) if n.startswith("child")]) == 4)
    ok(len(w.gate.mails()) >= began + 24, "four at a time, and mail flows")
    w.gate.check_end()
    for name in runs(directory):
        if name.startswith("child."):
            for pid in (open(os.path.join(directory, name)).read().strip(), name.split(".")[1]):
                try:
                    os.kill(int(pid), 9)
                except (ProcessLookupError, ValueError):
                    pass
    w.gate.configure(RATES % {**names, "alert": "/bin/false", "via": "127.0.0.1:1"})
    w.gate.start()
    eq([send("zoe").ok for _ in range(3)], [True, True, False], "a command that fails, a server that is not there")
    until("the log to tell", lambda: [r for r in w.gate.lines() if "/bin/false ended with 1" in r.get("msg", "")]
          and [r for r in w.gate.lines() if "no mail to postmaster@example.net" in r.get("msg", "")])
    ok(True, "both are told")

    topic("a mail server that hangs")
    with socket.socket() as deaf:
        deaf.bind((w.ip, 0))
        deaf.listen()
        w.configure(RATES % {**names, "via": "%s:%d" % deaf.getsockname()})
        eq([send("max").ok for _ in range(3)], [True, True, False], "a mail that gets nowhere")
        deaf.settimeout(PATIENCE)
        connection, _ = deaf.accept()
        eq([send("mia").ok for _ in range(3)], [True, True, False], "no session waits for it")
        w.gate.restart()
        connection.close()

    topic("shadow")
    w.configure(RATES % {**names, "more": "shadow = true;"})
    before = len(runs(directory))
    eq([send("sam").ok for _ in range(4)], [True] * 4, "nothing is refused")
    eq([r.get("shadow") for r in hits(w)][-1:], [1], "the log tells that it is shadow")
    eq(len(runs(directory)), before, "and nobody else is told")

    w.end()
