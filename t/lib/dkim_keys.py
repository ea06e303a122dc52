"""DKIM keys for tests, made by `millgate dkim genkey`, and a DNS for python3-dkim that has them."""

import os
import re
import shutil

from gate import environment, program
from place import run


class Key:
    """One key: where it is, and what is published."""

    def __init__(self, place, domain, selector, algorithm="rsa", *words):
        self.domain, self.selector, self.algorithm = domain, selector, algorithm
        self.name = "%s._domainkey.%s" % (selector, domain)
        os.makedirs(place.path("keys"), exist_ok=True)
        self.path = place.path("keys", "%s.%s.pem" % (domain, selector))
        self.zone = run([program("millgate"), "dkim", "genkey", domain, selector, "--algorithm", algorithm, "--out",
                         self.path, *words], env=environment()).stdout
        # The daemon's group reads it.
        os.chmod(self.path, 0o640)
        shutil.chown(self.path, group="nogroup")

    @property
    def text(self):
        """The record's text."""
        return "".join(re.findall(r'"([^"]*)"', self.zone))

    @property
    def line(self):
        """The record as dnsd wants it."""
        return "%s TXT %s\n" % (self.name, " ".join(re.findall(r'"[^"]*"', self.zone)))

    @property
    def entry(self):
        """The beginning of its entry in dkim.sign."""
        return 'domain = "%s"; selector = "%s"; key = "%s";' % (self.domain, self.selector, self.path)

    def for_python(self):
        """As python3-dkim wants a private key: PEM, and for Ed25519 the seed in base64."""
        with open(self.path, "rb") as f:
            pem = f.read()
        if self.algorithm == "rsa":
            return pem
        import base64
        der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
        return base64.b64encode(der[-32:])


def lookup(keys):
    """What python3-dkim calls instead of a resolver."""
    records = {key.name: key.text.encode() for key in keys}

    def dnsfunc(name, timeout=5):
        return records.get((name.decode() if isinstance(name, bytes) else name).rstrip("."))
    return dnsfunc
