"""A private Postfix: its own configuration, queue and data directories, on an address of its own.

Any client can be played (XCLIENT is allowed), mailboxes are maildirs that tests read as files, and mail for other
domains goes to a sink that remembers envelopes.  Variant "stock" runs Debian's untouched master.cf, where smtpd and
cleanup are chrooted.
"""

import json
import os
import pwd
import re
import shutil
import signal

from mta import Mta
from place import Process, run
from smtp import Session

DAEMONS = "/usr/lib/postfix/sbin"
QUEUE_FILES = "/etc/postfix/postfix-files"
STOCK_MASTER = "/usr/share/postfix/master.cf.dist"
SMTP_PORT = 2525
STOCK_PORT = 25

# Delivery runs as an unprivileged user of the machine.
MAIL_USER = "nobody"

USERS = ("bob", "carol", "dave", "sales", "archive", "leaver", "manager", "postmaster", "abuse", "quarantine")
LOCAL_DOMAIN = "example.net"
REMOTE_DOMAIN = "remote.example"

# As in Debian's master.cf, but nothing chrooted, and without what the tests do not use.
MASTER = """\
%(ip)s:%(port)d inet n - n - - smtpd
pickup    unix  n - n 1    1 pickup
cleanup   unix  n - n -    0 cleanup
qmgr      unix  n - n 1    1 qmgr
rewrite   unix  - - n -    - trivial-rewrite
bounce    unix  - - n -    0 bounce
defer     unix  - - n -    0 bounce
trace     unix  - - n -    0 bounce
flush     unix  n - n -    0 flush
proxymap  unix  - - n -    - proxymap
smtp      unix  - - n -    - smtp
relay     unix  - - n -    - smtp
showq     unix  n - n -    - showq
error     unix  - - n -    - error
retry     unix  - - n -    - error
discard   unix  - - n -    - discard
local     unix  - n n -    - local
virtual   unix  - n n -    - virtual
anvil     unix  - - n -    1 anvil
scache    unix  - - n -    1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


def _once(text):
    """main.cf with the last entry of each parameter alone.

    Each process warns of the others when it starts.  So does postlogd, to its own socket, before it reads from that: when
    others have filled it (net.unix.max_dgram_qlen is 10), it waits for itself, and with it all that want to log.
    """
    entries = {}
    for entry in re.split(r"\n(?![ \t])", text):  # an indented line goes on
        name = entry.split("=", 1)[0].strip()
        entries.pop(name, None)
        entries[name] = entry
    return "\n".join(entries.values()) + "\n"


class Postfix(Mta):
    """settings: lines of main.cf that go on top; stock: Debian's master.cf, as it is installed."""

    group = "postfix"  # whom the milter socket is given to

    def __init__(self, place, settings="", users=USERS, stock=False, sink=None, master=""):
        self.place = place
        self.stock = stock
        self.ip = "127.0.0.1" if stock else place.ip
        self.port = STOCK_PORT if stock else SMTP_PORT
        self.config = place.path("postfix/etc")
        self.queue = place.path("postfix/queue")
        self.mailboxes = place.path("postfix/mail")
        self.log = place.path("postfix/mail.log")
        self._directories()
        place.write("postfix/users", "".join("%s@%s %s/\n" % (u, LOCAL_DOMAIN, u) for u in users))
        place.write("postfix/etc/main.cf", self._main(settings, sink))
        if stock:
            shutil.copy(STOCK_MASTER, os.path.join(self.config, "master.cf"))
        else:
            place.write("postfix/etc/master.cf", MASTER % {"ip": self.ip, "port": self.port} + master)

    def _directories(self):
        for name in ("etc", "queue", "data", "mail"):
            os.makedirs(self.place.path("postfix", name))
        shutil.chown(self.place.path("postfix/data"), "postfix", "postfix")
        shutil.chown(self.mailboxes, MAIL_USER)
        # What `postfix check` would do, in a hundredth of its time.
        owners = {"root": "root", "$mail_owner": "postfix", "-": None, "$setgid_group": "postdrop"}
        with open(QUEUE_FILES) as f:
            for entry in re.findall(r"(?m)^\$queue_directory/(\w+):d:([^:]+):([^:]+):(\d+):", f.read()):
                path = os.path.join(self.queue, entry[0])
                os.mkdir(path)
                shutil.chown(path, owners[entry[1]], owners[entry[2]])
                os.chmod(path, int(entry[3], 8))

    def _main(self, settings, sink):
        user = pwd.getpwnam(MAIL_USER)
        return _once("\n".join([
            "compatibility_level = 3.6",
            "queue_directory = " + self.queue,
            "data_directory = " + self.place.path("postfix/data"),
            # It must be an address that an interface carries; where smtpd listens is in master.cf.
            "inet_interfaces = 127.0.0.1",
            "inet_protocols = all",
            "maillog_file = " + self.log,
            "maillog_file_prefixes = " + self.place.dir,
            "syslog_name = postfix",
            "myhostname = mx." + LOCAL_DOMAIN,
            "myorigin = " + LOCAL_DOMAIN,
            "mydestination =",
            "mynetworks = 192.0.2.0/24",
            # Anybody may send there, so that logins played by XCLIENT need no SASL server.
            "relay_domains = " + REMOTE_DOMAIN,
            "relay_transport = $default_transport",
            "alias_maps =",
            "alias_database =",
            "virtual_mailbox_domains = " + LOCAL_DOMAIN,
            "virtual_mailbox_base = " + self.mailboxes,
            "virtual_mailbox_maps = texthash:" + self.place.path("postfix/users"),
            "virtual_mailbox_limit = 0",
            "virtual_uid_maps = static:%d" % user.pw_uid,
            "virtual_gid_maps = static:%d" % user.pw_gid,
            "message_size_limit = 0",
            "default_transport = " + ("smtp:[%s]:%d" % sink.address if sink else "discard:"),
            "smtp_dns_support_level = disabled",
            "smtp_host_lookup = native",
            "disable_dns_lookups = yes",
            "smtpd_peername_lookup = no",
            "smtpd_authorized_xclient_hosts = 127.0.0.0/8",
            # The tests open many sessions from one address, and make many errors in one.
            "smtpd_client_connection_count_limit = 0",
            "smtpd_error_sleep_time = 0",
            "smtpd_hard_error_limit = 1000",
            "smtpd_junk_command_limit = 1000",
            "smtpd_delay_reject = no",
            settings]))

    @property
    def socket_dir(self):
        """Where millgated listens: below the queue directory, so that chrooted processes reach it."""
        return os.path.join(self.queue, "millgate")

    # ---- Running ----

    def start(self):
        return self._serve(Process("postfix", [DAEMONS + "/master", "-s", "-c", self.config],
                                   self.place.path("postfix/master.out")))

    def set(self, line):
        """Changes one line of main.cf, and reads it again."""
        run(["postconf", "-c", self.config, "-e", line])
        self.reload()

    def reload(self):
        """Reads main.cf again; sessions that are open keep what they had."""
        self.master.kill(signal.SIGHUP)

    # ---- Sending ----

    def connect(self, ip=None, name=None, ptr=None, login=None, source=None):
        """A session; with ip, played from there; with source, really from that loopback address."""
        session = Session(self.ip, self.port, source=source)
        if ip is not None:
            session.xclient(ip, name, ptr, login)
        return session

    def submit(self, message, sender, rcpts):
        """sendmail(1): goes through pickup, so through non_smtpd_milters."""
        return run(["sendmail", "-C", self.config, "-oi", "-f", sender, "--", *rcpts], input=message.decode(), check=False)

    # ---- What became of it ----

    def _under_way(self):
        # In the order in which files move, so that none is missed between two looks.
        for name in ("maildrop", "incoming", "active"):
            directory = os.path.join(self.queue, name)
            for entry in os.listdir(directory):
                try:
                    mode = os.stat(os.path.join(directory, entry)).st_mode
                except FileNotFoundError:
                    return True
                if name != "incoming" or mode & 0o100:  # without it, a session is still writing
                    return True
        return False

    def inbox(self, user):
        """The messages in a mailbox (bytes), oldest first; waits for deliveries under way."""
        self.settle()
        directory = os.path.join(self.mailboxes, user, "new")
        if not os.path.isdir(directory):
            return []
        paths = sorted((os.path.join(directory, n) for n in os.listdir(directory)), key=os.path.getmtime)
        out = []
        for path in paths:
            with open(path, "rb") as f:
                out.append(f.read())
        return out

    def empty(self):
        """Forgets all mailboxes."""
        self.settle()
        for user in os.listdir(self.mailboxes):
            shutil.rmtree(os.path.join(self.mailboxes, user))

    def queued(self):
        """postqueue -j: one dict per message that is in the queue."""
        self.settle()
        return [json.loads(line) for line in run(["postqueue", "-c", self.config, "-j"]).stdout.splitlines()]

    def cat(self, queue_id):
        """A queued message as postcat shows it: header and body."""
        return run(["postcat", "-c", self.config, "-bh", "-q", queue_id]).stdout

    def release(self, queue_id):
        run(["postsuper", "-c", self.config, "-H", queue_id])
        run(["postqueue", "-c", self.config, "-i", queue_id])

    def log_text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def log_of(self, queue_id):
        return [line for line in self.log_text().splitlines() if re.search(r"\b%s\b" % queue_id, line)]
