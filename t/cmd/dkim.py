#!/usr/bin/python3
"""millgate dkim: new keys, and published ones compared; and what `millgate check` says of entries."""

import json
import os
import re
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from dns import Dns
from gate import environment, program
from place import Place, run
from tap import done, eq, like, ok, topic

CONF = """\
user = "nobody"; group = "nogroup"; hostname = "mx.example.net";
redis: { server = ""; };
dns: { servers = ( "%s" ); timeout = "1s"; };
%s
"""
NAME = "s2026._domainkey.example.net"


class Command:
    def __init__(self, place):
        self.place = place
        self.conf = None

    def configure(self, dns, text=""):
        self.conf = self.place.write("m.conf", CONF % (dns.server, text))

    def __call__(self, *words):
        words = list(words) + (["-c", self.conf] if self.conf else [])
        return run([program("millgate"), *words], check=False, env=environment())


def strings(text):
    return re.findall(r'"([^"]*)"', text)


def check_genkey(place, millgate):
    topic("genkey")
    path = place.path("rsa.pem")
    made = millgate("dkim", "genkey", "example.net", "s2026", "--out", path)
    eq(made.returncode, 0, "a key is made")
    eq(stat.S_IMODE(os.stat(path).st_mode), 0o600, "that nobody else can read")
    like(made.stdout, r"^s2026\._domainkey\.example\.net\. IN TXT \(\n\t\"v=DKIM1; k=rsa; p=", "its record, for a zone file")
    ok(len(strings(made.stdout)) == 2 and len(strings(made.stdout)[0]) == 255, "in strings of at most 255 bytes")
    with open(path) as f:
        before = f.read()
    again = millgate("dkim", "genkey", "example.net", "s2026", "--out", path)
    ok(again.returncode == 1 and "exists" in again.stderr and not again.stdout, "a key that is there stays: " + again.stderr.strip())
    with open(path) as f:
        eq(f.read(), before, "as it is")
    ed = millgate("dkim", "genkey", "--algorithm", "ed25519", "example.net", "e2026", "--out", place.path("ed.pem"), "--json")
    like(json.loads(ed.stdout)["record"], r"k=ed25519; p=[A-Za-z0-9+/]{43}=\"", "Ed25519, as JSON")
    for wrong, status in ((["example.net"], 2), (["example.net", "s", "x"], 2), (["example.net", "s", "--bits", "512"], 1),
                          (["example.net", "s", "--bits", "2048x"], 1), (["example.net", "s", "--algorithm", "dsa"], 1),
                          (["example.net", "a b"], 1), (["example..net", "s"], 1), (["example.net", "s", "--foo", "x"], 2),
                          (["example.net", "s", "--algorithm", "ed25519", "--bits", "2048"], 1)):
        refused = millgate("dkim", "genkey", *wrong, *(["--out", place.path("wrong.pem")] if len(wrong) > 1 else []))
        ok(refused.returncode == status and refused.stderr, "refused: " + " ".join(wrong))
    ok(not os.path.exists(place.path("wrong.pem")), "and nothing is made")
    return path, strings(made.stdout)


def check_check(dns, millgate, path, record):
    topic("check")
    other = strings(millgate("dkim", "genkey", "example.net", "s2026", "--out", path + ".other").stdout)

    def published(*texts):
        dns.change("".join("%s TXT %s\n" % (NAME, " ".join('"%s"' % s for s in text)) for text in texts))
        # The resolver is asked anew by every command.
        return millgate("dkim", "check", "example.net", "s2026", "--key", path)

    fits = published(record)
    ok(fits.returncode == 0 and "it fits the key" in fits.stdout and "v=DKIM1" in fits.stdout, "what is published fits")
    cases = {
        "another key": ([other], r"is not that of the file"),
        "two records": ([record, other], r"2 TXT records"),
        "a revoked key": ([["v=DKIM1; p="]], r"revokes"),
        "another algorithm": ([["v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]], r"is for ed25519"),
        "a broken record": ([["v=DKIM1; p"]], r"cannot read the record"),
        "a broken key": ([["v=DKIM1; p=Zm9v"]], r"cannot be decoded"),
        "other hashes": ([["h=sha1; " + record[0].replace("v=DKIM1; ", "")] + record[1:]], r"does not allow sha256"),
        "other services": ([["s=web; " + record[0].replace("v=DKIM1; ", "")] + record[1:]], r"not for mail"),
    }
    for name, (texts, says) in cases.items():
        found = published(*texts)
        ok(found.returncode == 1 and re.search(says, found.stderr), "%s: %s" % (name, found.stderr.strip()))
    testing = published(["t=y; " + record[0].replace("v=DKIM1; ", "")] + record[1:])
    ok(testing.returncode == 0 and "t=y" in testing.stderr, "a key that is tested: a warning")
    dns.change("")
    nothing = millgate("dkim", "check", "example.net", "s2026", "--key", path)
    ok(nothing.returncode == 1 and "does not exist" in nothing.stderr, "nothing published: " + nothing.stderr.strip())
    dns.change("%s * SERVFAIL\n" % NAME)
    failed = millgate("dkim", "check", "example.net", "s2026", "--key", path, "--json")
    eq((failed.returncode, json.loads(failed.stdout)["errors"]), (1, 1), "DNS away, as JSON")
    dns.change("%s TXT %s\n" % (NAME, " ".join('"%s"' % s for s in record)))
    unknown = millgate("dkim", "check", "example.net", "s2026")
    ok(unknown.returncode == 1 and "has no entry" in unknown.stderr, "no entry, no key: " + unknown.stderr.strip())


def check_entries(place, dns, millgate, path):
    topic("the configuration")
    os.chmod(path, 0o640)
    entry = 'dkim: { sign = (\n{ domain = "example.net"; selector = "s2026"; key = "%s"; }\n); };'
    if os.geteuid() == 0:
        os.chown(path, 0, 65534)
    millgate.configure(dns, entry % path)
    fine = millgate("check")
    ok(fine.returncode == 0 and not fine.stderr, "a good entry: " + fine.stderr)
    ok(millgate("dkim", "check", "example.net", "s2026").returncode == 0, "dkim check finds its key there")
    millgate.configure(dns, entry % os.path.basename(path))
    ok(millgate("check").returncode == 0, "a path is taken from the configuration's folder")
    os.chmod(path, 0o644)
    loose = millgate("check")
    like(loose.stderr, r"m\.conf:5: .*open to everybody", "a key that everybody can read")
    millgate.configure(dns, entry % "/nowhere.pem")
    like(millgate("check").stderr, r"m\.conf:5: .*/nowhere\.pem.*No such file.*nobody", "a key that is not there")
    millgate.configure(dns, 'dkim: { sender_login = ( "alice", "a@b.example: x" );\nsign = ( { selektor = "x"; } ); };')
    bad = millgate("check").stderr
    like(bad, r"m\.conf:5: .*selektor.*selector", "a typo")
    like(bad, r"m\.conf:4: .*sender_login.*address", "a line of sender_login")


def main():
    with Place() as place:
        dns = Dns(place).start()
        millgate = Command(place)
        path, record = check_genkey(place, millgate)
        millgate.configure(dns)
        check_check(dns, millgate, path, record)
        check_entries(place, dns, millgate, path)
        place.close()
        done()


main()
