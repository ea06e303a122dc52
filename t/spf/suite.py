"""The OpenSPF suite (rfc7208-tests.yml) over a DNS server of ours, through net/ and the check itself.

Each scenario has zone data of its own, so each gets a server and a helper (spf_host), and all run side by side.
"""

import concurrent.futures
import os
import subprocess
import sys
import tempfile

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from place import Failure, until  # noqa: E402

DNSD = os.path.join(HERE, "..", "lib", "dnsd.py")
HELPER = os.path.join(os.environ.get("top_builddir", "."), "t", "spf", "spf_host")
# Long enough for a loaded machine, since a time-out is a result; a scenario has up to four.
DNS_TIMEOUT_MS = 5000
TYPES = ("A", "AAAA", "MX", "PTR", "TXT")


def quoted(text):
    """A quoted string of the zone file: what is not plain, as \\DDD."""
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        raw = text.encode()
    return '"%s"' % "".join(chr(c) if chr(c).isalnum() and c < 128 else "\\%03d" % c for c in raw)


def strings(value):
    """A TXT record's strings; one without any cannot be: then it is an empty one."""
    return " ".join(quoted(s) for s in (value if isinstance(value, list) else [value]) or [""])


def records(entries):
    """[(type, data)] of a name.  SPF strings are TXT as well, unless TXT stands there too, if only as "TXT: NONE"."""
    found = []
    has_txt = any(isinstance(e, dict) and "TXT" in e for e in entries)
    for entry in entries:
        for kind, value in entry.items() if isinstance(entry, dict) else ():
            if kind == "SPF" and has_txt or value == "NONE":
                continue
            if kind in ("SPF", "TXT"):
                found.append(("TXT", strings(value)))
            elif kind == "MX":
                found.append(("MX", "%d %s" % (value[0], value[1] or ".")))
            else:
                found.append((kind, value or "."))
    return found


def zone(data):
    """The suite's zone data as dnsd.py reads it."""
    lines = []
    for name, entries in data.items():
        found = records(entries)
        lines += ["%s %s %s" % (quoted(name), kind, value) for kind, value in found]
        if "TIMEOUT" in entries:
            lines += ["%s %s TIMEOUT" % (quoted(name), kind) for kind in TYPES if kind not in dict(found)]
    return "\n".join(lines) + "\n"


class Case:
    def __init__(self, scenario, name, test):
        self.scenario = scenario
        self.name = name
        self.line = "%s\t%s\t%s" % (test["host"], test["helo"], test["mailfrom"])
        self.want = test["result"] if isinstance(test["result"], list) else [test["result"]]
        self.got = None

    @property
    def right(self):
        return self.got in self.want


def start_dns(directory, text):
    """A server for the zone; answers the process, and the server as net/ wants it."""
    with open(os.path.join(directory, "zone"), "w") as f:
        f.write(text)
    port = os.path.join(directory, "port")
    child = subprocess.Popen(["/usr/bin/python3", DNSD, "--zone", os.path.join(directory, "zone"), "--port-file", port,
                              "--log", os.path.join(directory, "log")])

    def listening():
        if child.poll() is not None:
            raise Failure("dnsd.py ended with %d" % child.returncode)
        return os.path.exists(port)
    until("dnsd.py to listen", listening)
    with open(port) as f:
        return child, "127.0.0.1@" + f.read().strip()


def run_scenario(cases, text, *engine):
    with tempfile.TemporaryDirectory() as directory:
        dns, server = start_dns(directory, text)
        try:
            done = subprocess.run([HELPER, server, str(DNS_TIMEOUT_MS), *engine], text=True, stdout=subprocess.PIPE,
                                  input="".join(c.line + "\n" for c in cases), timeout=300)
        finally:
            dns.terminate()
            dns.wait()
    answers = done.stdout.splitlines()
    if done.returncode or len(answers) != len(cases):
        raise Failure("spf_host ended with %d after %d of %d answers: %s"
                      % (done.returncode, len(answers), len(cases), answers[-1:]))
    for case, answer in zip(cases, answers):
        case.got = answer.split("\t")[0]


def run(path, *engine):
    """Every case of the suite, with what it got.  engine: words for spf_host; without any, our evaluator."""
    with open(path, encoding="utf-8") as f:
        scenarios = [s for s in yaml.safe_load_all(f) if s]
    everything = []
    with concurrent.futures.ThreadPoolExecutor(len(scenarios)) as pool:
        running = []
        for s in scenarios:
            cases = [Case(s["description"], name, test) for name, test in s["tests"].items()]
            everything += cases
            running.append(pool.submit(run_scenario, cases, zone(s["zonedata"]), *engine))
        for r in running:
            r.result()
    return everything
