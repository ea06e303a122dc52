"""The private DNS server (dnsd.py), with the zone of a test."""

import os
import signal

from place import Process, Failure, until

HERE = os.path.dirname(os.path.abspath(__file__))

# What most tests need: clients with and without a name that agrees, and three lists.
#   198.51.100.0/24  ordinary clients; .9 and .10 have a name that agrees
#   203.0.113.0/24   listed ones
ZONE = """\
198.51.100.9        PTR  mail.partner.example
mail.partner.example A   198.51.100.9
198.51.100.10       PTR  mx.friend.example
mx.friend.example   A    198.51.100.10
198.51.100.66       PTR  forged.example
forged.example      A    198.51.100.67
"""


def listed(zone, ip, code="127.0.0.2"):
    """The zone's line that lists an address."""
    import ipaddress
    reverse = ipaddress.ip_address(ip).reverse_pointer.rsplit(".", 2)[0]
    return "%s.%s A %s\n" % (reverse, zone, code)


def probes(zone):
    """What RFC 5782 asks of a working list: 127.0.0.2 and ::FFFF:7F00:2 are listed."""
    return listed(zone, "127.0.0.2") + listed(zone, "::ffff:7f00:2")


class Dns:
    def __init__(self, place, zone="", port=5353, ip=None):
        self.place = place
        self.port = port
        self.ip = ip or place.ip
        self._text, self._added = zone, ""
        self.zone = place.write("dns/zone", ZONE + zone)
        self.log = place.path("dns/queries")
        self.process = None

    @property
    def server(self):
        """As millgate's dns.servers wants it."""
        return "%s@%d" % (self.ip, self.port)

    def start(self):
        ready = self._unready()
        first = self.process is None
        # No caching to speak of: tests change zones.
        self.process = Process("dnsd", [
            "/usr/bin/python3", os.path.join(HERE, "dnsd.py"), "--zone", self.zone, "--port-file", ready,
            "--log", self.log, "--port", self.port, "--address", self.ip, "--ttl", "1", "--negative-ttl", "1"],
            self.place.path("dns/out"))
        if first:
            self.place.on_close(self.stop)
        self.process.ready(lambda: os.path.exists(ready))
        return self

    def _unready(self):
        """The file that tells that the zone is read."""
        ready = self.place.path("dns/port")
        if os.path.exists(ready):
            os.unlink(ready)
        return ready

    def stop(self):
        """Dead: the port answers "unreachable"."""
        if self.process is not None:
            self.process.stop()

    def freeze(self):
        """Silent: questions arrive, nothing is answered."""
        self.process.kill(signal.SIGSTOP)

    def thaw(self):
        self.process.kill(signal.SIGCONT)

    def change(self, zone):
        """Another zone, from now on."""
        self._text = zone
        self._reload()

    def add(self, lines):
        """These lines as well, instead of those added before."""
        self._added = lines
        self._reload()

    def _reload(self):
        self.place.write("dns/zone", ZONE + self._text + self._added)
        ready = self._unready()
        self.process.kill(signal.SIGHUP)
        self.process.ready(lambda: os.path.exists(ready))
        if "dnsd.py:" in self.process.text():
            raise Failure(self.process.text())

    def queries(self):
        """The questions asked so far, "name TYPE udp"."""
        if not os.path.exists(self.log):
            return []
        with open(self.log) as f:
            return f.read().splitlines()

    def asked(self, name):
        return [q for q in self.queries() if q.split()[0] == name.lower()]

    def wait_for(self, name):
        until("a question for " + name, lambda: self.asked(name))
