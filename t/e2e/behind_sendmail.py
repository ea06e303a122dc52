#!/usr/bin/python3
"""The end-to-end tests, behind a real sendmail: each in a process of its own, a few at a time."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../lib")
import sendmail
import tap

# The longest first.
TESTS = ["dkim_sign", "dns_away", "redis_away", "greylist", "load", "spf", "dkim_corpus", "limits_rates", "stop", "dnsbl", "fcrdns",
         "greylist_met", "limits_hold", "limits", "auth_results", "hostile", "combine",
         "actors", "reload", "subjects", "lists", "rules", "mixed", "journal"]
AT_A_TIME = 4


def play(name):
    """One test's output, and whether it ended well."""
    done = subprocess.run([sys.executable, "-B", os.path.join(HERE, name + ".py")], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          env={**os.environ, "MILLGATE_MTA": "sendmail"})
    return done.stdout, done.returncode


def report(name, text, status):
    """Its checks, as ours."""
    tap.topic(name)
    plan = re.search(r"(?m)^1\.\.(\d+)", text)
    count = 0
    for line in text.splitlines():
        check = re.match(r"(not )?ok \d+ - (.*)", line)
        if check:
            count += 1
            tap.ok(not check.group(1), "%s: %s" % (name, check.group(2)))
        elif not line.startswith("1.."):
            tap.diag(line.lstrip("# "))
    if text.startswith("1..0 # SKIP"):
        tap.skip("%s: %s" % (name, text.splitlines()[0].partition("SKIP ")[2]))
    elif not plan or int(plan.group(1)) != count or (status and "not ok" not in text):
        tap.ok(False, "%s: all of it was run (exit %d, %d checks)" % (name, status, count))


def main():
    sendmail.required()
    # Third-party data, which not everybody has.
    tests = [t for t in TESTS if os.environ.get("MILLGATE_CORPORA") or not t.endswith("_corpus")]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for name, (text, status) in zip(tests, pool.map(play, tests)):
            report(name, text, status)
    tap.done()


main()
