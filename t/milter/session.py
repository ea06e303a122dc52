#!/usr/bin/python3
"""What the daemon asks of an MTA, and MTAs that do not keep to the usual course."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from talk import CONNECT, Talk, at, message, tap, environment, program, until  # noqa: E402

TRUSTED = {"trusted_networks": '( "203.0.113.0/24" )'}
NODATA, NOEOH, NOHDRS, NOBODY, NR_RCPT, NR_HELO, LEADSPC = 0x200, 0x40, 0x20, 0x10, 0x8000, 0x2000, 0x100000
ADDHDRS, ADDRCPT, DELRCPT, QUARANTINE, ADDRCPT_PAR = 0x1, 0x4, 0x8, 0x20, 0x80

STAMP = 'rules = ( { name = "stamp"; match = "always"; then = { add_header = "X-Checked: yes"; }; } );'


def rule(when, then, more=""):
    return 'rules = ( { name = "r"; %s when = ( %s ); then = { %s; }; } );' % (more, when, then)


def check_negotiation():
    tap.topic("what is asked of the MTA follows from the rules")
    with Talk(STAMP, **TRUSTED) as t:
        actions, steps, macros = t.negotiated()
        tap.ok(steps & NODATA and steps & NOEOH and steps & NOBODY, "a rule that reads nothing: no DATA, EOH, body")
        tap.ok(steps & NR_RCPT and steps & NR_HELO, "and no answer to RCPT and HELO")
        tap.ok(actions & ADDHDRS and not actions & (ADDRCPT | DELRCPT | QUARANTINE), "only header edits")
        tap.eq(macros["CONNECT"], "i {client_resolve}", "macros at CONNECT")
        tap.eq(macros["MAIL"], "i {auth_authen}", "macros at MAIL")
        tap.ok(steps & LEADSPC, "header fields with their leading space")
    with Talk(rule('{ fact = "subject"; contains = "x"; }', "reject = true"), **TRUSTED) as t:
        _, steps, _ = t.negotiated()
        tap.ok(not steps & NOHDRS and not steps & NOEOH, "subject: headers, and an answer at their end")
        tap.ok(steps & NOBODY, "but no body")
    with Talk(rule('{ fact = "size"; over = "10K"; }', 'quarantine = true'), **TRUSTED) as t:
        actions, steps, _ = t.negotiated()
        tap.ok(not steps & NOBODY and actions & QUARANTINE, "size: the body; quarantine")
    with Talk(rule('{ fact = "recipient"; is = "a@b.example"; }', 'copy = "c@d.example"'), **TRUSTED) as t:
        actions, _, _ = t.negotiated()
        tap.ok(actions & ADDRCPT and actions & ADDRCPT_PAR, "copy: recipients may be added")
    with Talk(rule('{ fact = "tls"; exists = true; }, { fact = "client_ptr"; exists = true; }', "reject = true"),
              **TRUSTED) as t:
        _, _, macros = t.negotiated()
        tap.eq(macros["CONNECT"], "i {client_resolve} {client_ptr}", "client_ptr: its macro")
        tap.eq(macros["MAIL"], "i {auth_authen} {tls_version}", "tls: its macro")


def check_no_fields():
    tap.topic("a message without a single header field")
    with Talk('rules = ( { name = "s"; match = "always"; then = { add_header = "X-Subject: (%{subject})"; }; } );',
              **TRUSTED) as t:
        lines = t.say(CONNECT, "helo x.example", "mail <a@b.example>", "rcpt <bob@example.net>", "data", "eoh", "body x",
                      "end", "quit")
        tap.eq(at(lines, "END"), "addheader X-Subject: () / accept", "is answered as well")


def check_old_mtas(t):
    tap.topic("MTAs that offer less")
    lines = t.say("offer 0x3f 0x7f", message(subject="please move", rcpts=("<move@example.net>",)))
    tap.eq(at(lines, "END"), "chgheader 1 Subject: [m] please move / delrcpt <move@example.net> / "
           "addrcpt other@example.net / addrcpt archive@example.net / accept",
           "version 2 actions: everything is done, and the copy without NOTIFY")
    tap.eq(at(lines, "CONNECT"), "continue", "and every event is answered")
    lines = t.say("offer 0x1 0x1fffff", message(rcpts=("<move@example.net>",)))
    tap.eq(at(lines, "END").split(" / ")[-1], "tempfail", "a verdict that the MTA cannot carry out defers the message")
    lines = t.say("offer 0x1ff 0", message(subject="bad"))
    tap.eq(at(lines, "EOH"), "reply 550 5.7.1 subject [id *]".replace("*", at(lines, "EOH").split("[id ")[-1].rstrip("]")),
           "no protocol bits: the refusal comes all the same")


def check_sequences(t):
    tap.topic("several messages, aborted ones, connections that end")
    one = "mail <a@b.example>\nrcpt <bob@example.net>\ndata\nheader Subject: fine\neoh\nbody x\nend"
    lines = t.say(CONNECT, "helo x.example", one, one, one, "quit")
    tap.eq([l for l in lines if l.startswith("END")], ["END accept"] * 3, "three messages in a session")
    lines = t.say(CONNECT, "helo x.example", "mail <a@b.example>", "rcpt <bob@example.net>", "abort", one, "quit")
    tap.eq(at(lines, "END"), "accept", "a message after one that was aborted")
    lines = t.say(CONNECT, "helo x.example", "mail <a@b.example>", "rcpt <bad@example.net>", "mail <c@d.example>",
                  "rcpt <bob@example.net>", "end", "quit")
    tap.eq((at(lines, "RCPT").split(" / ")[-1], at(lines, "END")), ("continue", "accept"), "MAIL in place of an end")
    lines = t.say(CONNECT, "mail <a@b.example>", "rcpt <bob@example.net>", "end", "quit")
    tap.eq(at(lines, "END"), "accept", "no HELO")
    lines = t.say(CONNECT, "helo x.example", "mail <a@b.example>", "rcpt <bob@example.net>", "data",
                  "header Subject: bad", "eoh", one, "quit")
    tap.eq(at(lines, "END"), "accept", "a message after one that was refused in its middle")
    for cut in (1, 2, 3, 4, 5, 6, 7):
        script = [CONNECT, "helo x.example", *one.splitlines()][:cut]
        tap.eq(t.raw(*script, "drop").returncode, 0, "the connection is lost after: " + script[-1].split()[0])
    tap.eq(at(t.say(message()), "END"), "accept", "it goes on serving")
    tap.ok(t.gate.mail(verdict="aborted"), "messages without an end are in the log")


def connect(t):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(t.gate.socket)
    return s


def packet(command, data=b""):
    return struct.pack(">I", len(data) + 1) + command + data


NEGOTIATE = packet(b"O", struct.pack(">III", 6, 0x1ff, 0x1fffff))


def check_hostile(t):
    tap.topic("what is no milter protocol")
    pieces = {
        "a probe that says nothing": b"",
        "negotiation alone": NEGOTIATE,
        "a packet of no length": struct.pack(">I", 0),
        "a packet of 4 GB": struct.pack(">I", 0xffffffff) + b"C",
        "half a packet": NEGOTIATE + struct.pack(">I", 100) + b"C",
        "no such command": NEGOTIATE + packet(b"?"),
        "RCPT first": NEGOTIATE + packet(b"R", b"<a@b>\0"),
        "RCPT behind an unknown command": NEGOTIATE + packet(b"U", b"X\0") + packet(b"R", b"<a@b>\0"),
        "the end behind an unknown command": NEGOTIATE + packet(b"U", b"X\0") + packet(b"B", b"x") + packet(b"E"),
        "CONNECT without an end": NEGOTIATE + packet(b"C", b"host"),
        "CONNECT with a bad address": NEGOTIATE + packet(b"C", b"host\x004\x00\x19not an address\0"),
        "MAIL without strings": NEGOTIATE + packet(b"C", b"host\0U") + packet(b"M", b""),
        "a field without a value": NEGOTIATE + packet(b"C", b"host\0U") + packet(b"M", b"<>\0") + packet(b"R", b"<a@b>\0")
        + packet(b"L", b"Subject\0"),
        "MAIL first": NEGOTIATE + packet(b"M", b"<>\0") + packet(b"R", b"<a@b>\0") + packet(b"E"),
        "HELO first": NEGOTIATE + packet(b"H", b"x\0") + packet(b"M", b"<>\0"),
        "a quit that announces another connection, at once": NEGOTIATE + packet(b"K") + packet(b"C", b"host\0U")
        + packet(b"M", b"<>\0"),
        "the same after a message": NEGOTIATE + packet(b"C", b"host\0U") + packet(b"M", b"<>\0")
        + packet(b"R", b"<a@b>\0") + packet(b"E") + packet(b"K") + packet(b"C", b"host\0U") + packet(b"M", b"<>\0")
        + packet(b"R", b"<a@b>\0") + packet(b"E"),
        "negotiation twice": NEGOTIATE + NEGOTIATE + packet(b"C", b"host\0U"),
    }
    for name, data in pieces.items():
        with connect(t) as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
                how = "the connection ends"
            except OSError as error:
                how = str(error)
        tap.ok(how != "timed out", "%s: %s" % (name, how))
    long = "x" * 60000
    lines = t.say(CONNECT, "helo " + long, "mail <%s@b.example> SIZE=99999999999999999999999" % long[:30000],
                  "rcpt <bob@example.net>", "data", "header Subject: " + long, "header %s: y" % long[:1000], "eoh",
                  "body x", "end", "quit")
    tap.ok(at(lines, "END").endswith("accept"), "long names and values: " + at(lines, "END"))
    lines = t.say(CONNECT, "helo x", "mail <a@b.example>", "rcpt <bob@example.net>", "data",
                  "header Subject: " + "x" * 102400, "eoh", "body text", "end", "quit")
    tap.ok(at(lines, "END").endswith("accept"), "a field as long as Postfix lets one be: " + at(lines, "END"))
    tap.eq(at(t.say(message()), "END"), "accept", "it goes on serving")


def check_not_smtp(t):
    tap.topic("sessions without SMTP")
    for name, begin in (("Postfix", "macro i 4Q\nconnect localhost 127.0.0.1 0"),
                        ("sendmail", "connect localhost unknown 0")):
        lines = t.say(message(connect=begin, rcpts=("<bad@example.net>",), subject="bad"))
        tap.eq((at(lines, "RCPT"), at(lines, "EOH"), at(lines, "END").split(" / ")[-1]),
               ("continue", "continue", "accept"), name + ": nothing is refused")
    lines = t.say(message(connect="connect localhost 127.0.0.1 0", rcpts=("<bad@example.net>",)))
    tap.ok(at(lines, "RCPT").startswith("reply 550"), "a client without a port is SMTP all the same")


def check_names():
    tap.topic("the client's name")
    with Talk(rule('{ fact = "client_name"; is = "mail.example.org"; }', "reject = true"), **TRUSTED) as t:
        def answer(*begin):
            return at(t.say(message(connect="\n".join(begin))), "RCPT").split(" ")[0]
        tap.eq(answer("macro {client_resolve} OK", CONNECT), "reply", "verified")
        tap.eq(answer("macro {client_resolve} FORGED", CONNECT), "continue", "forged")
        tap.eq(answer("macro {client_resolve} OK", "connect [198.51.100.1] 198.51.100.1 4000"), "continue", "none")


def check_refused_rcpts(t):
    tap.topic("recipients that the MTA refuses itself")
    lines = t.say(CONNECT, "mail <a@b.example>", "macro {rcpt_mailer} error", "macro {rcpt_host} 5.1.1",
                  "macro {rcpt_addr} <x@example.net>: unknown", "rcpt <x@example.net>", "macro {rcpt_mailer} local",
                  "rcpt <bob@example.net>", "end", "quit")
    tap.eq(at(lines, "END"), "accept", "they do not disturb")


def check_drain():
    tap.topic("a stop in the middle of a message")
    with Talk(STAMP, **TRUSTED) as t:
        talk = subprocess.Popen([program("t/milter/mtatalk"), t.spec], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True, env=environment())

        def say(text):
            talk.stdin.write(text + "\n")
            talk.stdin.flush()
        say("\n".join([CONNECT, "helo x.example", "mail <a@b.example>", "rcpt <bob@example.net>", "data"]))
        for line in talk.stdout:
            if line.startswith("DATA"):
                break
        t.gate.process.kill(signal.SIGTERM)
        until("the daemon to stop accepting mail", lambda: at(t.say(CONNECT, "mail <a@b.example>", "drop"),
                                                              "MAIL").startswith("reply 451"))
        tap.ok(True, "new messages are answered 451")
        tap.ok(t.gate.process.alive(), "it waits for the open one")
        began = time.monotonic()
        say("\n".join(["header Subject: x", "eoh", "body x", "end"]))
        rest = talk.communicate("mail <a@b.example>\nquit\n")[0]
        tap.ok("END accept" in rest, "which is finished: " + rest.replace("\n", " / "))
        tap.eq(t.gate.process.wait(), 0, "then it ends")
        tap.diag("after %.2f s" % (time.monotonic() - began))


RULES = """rules = (
  { name = "rcpt"; when = ( { fact = "recipient"; is = "bad@example.net"; } ); then = { reject = "550 5.7.1 rcpt"; }; },
  { name = "subject"; when = ( { fact = "subject"; is = "bad"; } ); then = { reject = "550 5.7.1 subject"; }; },
  { name = "move"; when = ( { fact = "recipient"; is = "move@example.net"; } );
    then = { move = "other@example.net"; copy = "archive@example.net"; tag_subject = "[m]"; }; }
);"""

check_negotiation()
check_no_fields()
with Talk(RULES, **TRUSTED) as talk:
    check_old_mtas(talk)
    check_sequences(talk)
    check_hostile(talk)
    check_not_smtp(talk)
    check_refused_rcpts(talk)
check_names()
check_drain()
tap.done()
