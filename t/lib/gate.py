"""millgated under test: its configuration, its log, and what it must not leave behind."""

import grp
import json
import os
import re
import signal
import socket
import stat

import tap
from place import PATIENCE, TOP, Failure, Process, run, until

# The daemon gives up root for this user, as it would on a real machine.
USER = "nobody"
REPORTS = re.compile(r"AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:|MemorySanitizer")


def program(name):
    """Where the build has put millgated or millgate."""
    places = [os.environ.get("top_builddir"), os.getcwd(), TOP]
    for place in filter(None, places):
        for path in (os.path.join(place, name), os.path.join(place, "cmd", name)):
            if os.access(path, os.X_OK) and os.path.isfile(path):
                return path
    raise Failure("%s is not built (looked in %s)" % (name, ", ".join(filter(None, places))))


def environment():
    """As t/lib/env sets it, also when a test is run by hand."""
    env = dict(os.environ)
    lib = os.path.join(TOP, "t/lib")
    env.setdefault("LC_ALL", "C.UTF-8")
    env.setdefault("ASAN_OPTIONS", "detect_stack_use_after_return=1")
    env.setdefault("LSAN_OPTIONS", "suppressions=%s/lsan.supp:print_suppressions=0" % lib)
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    env.setdefault("TSAN_OPTIONS", "ignore_noninstrumented_modules=1 report_thread_leaks=0 suppressions=%s/tsan.supp" % lib)
    return env


class Gate:
    """postfix: the MTA; settings: replaces or adds to the base: {"redis": 'timeout = "1s";'}; text: the test's own sections."""

    def __init__(self, place, postfix, redis, dns, text="", **sections):
        self.place = place
        self.postfix = postfix
        self.redis = redis
        self.dns = dns
        self.config = place.path("millgate.conf")
        self.output = place.path("millgated.log")
        self.socket_dir = postfix.socket_dir
        self.control = place.path("run/control.sock")
        self.process = None
        self._sections = {}
        self._mark = 0
        for directory in (self.socket_dir, os.path.dirname(self.control)):
            os.makedirs(directory, exist_ok=True)
            os.chmod(directory, 0o777 | stat.S_ISVTX)
        self.configure(text, **sections)

    @property
    def milter(self):
        """As Postfix's smtpd_milters wants it: below its queue directory, so that chrooted processes reach it."""
        return "unix:millgate/milter.sock"

    @property
    def socket(self):
        return os.path.join(self.socket_dir, "milter.sock")

    def configure(self, text="", **sections):
        """Writes the configuration; does not tell the daemon."""
        self._sections = {
            "user": '"%s"' % USER,
            "group": '"nogroup"',
            "hostname": '"mx.example.net"',
            "local_domains": '( "example.net" )',
            "trusted_networks": '( "192.0.2.0/24" )',
            "milter": '{ listen = "unix:%s"; mode = "0660"; group = "%s"; }' % (self.socket, self.postfix.group),
            "control": '{ listen = "unix:%s"; }' % self.control,
            "redis": '{ server = "unix:%s"; timeout = "2s"; }' % (self.redis.socket if self.redis else "/nowhere"),
            "dns": '{ servers = ( "%s" ); timeout = "2s"; }' % (self.dns.server if self.dns else "127.0.0.1@9"),
            "log": '{ to = "stderr"; level = "debug"; }',
            **sections}
        lines = ["%s = %s;" % item for item in self._sections.items() if item[1] is not None]
        self.place.write("millgate.conf", "\n".join(lines) + "\n" + text + "\n")

    def lineno(self, text):
        """The number of the line of the configuration that holds the text."""
        with open(self.config) as f:
            for number, line in enumerate(f, 1):
                if text in line:
                    return number
        raise Failure("not in the configuration: " + text)

    # ---- Running ----

    def start(self, patience=PATIENCE, port=None):
        """port: it listens there, on the address of the place, and not on the Unix socket."""
        first = self.process is None
        self.process = Process("millgated", [program("millgated"), "-f", "-c", self.config], self.output, environment())
        if first:
            self.place.on_close(self._finish)
        self.process.ready(lambda: self._answers(port), patience)
        return self

    def _answers(self, port):
        with socket.socket(socket.AF_INET if port else socket.AF_UNIX) as s:
            try:
                s.connect((self.place.ip, port) if port else self.socket)
                # A Unix socket listens a moment before it is given to the MTA's group, where the configuration says so.
                group = self.postfix.group
                given = '"%s"' % group in (self._sections["milter"] or "")
                return port or not given or grp.getgrgid(os.stat(self.socket).st_gid).gr_name == group
            except OSError:
                return False

    def stop(self, sig=signal.SIGTERM):
        """Ends it; answers its exit status."""
        return self.process.stop(sig)

    def restart(self):
        self.check_end()
        return self.start()

    def check_end(self):
        """It ends cleanly when asked to: one check, which every test makes at its end."""
        status = self.stop()
        text = self.process.text()
        reports = REPORTS.search(text)
        if not tap.ok(status == 0 and not reports, "millgated ended with 0, without complaints of a sanitizer"):
            tap.diag("exit status %s" % status)
            tap.diag("\n".join(line for line in text.splitlines()[-200:] if not line.startswith('{"')))

    def _finish(self):
        if self.process.alive():
            self.stop()

    def reload(self):
        """SIGUSR1; answers what it logged about it."""
        mark = len(self.lines())
        self.process.kill(signal.SIGUSR1)
        return until("the log to tell of the reload",
                     lambda: [r for r in self.lines()[mark:] if "reload" in r.get("msg", "").lower()
                              or "configuration" in r.get("msg", "").lower()])

    def command(self, name, *words):
        """The administrator's command; answers its CompletedProcess."""
        return run([program("millgate"), name, "-c", self.config, *words], check=False, env=environment())

    # ---- The log ----

    def lines(self):
        """All lines logged so far, as dicts; what is no JSON has only "raw"."""
        out = []
        for line in self.process.text().splitlines():
            try:
                out.append(json.loads(line))
            except ValueError:
                out.append({"raw": line})
        return out

    def mails(self):
        """The structured line of each transaction."""
        return [r for r in self.lines() if r.get("msg") == "mail"]

    def mail(self, **fields):
        """The transactions' lines with these values; waits until there is one."""
        def find():
            return [r for r in self.mails() if all(str(r.get(k)) == str(v) for k, v in fields.items())]
        return until("a log line with %r" % fields, find)
