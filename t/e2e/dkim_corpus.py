#!/usr/bin/python3
"""Other people's signed messages through a real Postfix: what our Authentication-Results says of each.

MILLGATE_CORPORA names the directory that has dkim/expect.tsv, dkim/mail-dkim/ and dkim/rfc8463.eml; without it there is
nothing to run.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from message import header  # noqa: E402
from smtp import sent  # noqa: E402
from world import World  # noqa: E402

# What the corpus calls invalid is, in the words of RFC 8601, one of these.
INVALID = ("policy", "neutral", "permerror", "temperror")

# The corpus is of 2007, when rsa-sha1 and keys of 512 bits were good: the signatures of these messages are right, and
# still none to believe.
SHA1 = ("policy", "RFC 8301, section 3.1: \"rsa-sha1 MUST NOT be used for signing or verifying.\"")
DEVIATIONS = {name: SHA1 for name in (
    "good_rfc4871_3.txt", "good_rfc4871_4.txt", "good_1878523.txt", "good_83176.txt", "multiple_2.txt", "good_qp_1.txt",
    "good_qp_2.txt", "good_qp_3.txt", "goodkey_1.txt", "goodkey_2.txt", "goodkey_3.txt", "goodkey_4.txt")}

# The best one speaks for the message.
ORDER = ("pass", "temperror", "policy", "fail", "neutral", "permerror", "none")


def quoted(text):
    """A TXT record of strings of at most 255 bytes."""
    pieces = [text[i:i + 255] for i in range(0, len(text), 255)] or [""]
    return " ".join('"%s"' % piece.replace("\\", "\\\\").replace('"', '\\"') for piece in pieces)


def zone_line(line):
    """A line of FAKE_DNS.dat, or of RFC 8463's keys, as dnsd has it."""
    name, _, text = line.strip().partition(" ")
    text = text.strip()
    if text == "NXDOMAIN" or not name or name.startswith("#"):
        return ""
    if text.startswith("~~"):
        return "%s * %s\n" % (name, "SERVFAIL" if "SERVFAIL" in text else "TIMEOUT")
    return "%s TXT %s\n" % (name, quoted("" if text == '""' else text))


def read(path):
    with open(path, "rb") as f:
        return f.read()


def results(value):
    """[(result, reason)] of the signatures."""
    found = []
    for part in re.split(rb";\s*", value)[1:]:
        match = re.match(rb'dkim=(\w+)(?:.*?reason="([^"]*)")?', part, re.S)
        if match:
            found.append(tuple((g or b"").decode() for g in match.groups()))
    return found


def ask(world, path):
    """What we say of one message."""
    world.postfix.empty()
    sent(world.send(read(path)))
    fields = header(world.inbox("bob")[0], "Authentication-Results")
    ours = [f for f in fields if f.startswith(b"mx.example.net")]
    return results(ours[0]) if ours else []


def check(world, directory, name, expected):
    found = ask(world, os.path.join(directory, name))
    best = min((r for r, _ in found), key=ORDER.index) if found else "none"
    base = os.path.basename(name)
    if base in DEVIATIONS:
        want, why = DEVIATIONS[base]
        good = tap.ok(best == want, "%s: %s, not %s: %s" % (base, best, expected, why))
    else:
        good = tap.ok(best in (INVALID if expected == "invalid" else (expected,)), "%s: %s" % (base, expected))
    if not good:
        tap.diag("got %s" % found)


def main():
    corpora = os.environ.get("MILLGATE_CORPORA")
    if not corpora:
        tap.skip_all("MILLGATE_CORPORA is not set")
    directory = os.path.join(corpora, "dkim")
    zone = "".join(zone_line(line) for name in ("mail-dkim/FAKE_DNS.dat", "rfc8463.keys.txt")
                   for line in read(os.path.join(directory, name)).decode().splitlines())
    with World("dkim: { verify = true; };", zone=zone) as world:
        tap.topic("RFC 8463, appendix A")
        tap.eq([r for r, _ in ask(world, os.path.join(directory, "rfc8463.eml"))], ["pass", "pass"],
               "Ed25519 and RSA, side by side")
        tap.topic("the corpus of Mail::DKIM")
        for line in read(os.path.join(directory, "expect.tsv")).decode().splitlines()[1:]:
            check(world, directory, *line.split("\t"))
        world.end()


main()
