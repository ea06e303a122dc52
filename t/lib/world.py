"""Everything a test of the whole needs: Redis, DNS, millgated and an MTA, each private, wired together.

	with World('greylist: { enabled = true; delay = "1s"; };') as w:
	    eq(w.send(ip="198.51.100.3").status, "451 4.7.1", "greylisted")
	    w.end()

The MTA is Postfix, or what MILLGATE_MTA names: sendmail (t/e2e/sendmail_*.py set it).
"""

import os

import sendmail
import tap
from clock import MovedRedis
from dns import Dns
from gate import Gate
from message import message
from place import Place
from postfix import Postfix
from redis_server import Redis
from sink import Sink

# An ordinary client, of which nothing is known.
CLIENT = "198.51.100.3"

SENDMAIL = os.environ.get("MILLGATE_MTA") == "sendmail"


class World(Place):
    """text, sections: millgate's configuration (Gate); settings: main.cf; refused: addresses unknown to the sink.

    moved: Redis's clock is the test's, by which greylisting goes (clock.py).
    """

    def __init__(self, text="", zone="", settings="", stock=False, refused=(), dns_port=5353, dns_ip=None, moved=False,
                 **sections):
        if os.geteuid():
            tap.skip_all("the MTA needs root")
        if SENDMAIL:
            sendmail.surroundings()
            dns_port, dns_ip = 53, sendmail.RESOLVER
        super().__init__()
        self.sink = Sink(self, refused=refused)
        self.redis = (MovedRedis if moved else Redis)(self).start()
        self.dns = Dns(self, zone, dns_port, dns_ip).start()
        # Named as the first one was; the tests that run behind both ask no more of it than both can do.
        self.postfix = self._sendmail(settings) if SENDMAIL else self._postfix(settings, stock)
        self.gate = Gate(self, self.postfix, self.redis, self.dns, text, **sections)
        self.gate.start()
        self.postfix.start()

    def _postfix(self, settings, stock):
        milters = "\n".join([
            "smtpd_milters = unix:millgate/milter.sock",
            "" if stock else "non_smtpd_milters = $smtpd_milters",
            "milter_default_action = tempfail"])
        return Postfix(self, milters + "\n" + settings, sink=self.sink, stock=stock)

    def _sendmail(self, settings):
        return sendmail.Sendmail(self, settings, sink=self.sink, dns=self.dns)

    def send(self, text=None, ip=CLIENT, **options):
        """One message from a client of its own; answers its Outcome."""
        return self.postfix.send(message() if text is None else text, ip=ip, **options)

    def connect(self, ip=CLIENT, **client):
        return self.postfix.connect(ip, **client)

    def inbox(self, user):
        return self.postfix.inbox(user)

    def configure(self, text="", **sections):
        """Another configuration, from a fresh start."""
        self.gate.check_end()
        self.gate.configure(text, **sections)
        self.gate.start()

    def end(self):
        """The check that every test ends with; then the plan."""
        self.gate.check_end()
        self.close()
        tap.done()
