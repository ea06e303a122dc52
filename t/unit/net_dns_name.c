/* Domain names as text: what may be asked, and the names of addresses. */
#include <stdio.h>
#include <string.h>

#include "net/dns.h"
#include "net/dns_name.h"
#include "t/lib/tap.h"

static const char *escaped(const char *name)
{
	static char out[DNS_ESCAPED_SIZE];

	return dns_name_escape(name, out) > 0 ? out : NULL;
}

static void test_escape(void)
{
	char name[300], label[70];

	is_str(escaped("example.org"), "example.org", "a name");
	is_str(escaped("example.org."), "example.org", "a last dot is dropped");
	is_str(escaped("_dmarc.Ex-ample.org"), "_dmarc.Ex-ample.org", "underscores and hyphens");
	is_str(escaped("a b\\.c@d"), "a\\032b\\092.c\\064d", "other bytes are escaped");
	is_str(escaped("\xff.org"), "\\255.org", "8-bit bytes too");
	is_str(escaped(""), NULL, "the empty name is none");
	is_str(escaped("."), NULL, "nor a dot");
	is_str(escaped(".org"), NULL, "nor one with an empty label at its start");
	is_str(escaped("a..b"), NULL, "in the middle");
	is_str(escaped("a.."), NULL, "at its end");

	memset(label, 'a', sizeof(label));
	label[63] = '\0';
	is_str(escaped(label), label, "63 bytes are a label");
	label[63] = 'a';
	label[64] = '\0';
	is_str(escaped(label), NULL, "64 are not");

	label[61] = '\0';
	snprintf(name, sizeof(name), "%s.%s.%s.%s.abcde", label, label, label, label);
	is_int(strlen(name), 253, "a name of 253 letters");
	ok(escaped(name) != NULL, "is 255 bytes on the wire");
	name[253] = 'x';
	name[254] = '\0';
	is_str(escaped(name), NULL, "one more is too long");
	for (size_t i = 0; i < 253; i++)
		name[i] = i % 2 == 1 ? '.' : '\\';
	name[253] = '\0';
	ok(escaped(name) != NULL, "the longest escaped name fits");
}

static const char *reversed(const char *address, const char *suffix, size_t size)
{
	static char out[128];
	struct ip ip;

	if (ip_parse(&ip, address) != 0)
		bail_out("%s", address);
	return dns_reverse_name(&ip, suffix, out, size) == 0 ? out : NULL;
}

static void test_reverse(void)
{
	static const char v6[] = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
	struct ip none = { 0 };
	char out[8];

	is_str(reversed("192.0.2.1", NULL, 128), "1.2.0.192.in-addr.arpa", "IPv4");
	is_str(reversed("192.0.2.1", "zen.example", 128), "1.2.0.192.zen.example", "in a list's zone");
	is_str(reversed("2001:db8::1", NULL, 128), v6, "IPv6");
	is_str(reversed("::ffff:192.0.2.1", "zen.example", 128), "1.2.0.192.zen.example", "IPv4 in IPv6");
	is_str(reversed("2001:db8::1", NULL, sizeof(v6)), v6, "it fits exactly");
	is_str(reversed("2001:db8::1", NULL, sizeof(v6) - 1), NULL, "it does not fit");
	is_int(dns_reverse_name(&none, NULL, out, sizeof(out)), -1, "no address has no name");
}

int main(void)
{
	test_escape();
	test_reverse();
	return done_testing();
}
