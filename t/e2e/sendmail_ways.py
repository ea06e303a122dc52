#!/usr/bin/python3
"""What only sendmail does: its macros, aliases, quarantine, mail from programs, and what it thinks of a filter's socket."""

import itertools
import os
import re
import shutil
import ssl
import sys

os.environ["MILLGATE_MTA"] = "sendmail"
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from gate import USER
from message import header, message, payload
from place import TOP, run, until
from sendmail import FILTER, PROGRAM
from smtp import attempt, transaction
from tap import eq, like, ok, topic
from world import World

USERS = ("bob", "carol", "dave", "sales", "archive", "leaver", "manager", "postmaster")

# The macros that sendmail sends by itself are cut down to one that nobody reads.
SETTINGS = """\
define(`confMILTER_MACROS_CONNECT', `j')dnl
define(`confMILTER_MACROS_HELO', `j')dnl
define(`confMILTER_MACROS_ENVFROM', `j')dnl
define(`confMILTER_MACROS_ENVRCPT', `j')dnl
define(`confMILTER_MACROS_DATA', `j')dnl
define(`confMILTER_MACROS_EOM', `j')dnl
define(`ALIAS_FILE', `%s')dnl
MODIFY_MAILER_FLAGS(`ESMTP', `+A')dnl
define(`confSERVER_CERT', `%s')dnl
define(`confSERVER_KEY', `%s')dnl
define(`confCACERT', `%s')dnl
define(`confCACERT_PATH', `/etc/ssl/certs')dnl
LOCAL_CONFIG
C{Users}team
"""
TRUSTED = {"trusted_networks": '( "127.0.0.1" )'}
RULES = """
rules = (
    { name = "moved"; when = ( { fact = "recipient"; is = "leaver@example.net"; } ); then = { move = "manager@example.net"; }; },
    { name = "deleted"; when = ( { fact = "recipient"; is = "dave@example.net"; } ); then = { delete = true; }; },
    { name = "copied"; when = ( { fact = "recipient"; is = "sales@example.net"; } ); then = { copy = "archive@example.net"; }; },
    { name = "held"; when = ( { fact = "subject"; is = "hold"; } ); then = { quarantine = "100%% odd"; }; },
    { name = "long"; when = ( { fact = "subject"; is = "long"; } ); then = { reject = "554 5.7.1 %s, 100%% of it"; }; },
    { name = "stamp"; match = "always";
      then = { add_header = ( "X-Who: %%{direction} %%{client_ip} %%{auth_user} %%{tls} %%{fcrdns} %%{client_name}" ); }; }
);
""" % ("word " * 75 + "end")


def boxes(w):
    return {u: len(w.inbox(u)) for u in USERS if w.inbox(u)}


def who(w):
    """What the rules knew of the last message's client."""
    return header(w.inbox("bob")[-1], "X-Who")[0].decode().split(" ")


def check_macros(w):
    topic("macros: millgate names them itself")
    with open(w.postfix.config) as f:
        eq(len(re.findall(r"(?m)^O Milter\.macros\.\w+=j$", f.read())), 6, "sendmail.cf names none")
    ok(w.send(ip="198.51.100.9").ok and who(w) == ["inbound", "198.51.100.9", "", "", "pass", "mail.partner.example"],
       "a client and its name: %s" % who(w))
    asked = [q for q in w.dns.queries() if " PTR " in q and q.startswith("9.100.51.198.")]
    eq(len(asked), 1, "of which sendmail alone has asked DNS")
    ok(w.send(ip="2001:db8::9", login="bob").ok, "a login, by IPv6")
    eq(who(w)[:3], ["outbound", "2001:db8::9", "bob"], "is known")
    with w.connect() as session:
        session.ehlo()
        eq(session.cmd("STARTTLS").status, "220 2.0.0", "STARTTLS")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        session.sock = context.wrap_socket(session.sock)
        session.file = session.sock.makefile("rb")
        session.greeting = session.ehlo()
        ok(attempt(session, message()).ok, "by TLS")
        like(who(w)[3], r"^TLSv1\.[23]$", "is known as well")
        session.quit()


def check_orders(w):
    topic("every order of recipients that are moved, deleted, copied, and left alone")
    wrong = []
    for order in itertools.permutations(("bob", "dave", "leaver", "sales")):
        w.postfix.empty()
        sent = message(" ".join(order))
        outcome = w.send(sent, rcpts=[u + "@example.net" for u in order])
        found = boxes(w)
        if found != {"bob": 1, "manager": 1, "sales": 1, "archive": 1}:
            wrong.append((order, outcome, found))
    eq(wrong, [], "come to the same")


def check_aliases(w):
    topic("aliases: a rule is about the address that was given")
    w.postfix.empty()
    ok(w.send(rcpts=["team@example.net"]).ok, "team is bob, leaver and dave")
    eq(boxes(w), {"bob": 1, "leaver": 1, "dave": 1}, "and they get it")
    w.postfix.empty()
    w.configure(RULES.replace("dave@example.net", "team@example.net"))
    ok(w.send(rcpts=["team@example.net", "carol@example.net"]).ok, "deleted for the team alone")
    eq(boxes(w), {"carol": 1}, "nobody of it gets it")
    w.postfix.empty()
    ok(w.send(rcpts=["bob@example.net", "team@example.net"]).ok, "bob, and the team that he is in")
    eq(boxes(w), {"bob": 1}, "he keeps his own")
    w.configure(RULES.replace("leaver@example.net", "team@example.net"))
    w.postfix.empty()
    ok(w.send(rcpts=["team@example.net"]).ok, "moved")
    eq(boxes(w), {"manager": 1}, "as a whole")
    w.configure(RULES)


def check_quarantine(w):
    topic("quarantine")
    w.postfix.empty()
    held = w.send(message("hold"), rcpts=["bob@example.net", "dave@example.net"])
    ok(held.ok and boxes(w) == {}, "accepted, and not delivered: %r" % held)
    eq([(m["queue_id"], m["reason"].split(" [id")[0]) for m in w.postfix.held()], [(held.queue_id, "100% odd")],
       "held, with the reason")
    listed = run([PROGRAM, "-C", w.postfix.config, "-bp", "-qQ"], check=False).stdout
    like(listed, r"(?s)%s.*100%% odd" % held.queue_id, "mailq -qQ shows it")
    w.postfix.release(held.queue_id)
    until("its delivery", lambda: boxes(w))
    until("the queue to be empty", lambda: not w.postfix.queued())
    eq(boxes(w), {"bob": 1}, "released: for whom it was not deleted")


def check_refusals(w):
    topic("refusals")
    w.postfix.empty()
    long = w.send(message("long"))
    eq((long.stage, long.status), ("END", "554 5.7.1"), "a long text")
    ok(len(long.last.lines) > 1 and all(len(line) <= 510 for line in long.last.lines), "in several lines")
    like(long.last.text.replace("\n", " "), r"end, 100% of it", "to its end")
    w.configure('deny: { clients = ( "203.0.113.0/24" ); refuse_at = "connect"; };' + RULES)
    refused = w.send(ip="203.0.113.5")
    eq((refused.stage, refused.status), ("MAIL", "554 5.7.1"), 'refuse_at = "connect": sendmail keeps it until MAIL')
    ok(w.send().ok, "another client is not touched")
    w.configure('deny: { senders = ( "@spam.example" ); };' + RULES)
    with w.connect() as session:
        session.ehlo()
        eq(transaction(session, message(), sender="x@spam.example").status, "554 5.7.1", "a denied sender")
        session.rset()
        ok(transaction(session, message()).ok, "does not spoil the session")
        session.quit()
    w.configure(RULES)


def check_programs(w):
    topic("mail from programs")
    w.postfix.empty()
    eq(w.postfix.submit(message("pipe"), "bob@example.net", ["bob@example.net", "dave@example.net"]).returncode, 0, "sendmail -bs")
    eq((boxes(w), who(w)[0]), ({"bob": 1}, "outbound"), "no address: outbound; the rules act")
    w.postfix.empty()
    eq(w.postfix.hand_in(message("smtp"), "bob@example.net", ["bob@example.net", "dave@example.net"]).returncode, 0, "sendmail(1)")
    eq((boxes(w), who(w)[:2]), ({"bob": 1}, ["outbound", "127.0.0.1"]), "comes from 127.0.0.1, a trusted network here")


def check_bytes(w):
    topic("bytes of all kinds")
    odd = {"NUL in the body": message(body=b"a\0b\n"), "NUL in a field": message(headers=[b"X-Nul: a\0b"]),
           "8 bits everywhere": message(b"\xd0\xb6\xff", b"\xff\xfe\n", [b"X-\xe9: \xe9"]),
           "a long line": message(body="x" * 100000 + "\n"), "no line end": message(body="x"),
           "only white space in a field": message(headers=["X-Empty:", "X-Blank:   ", "X-Tab:\t\n\t"])}
    for name, text in odd.items():
        w.postfix.empty()
        outcome = w.send(text)
        ok(outcome.ok and boxes(w) == {"bob": 1} or outcome.last.code // 100 == 5, "%s: %r" % (name, outcome))
    w.postfix.empty()
    sent = message("folded", headers=["X-Long: one\n two\n\tthree", "X-Tight:x", "X-Loose:   x  y"])
    ok(w.send(sent).ok, "folded fields and odd spaces")
    eq(re.sub(rb"X-Who: .*\n", b"", payload(w.inbox("bob")[0])), sent, "arrive as they were")


def check_socket(w):
    topic("the socket, and the flag of README.md's line")
    with open(os.path.join(TOP, "README.md")) as f:
        ok(FILTER.replace("%s", "/run/millgate/milter.sock") in f.read(), "it is the one that was tried here")
    w.gate.stop()
    away = w.send()
    eq((away.stage, away.status), ("MAIL", "451 4.3.2"), "F=T: without the filter mail is deferred")
    w.gate.start()
    ok(w.send().ok, "and flows when it is back")
    for mode in (0o777, 0o775):
        os.chmod(w.postfix.socket_dir, mode)
        eq(w.send().status, "451 4.3.2", "sendmail refuses one in a directory that others may write to (%o)" % mode)
    shutil.chown(w.postfix.socket_dir, USER, "nogroup")
    os.chmod(w.postfix.socket_dir, 0o755)
    os.chmod(w.gate.socket, 0o600)
    ok(w.send().ok, "not one that is millgate's alone: sendmail is root")


class Ways(World):
    """sendmail with aliases and TLS, and mail from this machine trusted."""

    def __init__(self):
        super().__init__(RULES, **TRUSTED)

    def configure(self, text):
        super().configure(text, **TRUSTED)

    def _sendmail(self, settings):
        aliases = self.write("aliases", "team: bob, leaver, dave\n")
        cert, key = self.path("cert.pem"), self.path("key.pem")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mx",
             "-keyout", key, "-out", cert])
        os.chmod(key, 0o600)
        mta = super()._sendmail(SETTINGS % (aliases, cert, key, cert))
        run([PROGRAM, "-C", mta.config, "-bi"])
        return mta


with Ways() as w:
    check_macros(w)
    check_orders(w)
    check_aliases(w)
    check_quarantine(w)
    check_refusals(w)
    check_programs(w)
    check_bytes(w)
    check_socket(w)
    w.end()
