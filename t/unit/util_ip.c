#include "util/ip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/tap.h"

static void is_ip(const char *text, const char *want)
{
	char buf[IP_TEXT_SIZE];
	struct ip ip;

	is_int(ip_parse(&ip, text), want != NULL ? 0 : -1, "address \"%s\"", text);
	is_str(ip_format(&ip, buf), want != NULL ? want : "", "its text");
}

static void test_addresses(void)
{
	static const char *const none[] = { "",
					    "192.0.2",
					    "192.0.2.256",
					    "192.0.2.1.",
					    "192.0.2.01",
					    " 192.0.2.1",
					    "192.0.2.1 ",
					    "0x7f.1",
					    "2001:db8::1%eth0",
					    "[2001:db8::1",
					    "2001:db8::1]",
					    "[]",
					    "IPv6:",
					    ":::",
					    "1:2:3:4:5:6:7:8:9",
					    "2001:db8::g",
					    "example.org",
					    "192.0.2.1/32",
					    "aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa" };

	is_ip("192.0.2.1", "192.0.2.1");
	is_ip("0.0.0.0", "0.0.0.0");
	is_ip("[192.0.2.1]", "192.0.2.1");
	is_ip("2001:db8::1", "2001:db8::1");
	is_ip("2001:DB8:0:0:0:0:0:1", "2001:db8::1");
	is_ip("IPv6:2001:db8::1", "2001:db8::1");
	is_ip("[ipv6:2001:db8::1]", "2001:db8::1");
	is_ip("::", "::");
	is_ip("::1", "::1");
	is_ip("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
	is_ip("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
	is_ip("::ffff:192.0.2.1", "192.0.2.1");
	is_ip("::FFFF:C000:201", "192.0.2.1");
	is_ip("IPv6:::ffff:192.0.2.1", "192.0.2.1");
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		is_ip(none[i], NULL);
}

static void is_net(const char *text, int rc, const char *want, int bits)
{
	char buf[IP_TEXT_SIZE];
	struct ip_net net;

	is_int(ip_net_parse(&net, text), rc, "network \"%s\"", text);
	if (rc != 0)
		return;
	is_str(ip_format(&net.ip, buf), want, "its address");
	is_int(net.bits, bits, "its prefix length");
}

static void test_networks(void)
{
	is_net("192.0.2.0/24", 0, "192.0.2.0", 24);
	is_net("192.0.2.1", 0, "192.0.2.1", 32);
	is_net("2001:db8::/32", 0, "2001:db8::", 32);
	is_net("2001:db8::1", 0, "2001:db8::1", 128);
	is_net("0.0.0.0/0", 0, "0.0.0.0", 0);
	is_net("::/0", 0, "::", 0);
	is_net("::ffff:192.0.2.0/120", 0, "192.0.2.0", 24);
	is_net("::ffff:0:0/96", 0, "0.0.0.0", 0);
	is_net("192.0.2.1/24", -2, NULL, 0);
	is_net("2001:db8::1/64", -2, NULL, 0);
	is_net("::ffff:192.0.2.1/120", -2, NULL, 0);
	is_net("::ffff:0:0/64", -2, NULL, 0);
	is_net("192.0.2.0/33", -1, NULL, 0);
	is_net("2001:db8::/129", -1, NULL, 0);
	is_net("192.0.2.0/", -1, NULL, 0);
	is_net("192.0.2.0/-1", -1, NULL, 0);
	is_net("192.0.2.0/024", -1, NULL, 0);
	is_net("192.0.2.0/24/24", -1, NULL, 0);
	is_net("192.0.2.0/255.255.255.0", -1, NULL, 0);
	is_net("192.0.2/24", -1, NULL, 0);
	is_net("/24", -1, NULL, 0);
	is_net("example.org", -1, NULL, 0);
}

static void test_mask(void)
{
	char buf[IP_TEXT_SIZE];
	struct ip ip;
	struct ip_net net;

	ip_parse(&ip, "192.0.2.255");
	ip = ip_mask(&ip, 25);
	is_str(ip_format(&ip, buf), "192.0.2.128", "masked to 25 bits");
	ip = ip_mask(&ip, 0);
	is_str(ip_format(&ip, buf), "0.0.0.0", "masked to nothing");
	ip_parse(&ip, "2001:db8:ffff:ffff:ffff::");
	ip = ip_mask(&ip, 33);
	is_str(ip_format(&ip, buf), "2001:db8:8000::", "masked to 33 bits");
	ip_net_parse(&net, "192.0.2.128/25");
	ip_parse(&ip, "192.0.2.200");
	ok(ip_in_net(&ip, &net), "in the network");
	ip_parse(&ip, "192.0.2.127");
	ok(!ip_in_net(&ip, &net), "just below it");
	ip_net_parse(&net, "0.0.0.0/0");
	ok(ip_in_net(&ip, &net), "in the whole");
	ip_parse(&ip, "::1");
	ok(!ip_in_net(&ip, &net), "of another family");
}

static int match(const struct ip_set *s, const char *text)
{
	struct ip ip;

	ip_parse(&ip, text);
	return ip_set_match(s, &ip);
}

static void test_set(void)
{
	static const char *const nets[] = { "192.0.2.0/24",  "192.0.2.128/25",  "192.0.2.200",  "0.0.0.0/8",
					    "2001:db8::/32", "2001:db8:1::/48", "192.0.2.0/24", "::/127" };
	struct ip_set *s = ip_set_new();
	struct ip none = { .family = IP_NONE };

	is_int(match(s, "192.0.2.1"), -1, "an empty set holds nothing");
	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
		struct ip_net net;

		ip_net_parse(&net, nets[i]);
		ip_set_add(s, &net);
	}
	is_int(ip_set_count(s), 7, "an entry given twice counts once");
	is_int(match(s, "192.0.2.1"), 24, "in the /24");
	is_int(match(s, "192.0.2.129"), 25, "the most specific wins");
	is_int(match(s, "192.0.2.200"), 32, "a single address");
	is_int(match(s, "192.0.3.1"), -1, "outside");
	is_int(match(s, "0.1.2.3"), 8, "the network of all zeros");
	is_int(match(s, "1.0.0.0"), -1, "beside it");
	is_int(match(s, "2001:db8:2::1"), 32, "IPv6");
	is_int(match(s, "2001:db8:1::1"), 48, "IPv6, the most specific");
	is_int(match(s, "::1"), 127, "IPv6, all zeros");
	is_int(match(s, "::2"), -1, "beside it");
	is_int(match(s, "::ffff:192.0.2.200"), 32, "a mapped address is the IPv4 one");
	is_int(ip_set_match(s, &none), -1, "no address is in no set");
	ip_set_free(&s);
	ok(s == NULL, "ip_set_free clears the pointer");
	ip_set_free(&s);
}

/* Against the plain look at every network. */
static void test_many(void)
{
	enum { NETS = 2000, LOOKUPS = 20000 };
	static struct ip_net nets[NETS];
	struct ip_set *s = ip_set_new();
	unsigned wrong = 0, hits = 0;

	srandom(7);
	for (int i = 0; i < NETS; i++) {
		bool v6 = i % 3 == 0;
		struct ip ip = { .family = v6 ? IP_V6 : IP_V4 };
		unsigned bits = (unsigned)random() % (v6 ? 129 : 33);

		/* Few distinct bytes, so that networks nest. */
		for (int j = 0; j < (v6 ? 16 : 4); j++)
			ip.b[j] = (uint8_t)(random() % 4 * 64);
		nets[i] = (struct ip_net){ .ip = ip_mask(&ip, bits), .bits = (uint8_t)bits };
		if (bits > 8)
			ip_set_add(s, &nets[i]);
	}
	for (int i = 0; i < LOOKUPS; i++) {
		bool v6 = i % 3 == 0;
		struct ip ip = { .family = v6 ? IP_V6 : IP_V4 };
		int want = -1;

		for (int j = 0; j < (v6 ? 16 : 4); j++)
			ip.b[j] = (uint8_t)(random() % 4 * 64);
		for (int j = 0; j < NETS; j++)
			if (nets[j].bits > 8 && nets[j].bits > want && ip_in_net(&ip, &nets[j]))
				want = nets[j].bits;
		wrong += ip_set_match(s, &ip) != want;
		hits += want >= 0;
	}
	is_int(wrong, 0, "the set answers as a look at every network does");
	ok(hits > LOOKUPS / 10 && hits < LOOKUPS, "on hits and on misses (%u of %d)", hits, LOOKUPS);
	ip_set_free(&s);
}

int main(void)
{
	test_addresses();
	test_networks();
	test_mask();
	test_set();
	test_many();
	return done_testing();
}
