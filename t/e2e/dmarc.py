#!/usr/bin/python3
"""DMARC (RFC 9989), through the milter with a real DNS server: discovery, policy, alignment, spoofed From fields."""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../milter")
from talk import Talk, at, tap  # noqa: E402
from dns import Dns  # noqa: E402

EVIL, OTHER = "198.51.100.1", "198.51.100.2"  # .1 may send for evil.example and all of its kind; nobody vouches for .2

ZONE = """\
evil.example         TXT "v=spf1 ip4:198.51.100.1 -all"
_dmarc.evil.example  TXT "v=DMARC1; p=reject"
bank.example         A   192.0.2.80
bank.example         TXT "v=spf1 ip4:198.51.100.9 -all"
_dmarc.bank.example  TXT "v=DMARC1; p=reject"
"""


class Mail(Talk):
    """A daemon that checks DMARC against a zone."""

    def __init__(self, zone, settings="", more="", **sections):
        super().__init__()
        self.dns = Dns(self.place, ZONE + zone).start()
        self.sections["dns"] = '{ servers = ( "%s" ); timeout = "2s"; }' % self.dns.server
        self.sections.update(sections)
        self.gate.configure("dmarc: { %s };\n%s" % (settings, more), **self.sections)

    def send(self, *fields, sender="x@evil.example", ip=EVIL, helo="mail.evil.example"):
        """One message with these header fields; those without a name are From."""
        fields = [f if re.match(r"(From|Subject|To|DKIM-Signature)\s*:", f, re.I) else "From: " + f for f in fields]
        return self.say("macro {client_resolve} FAIL", "connect [%s] %s 4000" % (ip, ip), "helo " + helo,
                        "mail <%s>" % sender, "rcpt <bob@example.net>", "data", *("header " + f for f in fields), "eoh",
                        "body x", "end", "quit")

    def result(self, *fields, **options):
        """What became of it: the result and domain in Authentication-Results, and the verdict."""
        lines = self.send(*fields, **options)
        end = at(lines, "END")
        found = re.search(r"dmarc=(\w+)(?: \(([^)]*)\))?(?: header\.from=(\S+))?", end)
        if "reply" in end:
            return end.split("reply ")[1][:9]
        return found.group(1) if found else "no result: " + end
