"""Who sends in the simulation of greylisting: the kinds of senders, how many of each, and when each one tries.

A party is one sender and one recipient of ours that know nothing of each other's servers yet: a first contact.  It has a
list of attempts, each with its time, client and sender.  A kind's function makes one party; its number among its kind
decides what domain and which servers it has, the seed everything else.
"""

import random

DAY, HOUR, MINUTE = 86400, 3600, 60
DAYS = 20  # that are played
USERS = ["user%d@example.net" % n for n in range(200)]
PROVER_DAYS = 5  # greylist.known_after

# When MTAs come again, in minutes after the first attempt: what they do by default, give or take a tenth.
SCHEDULES = {
    "postfix": (5, 10, 20, 40, 80),
    "exim": (15, 30, 45, 60, 120),
    "sendmail": (15, 30, 45, 60, 75),
    "qmail": (6.7, 26.7, 60, 106.7),
    "exchange": (5, 10, 15, 20, 25),
    "pool": (2.5, 5, 15, 30, 60),
    "slow": (60, 120, 180, 240),
}


class Attempt:
    def __init__(self, time, ip, sender, name="unknown", helo=None, message=0):
        self.time, self.ip, self.sender, self.name = time, ip, sender, name
        self.helo = helo or (name if name != "unknown" else "localhost.localdomain")
        self.message = message  # which of the party's messages: once one is accepted, it is not tried again


class Party:
    """writes: (time, recipient) of our user's own mail before; at_once: it must never be delayed."""

    def __init__(self, kind, recipient, attempts, good=True, writes=None, at_once=False):
        self.kind, self.recipient, self.attempts = kind, recipient, attempts
        self.good, self.writes, self.at_once = good, writes, at_once
        self.accepted, self.deferrals = set(), 0


class Mix:
    """The world's DNS, and its parties."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.zone = []
        self._known = set()
        self._networks = 0

    # ---- Pieces ----

    def dns(self, name, kind, text):
        line = "%s %s %s" % (name, kind, text)
        if line not in self._known:
            self._known.add(line)
            self.zone.append(line)

    def spf(self, domain, text):
        self.dns(domain, "TXT", '"v=spf1 %s"' % text)

    def when(self, day=None):
        """During working hours."""
        return (self.random.randrange(DAYS - 2) if day is None else day) * DAY + self.random.uniform(8, 17) * HOUR

    def user(self):
        return self.random.choice(USERS)

    def retries(self, first, schedule):
        return [first] + [first + m * MINUTE * self.random.uniform(0.9, 1.1) for m in SCHEDULES[schedule]]

    def mta(self):
        return self.random.choice(("postfix", "postfix", "exim", "exim", "sendmail", "qmail", "exchange", "slow"))

    def word(self):
        return "".join(self.random.choice("bcdfghklmnprstvz") + self.random.choice("aeiou") for _ in range(3))

    def server(self, n):
        """An address of the n-th server: no two in one network."""
        return "%d.%d.%d.%d" % (20 + n // 65536, n // 256 % 256, n % 256, 10 + n % 90)

    def line(self):
        """A customer's line somewhere in the world, as bots have them, and its provider's name for it."""
        ip = "%d.%d.%d.%d" % tuple(self.random.randrange(a, b) for a, b in ((60, 100), (0, 256), (0, 256), (1, 255)))
        forms = ("host-%s.dyn", "%s.pool", "cpe-%s", "ip%s.dsl", "ppp%s")
        return ip, (self.random.choice(forms) % ip.replace(".", "-")) + ".provider.example"

    def single(self, kind, sender, ip, name="unknown", recipient=None, time=None, **options):
        """One message of one server, which comes again as its MTA does."""
        times = self.retries(self.when() if time is None else time, self.mta())
        return Party(kind, recipient or self.user(), [Attempt(t, ip, sender, name) for t in times], **options)

    def more(self, party):
        """Some days later it writes again."""
        first = party.attempts[0]
        days = self.random.randint(1, 10)
        if first.time < (DAYS - 1 - days) * DAY:
            party.attempts.append(Attempt(first.time + days * DAY, first.ip, first.sender, first.name, message=1))
        return party

    # ---- Good ones ----

    def pool(self, n):
        """A big provider: each attempt from another of its networks, SPF for all of them."""
        domain = "pool%d.example" % (n % 12)
        networks = ["%d.%d" % (120 + n % 12, k) for k in range(0, 240, 6)]
        self.spf(domain, "include:_spf.%s -all" % domain)
        self.spf("_spf." + domain, " ".join("ip4:%s.0.0/20" % net for net in networks) + " -all")
        attempts = []
        sender = "%s.%s@%s" % (self.word(), self.word(), domain)
        for t in self.retries(self.when(), "pool"):
            net = self.random.choice(networks)
            host = self.random.randrange(16)
            attempts.append(Attempt(t, "%s.%d.%d" % (net, host, 1 + host), sender, "out%d.%s" % (host, domain)))
        return Party("pool", self.user(), attempts)

    def pool_named(self, n):
        """One without SPF, whose hosts have names of their own in one domain."""
        domain = "relay%d.example" % (n % 5)
        sender, attempts = "%s@%s" % (self.word(), domain), []
        for t in self.retries(self.when(), "pool"):
            k = self.random.randrange(200)
            name = self.random.choice(("mail-ed1-f%d", "mx%d.out", "o%d.ptr", "a8-%d.smtp-out")) % k
            attempts.append(Attempt(t, "%d.%d.5.%d" % (140 + n % 5, k, 1 + k % 200), sender, "%s.%s" % (name, domain)))
        return Party("pool, names alone", self.user(), attempts)

    def small_both(self, n):
        domain, ip = "both%d.example" % n, self.server(n)
        if n % 4 == 0:
            ip = "2001:db8:%x::25" % n
        self.spf(domain, "%s:%s -all" % ("ip6" if ":" in ip else "ip4", ip))
        return self.more(self.single("small, SPF and name", self.word() + "@" + domain, ip, "mail." + domain))

    def small_name(self, n):
        domain = "name%d.example" % n
        return self.more(self.single("small, name alone", self.word() + "@" + domain, self.server(20000 + n),
                                     "mx1." + domain))

    def small_spf(self, n):
        domain = "spf%d.example" % n
        self.spf(domain, "ip4:%s ~all" % self.server(30000 + n))
        return self.single("small, SPF alone", self.word() + "@" + domain, self.server(30000 + n))

    def small_bare(self, n):
        return self.more(self.single("small, neither", self.word() + "@bare%d.example" % n, self.server(40000 + n)))

    def verp(self, n, issue, user):
        """As newsletters' makers do it, each in his way."""
        def letters(count, alphabet):
            return "".join(self.random.choice(alphabet) for _ in range(count))
        local, digit, hexa = user.replace("@", "="), "0123456789", "0123456789abcdef"
        return (
            lambda: "bounce-%d-%d-%s" % (n, 1000 + issue * 77, local),
            lambda: "bounces+%s-%s-%s" % (n, letters(4, hexa), local),
            lambda: "010201%s-%s-%s-%s-%s-%s-000000" % tuple(letters(k, hexa) for k in (10, 8, 4, 4, 4, 12)),
            lambda: "bounce-mc.us%d_%s.%s-%s" % (n % 20, letters(8, digit), letters(6, digit), letters(10, hexa)),
            lambda: "msprvs1=%s=bounces-%d-%d" % (letters(13, "abcdefghijklmnopqrstuvwxyz0123456789"), n, issue),
            lambda: local,
            lambda: "prvs=%s%s=news" % (letters(4, digit), letters(6, hexa)),
            lambda: "news-return-%d-%s" % (50 + issue, local),
            lambda: "v-%s_%s_%s_%s" % (letters(9, digit), letters(2, digit), letters(7, digit), letters(9, digit)),
        )[n % 9]()

    def newsletter(self, n):
        """Three issues on three days, each from an address of its own that names the recipient and a number."""
        domain = "news%d.example" % (n % 20)
        ip = self.server(50000 + n % 20)
        self.spf(domain, "ip4:%s/28 -all" % ip)
        user, attempts = USERS[n // 20 % len(USERS)], []
        first = self.when()
        for issue in range(3):
            sender = self.verp(n, issue, user) + "@" + domain
            for t in self.retries(first + issue * DAY, "postfix"):
                attempts.append(Attempt(t, ip, sender, "mta." + domain, message=issue))
        return Party("newsletter (VERP)", user, attempts)

    def code(self, n):
        """Our user writes to a shop; its one-time code comes from elsewhere in its domain, under a new address."""
        domain = "shop%d.example" % n
        ip = self.server(60000 + n)
        self.spf("mail." + domain, "ip4:%s -all" % ip)
        user, t = self.user(), self.when()
        sender = "otp-%x@mail.%s" % (self.random.getrandbits(48), domain)
        return self.single("one-time code", sender, ip, recipient=user, time=t, at_once=True,
                           writes=(t - self.random.uniform(2, 90) * MINUTE, "support@" + domain))

    def reply(self, n):
        """Our user writes to somebody, who answers from wherever; a third of them by a freemail provider."""
        user, t, local = self.user(), self.when(), self.word() + str(n)
        if n % 3 == 0:
            domain, ip = "free%d.example" % (n % 4), self.server(70000 + n % 4)
            self.spf(domain, "ip4:%s/24 ~all" % ip)
            name = "out." + domain
        else:
            domain, ip, name = "friend%d.example" % n, self.server(71000 + n), "unknown"
        address = "%s@%s" % (local, domain)
        return self.single("reply", address, ip, name, recipient=user, time=t, at_once=True,
                           writes=(t - self.random.uniform(2, 2000) * MINUTE, address))

    def mailing_list(self, n):
        domain = "lists%d.example" % (n % 8)
        user, attempts = USERS[n // 8 % len(USERS)], []
        first = self.when()
        for message in range(3):
            for t in self.retries(first + message * 7 * HOUR, "postfix"):
                attempts.append(Attempt(t, self.server(80000 + n % 8), "dev-bounces+%s=example.net@%s" %
                                        (user.split("@")[0], domain), "lists." + domain, message=message))
        return Party("mailing list", user, attempts)

    def office(self, n):
        """An organisation that writes on many days: from the sixth on it is known, whoever of it writes to whom."""
        which, turn = n % self.offices, n // self.offices
        domain, ip = "office%d.example" % which, self.server(90000 + which)
        self.spf(domain, "ip4:%s -all" % ip)
        proving = turn < PROVER_DAYS
        day = turn if proving else self.random.randrange(PROVER_DAYS + 1, DAYS - 1)
        sender = "%s.%s@%s" % (self.word(), "abcdefghijklmnopqrstuvwxyz"[turn % 26], domain)
        return self.single("proves itself" if proving else "known client", sender, ip, "mx." + domain,
                           time=self.when(day), at_once=not proving)

    def forwarder(self, n):
        """Two messages of one author on two days; the forwarder's signature in the address changes."""
        domain = "forward%d.example" % (n % 6)
        author = "%s=author%d.example=%s" % ("%s", n, self.word())
        attempts, first = [], self.when()
        for message in range(2):
            signed = "SRS0=%s=%s" % (self.word()[:4], "AB"[message] + "C")
            for t in self.retries(first + message * DAY, "postfix"):
                attempts.append(Attempt(t, self.server(95000 + n % 6), "%s@%s" % (author % signed, domain), "mx." + domain,
                                        message=message))
        return Party("forwarder (SRS)", self.user(), attempts)

    def bounce(self, n):
        return self.single("bounce", "", self.server(96000 + n), "mta%d.bounces%d.example" % (n % 3, n))

    # ---- Bots ----

    def forged(self):
        return "%s%d@%s" % (self.word(), self.random.randrange(100), self.random.choice(
            ("victim.example", "bank.example", "pool3.example", "both7.example")))

    def bot(self, kind, spaces, sender=None, user=None, lines=1, named=True):
        """Attempts so many seconds apart, by turns from as many lines."""
        sender = self.forged() if sender is None else sender
        t, attempts = self.when(), []
        bots = [self.line() for _ in range(lines)]
        for n, space in enumerate((0,) + tuple(spaces)):
            t += space
            ip, name = bots[n % lines]
            attempts.append(Attempt(t, ip, sender, name if named and self.random.random() < 0.7 else "unknown"))
        if not named:
            for a in attempts:
                a.name, a.helo = "unknown", "localhost.localdomain"
        return Party(kind, user or self.user(), attempts, good=False)

    def bot_never(self, _n):
        return self.bot("bot: never again", ())

    def bot_at_once(self, _n):
        spaces = [self.random.uniform(0.5, 1.5) for _ in range(self.random.randint(1, 4))]
        party = self.bot("bot: again at once", spaces)
        party.attempts[1:] = [Attempt(a.time, party.attempts[0].ip, a.sender, party.attempts[0].name)
                              for a in party.attempts[1:]]
        return party

    def bot_swarm(self, _n):
        """The same letter by other bots, at once and for an hour."""
        lines = self.random.randint(3, 8)
        return self.bot("bot: others again", [self.random.uniform(0.5, 600) for _ in range(lines - 1)], lines=lines)

    def bot_early(self, _n):
        """Comes again after the plain delay, but within the longer one of a client without a name."""
        return self.bot("bot: again too early", [self.random.uniform(12, 50), self.random.uniform(12, 50)], named=False)

    def bot_listed(self, _n):
        """The same for one that a DNS list has."""
        party = self.bot("bot: listed, too early", [self.random.uniform(100, 250), self.random.uniform(100, 250)])
        reverse = ".".join(reversed(party.attempts[0].ip.split(".")))
        self.dns("%s.bl.test" % reverse, "A", "127.0.0.2")
        return party

    def bot_freemail(self, n):
        """A freemail domain that many of our users have written to, from lines of one provider."""
        lines = self.random.randint(1, 4)
        party = self.bot("bot: forges freemail", [self.random.uniform(0.5, 300) for _ in range(lines - 1)], lines=lines,
                         sender="%s@free%d.example" % (self.word(), n % 4))
        t = party.attempts[0].time
        party.writes = (t - self.random.uniform(10, 900) * MINUTE, "pal%d@free%d.example" % (n, n % 4))
        return party

    def bot_open(self, n):
        """A domain of its own, where SPF lets pass whoever comes; another bot each time."""
        domain = "cheap%d.example" % (n % 9)
        self.spf(domain, "+all")
        return self.bot("bot: own domain, +all", [self.random.uniform(0.5, 900) for _ in range(3)], lines=4,
                        sender="%s@%s" % (self.word(), domain))

    # ---- All of them ----

    # Of a hundred first contacts.
    SHARES = (
        (pool, 9), (pool_named, 3), (small_both, 10), (small_name, 5), (small_spf, 4), (small_bare, 3), (newsletter, 6), (code, 5),
        (reply, 9), (mailing_list, 3), (office, 12), (forwarder, 2), (bounce, 2),
        (bot_never, 11), (bot_at_once, 5), (bot_swarm, 3), (bot_early, 2), (bot_listed, 2), (bot_freemail, 2), (bot_open, 2),
    )

    def parties(self, total):
        assert sum(share for _, share in self.SHARES) == 100
        self.offices = max(1, total * 12 // 100 // 30)  # of thirty first contacts each
        made = []
        for make, share in self.SHARES:
            made += [make(self, n) for n in range(total * share // 100)]
        return made
