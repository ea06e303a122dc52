"""A private sendmail: Debian's, unpacked by contrib/install-packages beside Postfix, in a network of its own.

It reads like Postfix of postfix.py, so that tests run behind either.  sendmail has no XCLIENT: every address is made one
of this machine, so that clients really come from where they say; their names are in the test's DNS, where sendmail
looks them up; logins are real, with any password.  Local mailboxes and the rest of the world are two sinks; mail is
delivered before its last answer (DeliveryMode=interactive), so that there is little to wait for.
"""

import base64
import glob
import ipaddress
import os
import re
import shutil
import socket
import struct
import subprocess
import threading

import tap
from mta import Mta
from place import Process, private_file, private_name, private_network, run
from postfix import LOCAL_DOMAIN, USERS
from sink import Sink
from smtp import Session

ROOT = os.environ.get("MILLGATE_SENDMAIL", "/var/cache/millgate-tests/sendmail")
PROGRAM = os.path.join(ROOT, "usr/libexec/sendmail/sendmail")
MACROS = os.path.join(ROOT, "usr/share/sendmail/cf/")
RESOLVER = "127.0.0.1"
SMTP_PORT = 25
MAILBOX_PORT = 2527

# The timeouts and the flag are README.md's.
FILTER = "S=local:%s, F=T, T=C:30s;S:30s;R:30s;E:5m"

CONFIG = """\
divert(-1)
include(`%(macros)sm4/cf.m4')
divert(0)dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mx.%(domain)s')dnl
define(`QUEUE_DIR', `%(queue)s')dnl
define(`STATUS_FILE', `')dnl
define(`confPID_FILE', `%(dir)s/pid')dnl
define(`confSERVICE_SWITCH_FILE', `%(dir)s/switch')dnl
define(`confHOSTS_FILE', `/etc/hosts')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl
define(`confDEF_USER_ID', `nobody:nogroup')dnl
define(`confDELIVERY_MODE', `interactive')dnl
define(`confTO_IDENT', `0')dnl
define(`confAUTH_MECHANISMS', `PLAIN')dnl
define(`confQUEUE_LA', `10000')dnl
define(`confREFUSE_LA', `10000')dnl
define(`confDELAY_LA', `10000')dnl
define(`confMAX_DAEMON_CHILDREN', `0')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h %(mailbox_port)d')dnl
define(`RELAY_MAILER_ARGS', `TCP $h %(sink_port)d')dnl
define(`RELAY_MAILER_LL', `0')dnl lines are not broken
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`promiscuous_relay')dnl
DAEMON_OPTIONS(`Port=%(port)d, Addr=0.0.0.0, Name=MTA, Listen=500')dnl
DAEMON_OPTIONS(`Port=%(port)d, Addr=::1, Family=inet6, Name=MTA6')dnl
%(settings)s
MAILER(`smtp')dnl
LOCAL_CONFIG
ESASL_CONF_PATH=%(dir)s
C{Users}%(users)s
Kdequote dequote
LOCAL_RULE_0
R$={Users}				$#esmtp $@ [%(ip)s] $: $1 < @ %(domain)s . >
R$+ < @ %(domain)s . >			$: $>Mailbox $(dequote $1 $) < @ %(domain)s . >
R$+ < @ %(domain)s >			$: $>Mailbox $(dequote $1 $) < @ %(domain)s . >
R$+ < @ $+ >				$#relay $@ [%(ip)s] $: $1 < @ $2 >
SMailbox
R$={Users} < @ $* >			$#esmtp $@ [%(ip)s] $: $1 < @ $2 >
R$*					$: < $&{addr_type} > $1
R< e s > $* < @ $* >			$#esmtp $@ [%(ip)s] $: $1 < @ $2 >
R< $* > $*				$#error $@ 5.1.1 $: "550 5.1.1 User unknown"
"""

# What people's programs call: mail goes to the daemon, by SMTP.
SUBMIT = """\
divert(-1)
include(`%(macros)sm4/cf.m4')
divert(0)dnl
define(`_USE_ETC_MAIL_')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mx.%(domain)s')dnl
define(`MSP_QUEUE_DIR', `%(dir)s/client')dnl
define(`STATUS_FILE', `')dnl
define(`confPID_FILE', `%(dir)s/client.pid')dnl
define(`confSERVICE_SWITCH_FILE', `%(dir)s/switch')dnl
define(`confRUN_AS_USER', `nobody:nogroup')dnl
define(`confTO_IDENT', `0')dnl
define(`confDELIVERY_MODE', `interactive')dnl
FEATURE(`msp', `[127.0.0.1]')dnl
"""


def required():
    """Without sendmail there is nothing to test."""
    if not os.path.exists(PROGRAM):
        tap.skip_all("no sendmail in %s: contrib/install-packages sendmail" % ROOT)


def surroundings():
    """Moves the test into a network where every address is its own, and sendmail's resolver is the test's."""
    required()
    private_network()
    # It ponders a minute over a name without a dot.
    private_name("mx." + LOCAL_DOMAIN)
    run(["ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo"])
    private_file("/etc/resolv.conf", "nameserver %s\noptions timeout:1 attempts:1\n" % RESOLVER)


class _Passwords:
    """saslauthd, for SASL's sake: every password is right."""

    def __init__(self, path):
        self.path = path
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client = self.server.accept()[0]
            with client, client.makefile("rb") as f:
                for _ in range(4):  # login, password, service, realm
                    f.read(struct.unpack(">H", f.read(2))[0])
                client.sendall(struct.pack(">H", 2) + b"OK")


class Sendmail(Mta):
    """settings: m4 lines of sendmail.mc that go before MAILER()."""

    group = "mail"  # sendmail's daemon is root, and needs none

    def __init__(self, place, settings="", users=USERS, sink=None, dns=None, filter=FILTER):
        self.place = place
        self.dns = dns
        self.ip = place.ip
        self.port = SMTP_PORT
        self.dir = place.path("sendmail")
        self.queue = place.path("sendmail/queue")
        self.config = place.path("sendmail/sendmail.cf")
        self.log = place.path("sendmail/transcript")
        self._names = {}
        self._addresses = set()
        self.sink = sink or Sink(place)
        self.mailboxes = Sink(place, MAILBOX_PORT)
        for directory in (self.queue, place.path("sendmail/client")):
            os.makedirs(directory)
            os.chmod(directory, 0o700)
        shutil.chown(place.path("sendmail/client"), "nobody", "nogroup")
        place.write("sendmail/switch", "hosts files dns\n")
        place.write("sendmail/Sendmail.conf", "pwcheck_method: saslauthd\nsaslauthd_path: %s\nmech_list: PLAIN\n"
                    % place.path("sendmail/mux"))
        self.passwords = _Passwords(place.path("sendmail/mux"))
        self._words = {
            "macros": MACROS, "dir": self.dir, "queue": self.queue, "domain": LOCAL_DOMAIN, "ip": self.ip,
            "port": self.port, "mailbox_port": MAILBOX_PORT, "sink_port": self.sink.address[1], "users": " ".join(users)}
        milter = "INPUT_MAIL_FILTER(`millgate', `%s')dnl\n" % (filter % os.path.join(self.socket_dir, "milter.sock"))
        self._compile("sendmail.cf", CONFIG, settings=milter + settings)
        self._compile("submit.cf", SUBMIT)

    @property
    def socket_dir(self):
        """Where millgated listens."""
        return self.place.path("millgate")

    def _compile(self, name, text, **words):
        source = self.place.write("sendmail/" + name.replace(".cf", ".mc"), text % {**self._words, **words})
        self.place.write("sendmail/" + name, run(["m4", "-D_CF_DIR_=" + MACROS, source]).stdout)

    # ---- Running ----

    def start(self):
        return self._serve(Process("sendmail", [PROGRAM, "-bD", "-C", self.config], self.place.path("sendmail/out")))

    # ---- Sending ----

    def _know(self, ip, name, ptr):
        """What the test's DNS says of a client."""
        if ip is None or self._names.get(ip) == (name, ptr) or (name is None and ptr is None and ip not in self._names):
            return
        self._names[ip] = (name, ptr)
        lines = ""
        for address, (verified, claimed) in self._names.items():
            kind = "AAAA" if ":" in address else "A"
            if verified == "TEMP":
                lines += "%s * SERVFAIL\n" % ipaddress.ip_address(address).reverse_pointer
            elif verified:
                lines += "%s PTR %s\n%s %s %s\n" % (address, verified, verified, kind, address)
            elif claimed:
                lines += "%s PTR %s\n" % (address, claimed)
        self.dns.add(lines)

    def connect(self, ip=None, name=None, ptr=None, login=None, source=None):
        """A session from that address, which has that name."""
        ip = ip or source
        self._know(ip, name, ptr)
        if ip and ":" in ip and ip not in self._addresses:
            self._addresses.add(ip)
            run(["ip", "-6", "address", "add", ip + "/128", "dev", "lo", "nodad"])
        session = Session("::1" if ip and ":" in ip else self.ip, self.port, source=ip)
        if login is not None:
            session.ehlo()
            session.cmd("AUTH PLAIN " + base64.b64encode(b"\0%s\0password" % login.encode()).decode())
        return session

    def submit(self, message, sender, rcpts):
        """sendmail -bs: a program talks SMTP to it through a pipe, and has no address."""
        words = [PROGRAM, "-Am", "-bs", "-C", self.config]
        text = re.sub(rb"\r?\n", b"\r\n", re.sub(rb"(?m)^\.", b"..", message)).decode("latin-1") + "."
        refused = []
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            for line in (None, "EHLO localhost", "MAIL FROM:<%s>" % sender, *("RCPT TO:<%s>" % rcpt for rcpt in rcpts),
                         "DATA", text, "QUIT"):
                if line is not None:
                    child.stdin.write(line.encode("latin-1") + b"\r\n")
                    child.stdin.flush()
                reply = next((r for r in iter(child.stdout.readline, b"") if r[3:4] != b"-"), b"")
                refused += [reply.decode("latin-1")] if reply[:1] not in (b"2", b"3") else []
        return subprocess.CompletedProcess(words, child.returncode or len(refused), "".join(refused), "")

    def hand_in(self, message, sender, rcpts):
        """sendmail(1) as Debian sets it up: it hands the message to the daemon by SMTP, from 127.0.0.1."""
        return run([PROGRAM, "-Ac", "-C", os.path.join(self.dir, "submit.cf"), "-oi", "-f", sender, "--", *rcpts],
                   input=message.decode(), check=False)

    # ---- What became of it ----

    def _under_way(self):
        """Whether a message in the queue was never tried: aliases are expanded behind the session's back."""
        for path in glob.glob(os.path.join(self.queue, "qf*")):
            try:
                with open(path, "rb") as f:
                    if re.search(rb"(?m)^N0$", f.read()):
                        return True
            except FileNotFoundError:
                pass
        return False

    def inbox(self, user):
        """The messages in a mailbox (bytes), oldest first; waits for deliveries under way."""
        self.settle()
        address = "%s@%s" % (user, LOCAL_DOMAIN)
        return [taken.data.replace(b"\r\n", b"\n") for taken in self.mailboxes.taken
                for rcpt in taken.rcpts if rcpt.lower() == address]

    def empty(self):
        """Forgets all mailboxes."""
        self.settle()
        self.mailboxes.taken.clear()

    def queued(self):
        """One dict per message that is in the queue, as postqueue -j has it."""
        self.settle()
        out = []
        for path in sorted(glob.glob(os.path.join(self.queue, "[qh]f*"))):
            with open(path, "rb") as f:
                lines = f.read().decode("latin-1").splitlines()
            recipients = [re.match(r"R[^:]*:<?(.*?)>?$", line).group(1) for line in lines if line.startswith("R")]
            out.append({
                "queue_id": os.path.basename(path)[2:],
                "queue_name": "hold" if os.path.basename(path).startswith("hf") else "deferred",
                "sender": "".join(re.match(r"S<?(.*?)>?$", line).group(1) for line in lines if line.startswith("S")),
                "recipients": [{"address": r} for r in recipients],
                "reason": "".join(line[1:] for line in lines if line.startswith("q"))})
        return out

    def release(self, queue_id):
        run([PROGRAM, "-C", self.config, "-Q", "-qQ", "-qI" + queue_id])
        run([PROGRAM, "-C", self.config, "-qI" + queue_id])
