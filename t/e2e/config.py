#!/usr/bin/python3
"""A configuration with mistakes: all of them in one run, each with its line; the daemon refuses to start."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from gate import environment, program
from place import run
from tap import eq, like, ok, topic
from world import World

MISTAKES = """
greylist: { enabled = true;
	dealy = "10s"; };
limits: { message_size = "lots"; };
dnsbl: { reject_at = "five"; lists = ( { zone = "bl.example"; weight = 5; } ); };
rules = (
	{ name = "one"; when = ( { fact = "subjct"; contains = "x"; } ); then = { accept = true; }; },
	{ name = "two"; when = ( { fact = "subject"; matches = "(unclosed"; } ); then = { accept = true; }; }
);
"""
# What each error must say, and a text of its line.
WANTED = (
    ("dealy", r"dealy.*\bdelay\b"),
    ("message_size", r"message_size|lots"),
    ("reject_at", r"reject_at|five"),
    ("subjct", r"subjct.*\bsubject\b"),
    ("unclosed", r"unclosed|parenthesis"),
)

with World("") as w:
    topic("five mistakes")
    w.gate.configure(MISTAKES)
    checked = w.gate.command("check")
    eq(checked.returncode, 1, "millgate check exits 1")
    errors = [line for line in (checked.stdout + checked.stderr).splitlines() if re.search(r"millgate\.conf:\d+", line)]
    eq(len(errors), len(WANTED), "prints five errors: %s" % errors)
    for text, pattern in WANTED:
        number = w.gate.lineno(text)
        found = [e for e in errors if re.search(r"millgate\.conf:%d\b" % number, e)]
        like(" ".join(found), pattern, "line %d: %s" % (number, text))
    refused = run([program("millgated"), "-f", "-c", w.gate.config], check=False, env=environment())
    ok(refused.returncode not in (0, None), "millgated refuses to start")
    eq(len(re.findall(r"millgate\.conf:\d+", refused.stdout + refused.stderr)), len(WANTED), "with the same errors")

    topic("syntax")
    w.gate.configure('greylist: { delay = 10s; };')
    checked = w.gate.command("check")
    eq(checked.returncode, 1, "an unquoted duration")
    like(checked.stdout + checked.stderr, r'millgate\.conf:%d\b.*"' % w.gate.lineno("delay = 10s"), "line and likely cause")
    w.gate.configure('local = ( "x@a.example" "y@b.example" );')
    like(w.gate.command("check").stdout + w.gate.command("check").stderr, r"comma", "a missing comma is found")

    topic("files")
    w.gate.configure('deny: { clients = ( "file:%s" ); };' % w.path("nowhere"))
    checked = w.gate.command("check")
    eq(checked.returncode, 1, "a list's file that is not there")
    like(checked.stdout + checked.stderr, "nowhere", "is named")
    w.write("rules.d/10-more.conf", 'rules = ( { name = "more"; match = "always"; then = { frobnicate = true; }; } );\n')
    w.gate.configure("")
    checked = w.gate.command("check")
    eq(checked.returncode, 1, "a mistake in rules.d")
    like(checked.stdout + checked.stderr, r"10-more\.conf:1\b.*frobnicate", "is shown with its file")
    w.write("rules.d/10-more.conf", 'rules = ( { name = "more"; match = "always"; then = { add_header = "X-More: 1"; }; } );\n')
    w.write("sub/inner.conf", 'deny: { clients = ( "192.0.2.300" ); };\n')
    w.gate.configure('@include "sub/inner.conf"')
    checked = w.gate.command("check")
    eq(checked.returncode, 1, "a mistake in an included file")
    like(checked.stdout + checked.stderr, r"inner\.conf:1\b.*192\.0\.2\.300", "is shown with its file")

    topic("a good one")
    w.gate.configure('rules = ( { name = "Правило"; when = ( { fact = "subject"; contains = "x"; } ); '
                     'then = { accept = true; }; } );\ngreylist: { enabled = true; };')
    checked = w.gate.command("check")
    eq(checked.returncode, 0, "millgate check exits 0: %s" % (checked.stdout + checked.stderr).strip())
    rules = w.gate.command("rules")
    eq(rules.returncode, 0, "millgate rules exits 0")
    like(rules.stdout, "Правило", "lists the administrator's rules")
    like(rules.stdout, r"millgate\.conf:%d" % w.gate.lineno("Правило"), "with their place")
    like(rules.stdout, r"10-more\.conf:1", "those of rules.d too")
    like(rules.stdout, "greylist", "and the built-in ones")
    import json
    data = w.gate.command("rules", "--json")
    ok(data.returncode == 0 and json.loads(data.stdout), "and as JSON")

    w.end()
