#!/usr/bin/python3
"""The two programs as a shell and an init system see them: options, exit statuses, detaching, who they become."""

import json
import os
import pwd
import re
import signal
import socket
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from gate import REPORTS, USER, environment, program
from place import TOP, Place, Process, run, until
from tap import diag, done, eq, like, ok, topic

CONF = """
user = "%(user)s"; group = "%(group)s";
hostname = "mx.example.net";
milter: { listen = "unix:%(dir)s/milter/m.sock"; mode = "0660"; group = "postfix"; };
control: { listen = "unix:%(dir)s/control/c.sock"; };
redis: { server = "unix:%(dir)s/nowhere"; };
dns: { servers = ( "127.0.0.1@9" ); };
log: { to = "stderr"; };
"""


class Daemon:
    """millgated as it runs in the background: known by its pid file."""

    def __init__(self, place):
        self.place = place
        self.pidfile = place.path("millgated.pid")

    def start(self, **how):
        # What the daemon inherits of the harness's pipes would keep run() waiting: a file it is.
        with open(self.place.path("terminal"), "wb") as out:
            return subprocess.run([program("millgated"), "-c", self.place.path("m.conf"), "-p", self.pidfile],
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment(), timeout=120,
                                  **how).returncode

    def pid(self):
        with open(self.pidfile) as f:
            return int(f.read())

    def status(self):
        """/proc/PID/status as a dictionary."""
        with open("/proc/%d/status" % self.pid()) as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f)

    def stop(self):
        pid = self.pid()
        os.kill(pid, signal.SIGTERM)
        until("millgated to end", lambda: not alive(pid))

    def terminal(self):
        with open(self.place.path("terminal")) as f:
            return f.read()


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def configure(place, text="", user=USER, group="nogroup"):
    place.write("m.conf", CONF % {"user": user, "group": group, "dir": place.dir} + text)


def command(place, *words):
    return run([program("millgate"), *words, "-c", place.path("m.conf")], check=False, env=environment())


def bare(name, *words):
    return run([program(name), *words], check=False, env=environment())


def usage(place):
    topic("options and exit statuses")
    like(bare("millgated", "-V").stdout, r"^millgated \d+\.\d+", "millgated -V")
    like(bare("millgated", "-h").stdout, r"^usage: ", "millgated -h")
    eq(bare("millgated", "-x").returncode, 2, "millgated with an unknown option")
    eq(bare("millgated", "more").returncode, 2, "millgated with an argument")
    like(bare("millgate", "version").stdout, r"^millgate \d+\.\d+", "millgate version")
    like(bare("millgate", "--help").stdout, r"(?s)check.*rules.*reload.*greylist", "millgate --help lists the commands")
    for name in ("check", "rules", "reload", "greylist", "status"):
        shown = bare("millgate", name, "--help")
        ok(shown.returncode == 0 and shown.stdout.startswith("usage: millgate %s" % name), "millgate %s --help" % name)
    eq(bare("millgate").returncode, 2, "millgate alone")
    wrong = bare("millgate", "chekc")
    eq(wrong.returncode, 2, "a command that is none")
    like(wrong.stderr, 'did you mean "check"', "the nearest one is named")
    eq(bare("millgate", "check", "more").returncode, 2, "an argument too many")
    eq(bare("millgate", "greylist", "sell").returncode, 2, "a greylist command that is none")
    eq(bare("millgate", "greylist", "forget").returncode, 2, "forget wants to be told what")


def check_command(place):
    topic("check")
    fine = command(place, "check")
    eq(fine.returncode, 0, "a good configuration")
    like(fine.stdout, r"m\.conf: the configuration is fine", "says so")
    eq(json.loads(command(place, "check", "--json").stdout), {"errors": 0, "warnings": 0, "items": []}, "as JSON")
    configure(place, "greylist: { delay = 5; };\nfrobnicate = 1;\n")
    wrong = command(place, "check")
    eq((wrong.returncode, wrong.stdout), (1, ""), "a bad one")
    eq(len(re.findall(r"(?m)^\S+m\.conf:\d+: ", wrong.stderr)), 2, "file:line: text, twice")
    wrong = json.loads(command(place, "check", "--json").stdout)
    eq((wrong["errors"], [i["line"] for i in wrong["items"]]), (2, [9, 10]), "as JSON, with the lines")
    missing = bare("millgate", "check", "-c", place.path("nowhere.conf"))
    eq(missing.returncode, 1, "a file that is not there")
    like(missing.stderr, "nowhere.conf", "is named")
    with open(os.path.join(TOP, "contrib/millgate.conf.sample")) as f:
        text = f.read().replace('user = "millgate"', 'user = "%s"' % USER).replace('group = "millgate"', 'group = "nogroup"')
    sample = bare("millgate", "check", "-c", place.write("sample.conf", text))
    eq((sample.returncode, sample.stderr), (0, ""), "the sample configuration has neither errors nor warnings")
    configure(place)


def unusable(place):
    topic("what the daemon would refuse, check refuses as well: all in one run, each with its line")
    forms = """milter: { listen = "tcp:foo"; };
control: { listen = "inet:99999@.."; };
redis: { server = "localhost";
	password_file = "relative"; };
dns: { servers = ( "127.0.0.1@53",
	"resolver.example" ); };
"""
    secret = place.write("secret", "secret\n")
    os.chmod(secret, 0o644)
    machine = """user = "no-such-user";
group = "no-such-group";
milter: { group = "no-such-mta"; };
control: { group = "no-such-control"; };
redis: { password_file = "%s"; };
"""
    for text, found in (
            (forms, [(1, "tcp:foo"), (2, "inet:99999@"), (3, "localhost"), (4, "relative"), (6, "resolver.example")]),
            ('milter: { listen = "unix:/%s"; };\n' % ("x" * 106), [(1, "unix:/x")]),
            ('milter: { listen = "inet:0@127.0.0.1"; };\n', [(1, "inet:0")]),
            ('redis: { server = "::1:6379"; };\n', [(1, "::1:6379")]),
            (machine % "/no/such/file", [(1, 'no user "no-such-user"'), (2, 'no group "no-such-group"'),
                                         (3, "no-such-mta"), (4, "no-such-control"), (5, "/no/such/file")]),
            (machine % secret + "frobnicate = 1;\n", [(1, "user"), (2, "group"), (3, "mta"), (4, "control"),
                                                      (5, "open to everybody"), (6, "frobnicate")])):
        path = place.write("bad.conf", text if "user =" in text else text + 'user = "%s"; group = "nogroup";\n' % USER)
        for words in (("millgate", "check"), ("millgated", "-f")):
            said = bare(*words, "-c", path)
            lines = re.findall(r"(?m)^\S+bad\.conf:(\d+): (.*)", said.stderr)
            name = "%s: %s" % (words[0], text.split("\n")[0][:50])
            eq((said.returncode, [int(n) for n, _ in lines]), (1, [n for n, _ in found]), name)
            for (_, line), (n, want) in zip(lines, found):
                ok(want in line, "line %d: %s" % (n, want)) or diag(line)

    topic("a password file that root alone can read")
    os.chmod(secret, 0o600)
    path = place.write("bad.conf", 'user = "%s"; group = "nogroup";\nredis: { password_file = "%s"; };\n' % (USER, secret))
    said = bare("millgate", "check", "-c", path)
    eq(said.returncode, 1, "is an error: the daemon reads it as its user")
    like(said.stderr, r"bad\.conf:2: .*cannot be read by the user", "with its line")
    os.chown(secret, pwd.getpwnam(USER).pw_uid, -1)
    eq(bare("millgate", "check", "-c", path).returncode, 0, "given to that user it is fine")

    topic("not root")
    path = place.write("bad.conf", 'user = "no-such-user";\n')
    os.chmod(path, 0o644)
    os.chmod(place.dir, 0o755)
    said = run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", program("millgate"), "check", "-c", path],
               check=False, env=environment())
    eq(said.returncode, 0, "whoever is not root becomes nobody")
    like(said.stderr, r'bad\.conf:1: warning: there is no user', "a missing user is a warning")


def refusals(place, daemon):
    topic("a start that fails is told by the exit status, and why on the terminal")
    configure(place, user="no-such-user")
    eq(daemon.start(), 1, "a user that does not exist")
    like(daemon.terminal(), 'no user "no-such-user"', "is named")
    configure(place, group="no-such-group")
    eq(daemon.start(), 1, "a group that does not exist")
    like(daemon.terminal(), 'no group "no-such-group"', "is named")
    configure(place, "frobnicate = 1;\n")
    eq(daemon.start(), 1, "a bad configuration")
    like(daemon.terminal(), r"m\.conf:9: ", "is shown with its place")
    configure(place)
    with open(place.path("m.conf")) as f:
        text = f.read()
    place.write("m.conf", text.replace("/control/c.sock", "/no/such/directory/c.sock"))
    eq(daemon.start(), 1, "a control socket that cannot be made")
    like(daemon.terminal(), "/no/such/directory", "is named")
    ok(not os.path.exists(daemon.pidfile) or not alive(daemon.pid()), "nothing is left running")
    configure(place)


def background(place, daemon):
    topic("in the background")
    eq(daemon.start(cwd=place.dir), 0, "it says 0 when it serves")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(place.path("milter/m.sock"))
    ok(True, "and it does, at once")
    user = pwd.getpwnam(USER)
    ids = daemon.status()
    eq((ids["Uid"].split(), ids["Gid"].split()), ([str(user.pw_uid)] * 4, [str(user.pw_gid)] * 4),
       "it is the configured user and group in every respect")
    eq(ids["Groups"].split(), [str(user.pw_gid)], "root's supplementary groups are gone")
    eq((int(ids["CapPrm"], 16), int(ids["CapEff"], 16), int(ids["CapAmb"], 16)), (0, 0, 0), "no capability is left")
    eq(ids["NoNewPrivs"], "1", "no new privileges")
    eq(os.readlink("/proc/%d/cwd" % daemon.pid()), "/", "its directory is the root")
    eq(os.getsid(daemon.pid()), daemon.pid(), "its session is its own")
    eq([os.readlink("/proc/%d/fd/%d" % (daemon.pid(), fd)) for fd in (0, 1)], ["/dev/null"] * 2,
       "the terminal is let go")
    st = os.stat(place.path("milter"))
    eq(st.st_uid, user.pw_uid, "a socket's directory that was missing is made, for the user")
    st = os.stat(place.path("control/c.sock"))
    eq((st.st_uid, stat.S_IMODE(st.st_mode)), (user.pw_uid, 0o600), "the control socket is for its owner alone")

    topic("asked by millgate")
    state = json.loads(command(place, "status").stdout)
    eq((state["reloads"], state["open"], state["redis"]["up"]), (0, 0, False), "status")
    eq(command(place, "reload").returncode, 0, "reload")
    eq(json.loads(command(place, "status").stdout)["reloads"], 1, "is counted")
    eq(json.loads(command(place, "reload", "--json").stdout), {"reloaded": True, "messages": []}, "reload as JSON")
    configure(place, "frobnicate = 1;\n")
    refused = command(place, "reload")
    eq(refused.returncode, 1, "a bad configuration is not loaded")
    like(refused.stderr, r"m\.conf:9: ", "and is shown with its place")
    configure(place)
    away = command(place, "greylist", "list")
    eq(away.returncode, 1, "the greylist without Redis")
    like(away.stderr, r"\A[^{].*Redis.*\n\Z", "says what is missing, in one sentence of its own: no line of a log")

    topic("a second one")
    pid = daemon.pid()
    second = Process("second", [program("millgated"), "-f", "-c", place.path("m.conf")], place.path("second"), environment())
    eq(second.wait(), 1, "does not start")
    ok(alive(pid) and command(place, "status").returncode == 0, "and does the first no harm")

    daemon.stop()
    eq([os.path.exists(place.path(p)) for p in ("milter/m.sock", "control/c.sock")], [False, False],
       "its sockets are taken away at the end")
    ok(not REPORTS.search(daemon.terminal()), "no sanitizer has complained") or diag(daemon.terminal())
    gone = command(place, "reload")
    eq(gone.returncode, 1, "nobody there to reload")
    like(gone.stderr, "is millgated running", "is what it asks")


def foreground(place):
    topic("in the foreground, told to systemd")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(place.path("notify"))
        os.chmod(place.path("notify"), 0o777)
        systemd.settimeout(60)
        p = Process("millgated", [program("millgated"), "-f", "-c", place.path("m.conf")], place.path("log"),
                    dict(environment(), NOTIFY_SOCKET=place.path("notify")))
        place.on_close(p.stop)
        eq(systemd.recv(100), b"READY=1", "ready")
        p.kill(signal.SIGTERM)
        eq(systemd.recv(100), b"STOPPING=1", "stopping")
    eq(p.wait(), 0, "a clean stop is exit status 0")
    records = [json.loads(line) for line in p.text().splitlines() if line.startswith("{")]
    ok(any("serves" in r.get("msg", "") for r in records), "its log is JSON lines on stderr")
    ok(not REPORTS.search(p.text()), "no sanitizer has complained") or diag(p.text())


def unprivileged(place):
    topic("not started as root")
    user = pwd.getpwnam("nobody")
    home = place.path("own")
    for d in (home, home + "/milter", home + "/control"):
        os.makedirs(d)
        os.chown(d, user.pw_uid, user.pw_gid)
    text = CONF % {"user": "millgate-is-not-looked-up", "group": "neither", "dir": home}
    place.write("own.conf", text.replace(' group = "postfix";', ""))
    p = Process("millgated", ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", program("millgated"), "-f",
                              "-c", place.path("own.conf")], place.path("own.log"), environment())
    place.on_close(p.stop)
    p.ready(lambda: os.path.exists(home + "/control/c.sock"))
    with open("/proc/%d/status" % p.pid) as f:
        like(f.read(), r"(?m)^Uid:\t%d\t" % user.pw_uid, "it stays who it is")
    eq(p.stop(), 0, "and ends well")


with Place() as place:
    daemon = Daemon(place)
    place.on_close(lambda: os.path.exists(daemon.pidfile) and alive(daemon.pid()) and daemon.stop())
    configure(place)
    usage(place)
    check_command(place)
    unusable(place)
    refusals(place, daemon)
    background(place, daemon)
    foreground(place)
    unprivileged(place)
done()
