#!/usr/bin/python3
"""Runs the miltertest scripts: an MTA side that others wrote.

Each script begins with its configuration, in a comment, and prints TAP by lib.lua.
"""

import glob
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from talk import Talk, environment, run, tap  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def configuration(path):
    with open(path, encoding="utf-8") as f:
        return re.match(r"--\[==\[ millgate\.conf\n(.*?)\]==\]", f.read(), re.S).group(1)


def check_script(path):
    name = os.path.basename(path)
    with Talk(configuration(path), trusted_networks='( "203.0.113.0/24" )') as t:
        with open(os.path.join(HERE, "lib.lua"), encoding="utf-8") as lib, open(path, encoding="utf-8") as own:
            script = t.place.write(name, lib.read() + own.read())
        done = run(["miltertest", "-D", "socket=" + t.spec, "-s", script], check=False, env=environment())
        results = re.findall(r"^(ok|not ok) \d+ - (.*)$", done.stdout, re.M)
        for result, what in results:
            tap.ok(result == "ok", "%s: %s" % (name, what))
        if not tap.ok(done.returncode == 0 and results, "%s: came to its end" % name):
            tap.diag(done.stdout + done.stderr)


if not shutil.which("miltertest"):
    tap.ok(False, "miltertest is installed (Debian: apt-get install miltertest)")
    tap.done()
for lua in sorted(glob.glob(os.path.join(HERE, "*.lua"))):
    if os.path.basename(lua) != "lib.lua":
        tap.topic(os.path.basename(lua))
        check_script(lua)
tap.done()
