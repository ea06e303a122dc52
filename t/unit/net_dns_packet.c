/* Reading answer packets: sound ones, wrong ones, and random ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dns_packet.h"
#include "net/limits.h"
#include "t/lib/tap.h"

enum { CLASS_CH = 3, HEADER_SIZE = 12 };

static uint8_t packet[65536];
static size_t used;
static _Alignas(max_align_t) char room_bytes[1 << 20];
static bool no_room;

static void *room(void *ctx, size_t n)
{
	(void)ctx;
	return no_room || n > sizeof(room_bytes) ? NULL : room_bytes;
}

/* ---- Writing packets ---- */

static void put(const void *p, size_t n)
{
	memcpy(packet + used, p, n);
	used += n;
}

static void put16(unsigned x)
{
	put((uint8_t[]){ (uint8_t)(x >> 8), (uint8_t)x }, 2);
}

static void put32(uint32_t x)
{
	put16(x >> 16);
	put16(x & 0xffff);
}

/* Dots part labels; "\1" stands for a dot inside a label, "\2" for a NUL there. */
static void put_name(const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		packet[used++] = (uint8_t)n;
		for (size_t i = 0; i < n; i++)
			packet[used++] = (uint8_t)(name[i] == 1 ? '.' : name[i] == 2 ? '\0' : name[i]);
		name += n + (name[n] == '.');
	}
	packet[used++] = 0;
}

static void begin(unsigned flags, unsigned answers, const char *name, unsigned type)
{
	used = 0;
	put16(0x1234);
	put16(flags);
	put16(1);
	put16(answers);
	put16(0);
	put16(0);
	put_name(name);
	put16(type);
	put16(1);
}

/* Starts a record; answers where its length stands. */
static size_t record(const char *name, unsigned type, unsigned class, uint32_t ttl)
{
	put_name(name);
	put16(type);
	put16(class);
	put32(ttl);
	put16(0);
	return used - 2;
}

static void end_record(size_t length_at)
{
	size_t n = used - length_at - 2;

	packet[length_at] = (uint8_t)(n >> 8);
	packet[length_at + 1] = (uint8_t)n;
}

static void put_a(const char *name, uint32_t ttl, uint8_t last)
{
	size_t at = record(name, DNS_A, 1, ttl);

	put((uint8_t[]){ 192, 0, 2, last }, 4);
	end_record(at);
}

static void put_named(const char *name, unsigned type, uint32_t ttl, const char *target)
{
	size_t at = record(name, type, 1, ttl);

	put_name(target);
	end_record(at);
}

static struct dns_answer answer_to(enum dns_type type)
{
	struct dns_answer a;
	uint8_t *exact = malloc(used > 0 ? used : 1); /* so that AddressSanitizer sees a read behind the end */

	memcpy(exact, packet, used);
	memset(&a, 0xa5, sizeof(a));
	dns_packet_read(exact, used, (uint16_t)type, room, NULL, &a);
	free(exact);
	return a;
}

enum { OK_FLAGS = 0x8180, SERVFAIL_FLAGS = 0x8182, NXDOMAIN_FLAGS = 0x8183, TRUNCATED_FLAGS = 0x8380 };

/* ---- Sound answers ---- */

static void test_addresses(void)
{
	struct dns_answer a;
	char text[IP_TEXT_SIZE];
	size_t at;

	begin(OK_FLAGS, 3, "Host.Example", DNS_A);
	put_a("host.EXAMPLE", 300, 1);
	put_a("host.example", 60, 2);
	put_a("other.example", 1, 3);
	a = answer_to(DNS_A);
	is_int(a.status, DNS_OK, "A: answered");
	is_int(a.n, 2, "the records of the name asked for, in any case of letters, and no others");
	is_str(ip_format(&a.v[1].ip, text), "192.0.2.2", "their addresses");
	is_int(a.ttl, 60, "the least TTL");
	ok(a.v[0].name != NULL && a.v[0].text != NULL, "what a type has not is empty, not NULL");

	begin(OK_FLAGS, 1, "host.example", DNS_AAAA);
	at = record("host.example", DNS_AAAA, 1, 0x80000001);
	put("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	end_record(at);
	a = answer_to(DNS_AAAA);
	is_str(ip_format(&a.v[0].ip, text), "2001:db8::1", "AAAA");
	is_int(a.ttl, 0, "a TTL with its first bit set is 0");

	begin(OK_FLAGS, 0, "host.example", DNS_A);
	is_int(answer_to(DNS_A).status, DNS_NODATA, "no records: no data");
	begin(NXDOMAIN_FLAGS, 0, "host.example", DNS_A);
	is_int(answer_to(DNS_A).status, DNS_NXDOMAIN, "NXDOMAIN");
	begin(OK_FLAGS, 1, "host.example", DNS_A);
	at = record("host.example", DNS_A, CLASS_CH, 60);
	put("\x7f\0\0\2", 4);
	end_record(at);
	is_int(answer_to(DNS_A).status, DNS_NODATA, "a record of another class is none");
}

static void test_names(void)
{
	struct dns_answer a;
	size_t at;

	begin(OK_FLAGS, 2, "example.org", DNS_MX);
	at = record("example.org", DNS_MX, 1, 60);
	put16(10);
	put("\2MX\xc0\x0c", 5);
	end_record(at);
	at = record("example.org", DNS_MX, 1, 60);
	put16(0);
	put_name("");
	end_record(at);
	a = answer_to(DNS_MX);
	is_str(a.v[0].name, "mx.example.org", "MX: a compressed name, in lower case");
	is_int(a.v[0].preference, 10, "its preference");
	is_str(a.v[1].name, "", "the null MX has an empty name");

	begin(OK_FLAGS, 1, "1.2.0.192.in-addr.arpa", DNS_PTR);
	put_named("1.2.0.192.in-addr.arpa", DNS_PTR, 60, "www\1bank.e\2il.example");
	a = answer_to(DNS_PTR);
	is_str(a.v[0].name, "www?bank.e?il.example", "a dot or NUL inside a label cannot fake a name");

	begin(OK_FLAGS, 1, "example.org", DNS_TXT);
	at = record("example.org", DNS_TXT, 1, 60);
	put("\6v=spf1\0\5 -a\0l", 14);
	end_record(at);
	a = answer_to(DNS_TXT);
	is_int(a.v[0].text_n, 11, "TXT: strings joined");
	is_mem(a.v[0].text, "v=spf1 -a\0l", 12, "with a NUL inside, and one behind");
}

static void test_aliases(void)
{
	struct dns_answer a;
	char name[32], next[32];

	begin(OK_FLAGS, 3, "www.example", DNS_A);
	put_named("www.example", DNS_CNAME, 30, "Web.example");
	put_named("web.example", DNS_CNAME, 90, "host.example");
	put_a("host.example", 60, 7);
	a = answer_to(DNS_A);
	ok(a.status == DNS_OK && a.n == 1, "CNAMEs are followed");
	is_int(a.ttl, 30, "and their TTL counts");
	is_int(answer_to(DNS_CNAME).n, 1, "asked for, a CNAME is the answer");

	begin(OK_FLAGS, 3, "www.example", DNS_A);
	put_a("host.example", 60, 7);
	put_named("web.example", DNS_CNAME, 90, "host.example");
	put_named("www.example", DNS_CNAME, 30, "web.example");
	is_int(answer_to(DNS_A).n, 1, "in any order");

	begin(OK_FLAGS, 1, "www.example", DNS_A);
	put_named("www.example", DNS_CNAME, 30, "nowhere.example");
	is_int(answer_to(DNS_A).status, DNS_NODATA, "a CNAME to a name without the type: no data");

	begin(OK_FLAGS, 2, "a.example", DNS_A);
	put_named("a.example", DNS_CNAME, 30, "b.example");
	put_named("b.example", DNS_CNAME, 30, "a.example");
	is_int(answer_to(DNS_A).status, DNS_FAILED, "a ring of CNAMEs fails");

	for (int n = DNS_MAX_CHAIN; n <= DNS_MAX_CHAIN + 1; n++) {
		begin(OK_FLAGS, (unsigned)n + 1, "n0.example", DNS_A);
		for (int i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "n%d.example", i);
			snprintf(next, sizeof(next), "n%d.example", i + 1);
			put_named(name, DNS_CNAME, 30, next);
		}
		put_a(next, 60, 1);
		is_int(answer_to(DNS_A).status, n <= DNS_MAX_CHAIN ? DNS_OK : DNS_FAILED, "%d CNAMEs", n);
	}
}

/* ---- Failures ---- */

static void test_failures(void)
{
	struct dns_answer a;
	size_t at;

	begin(SERVFAIL_FLAGS, 0, "host.example", DNS_A);
	a = answer_to(DNS_A);
	is_int(a.status, DNS_FAILED, "SERVFAIL");
	is_str(a.why, "SERVFAIL", "by its name");
	begin(OK_FLAGS | 15, 0, "host.example", DNS_A);
	is_str(answer_to(DNS_A).why, "unknown rcode", "an rcode without a name");
	begin(TRUNCATED_FLAGS, 1, "host.example", DNS_A);
	put_a("host.example", 60, 1);
	is_int(answer_to(DNS_A).status, DNS_FAILED, "a truncated answer is none");
	begin(0x0100, 1, "host.example", DNS_A);
	put_a("host.example", 60, 1);
	is_int(answer_to(DNS_A).status, DNS_FAILED, "a question is no answer");

	begin(OK_FLAGS, 2, "host.example", DNS_A);
	at = record("host.example", DNS_A, 1, 60);
	put("\x7f\0\0", 3);
	end_record(at);
	put_a("host.example", 60, 1);
	a = answer_to(DNS_A);
	is_int(a.status, DNS_FAILED, "an address of three bytes: failed, never \"no data\"");
	begin(OK_FLAGS, 1, "host.example", DNS_TXT);
	at = record("host.example", DNS_TXT, 1, 60);
	put("\x20short", 6);
	end_record(at);
	is_int(answer_to(DNS_TXT).status, DNS_FAILED, "a string longer than its record");
	begin(OK_FLAGS, 1, "host.example", DNS_MX);
	at = record("host.example", DNS_MX, 1, 60);
	put("\0", 1);
	end_record(at);
	is_int(answer_to(DNS_MX).status, DNS_FAILED, "an MX without a name");
	begin(OK_FLAGS, 2, "host.example", DNS_A);
	put_a("host.example", 60, 1);
	is_int(answer_to(DNS_A).status, DNS_FAILED, "fewer records than announced");

	no_room = true;
	begin(OK_FLAGS, 1, "host.example", DNS_A);
	put_a("host.example", 60, 1);
	is_str(answer_to(DNS_A).why, "out of memory", "no memory for the answer");
	no_room = false;
}

static void test_compression(void)
{
	struct dns_answer a;
	size_t at;

	begin(OK_FLAGS, 1, "host.example", DNS_A);
	at = used;
	put16(0xc000 | (unsigned)at); /* to itself */
	put("\0\1\0\1\0\0\0\1\0\4\x7f\0\0\2", 14);
	is_int(answer_to(DNS_A).status, DNS_FAILED, "a name that points to itself");

	begin(OK_FLAGS, 1, "host.example", DNS_A);
	at = used;
	put16(0xc000 | (unsigned)(at + 4)); /* forwards */
	put("\0\1\0\1\0\0\0\1\0\4\x7f\0\0\2", 14);
	is_int(answer_to(DNS_A).status, DNS_FAILED, "a name that points forwards");

	begin(OK_FLAGS, 1, "host.example", DNS_A);
	put16(0xc004);
	put("\0\1\0\1\0\0\0\1\0\4\x7f\0\0\2", 14);
	is_int(answer_to(DNS_A).status, DNS_FAILED, "a name that points into the header");

	begin(OK_FLAGS, 1, "host.example", DNS_A);
	put("\x80\0\1\0\1\0\0\0\1\0\4\x7f\0\0\2", 15);
	is_int(answer_to(DNS_A).status, DNS_FAILED, "a label type that does not exist");

	begin(OK_FLAGS, 1, "host.example", DNS_PTR);
	at = record("host.example", DNS_PTR, 1, 60);
	for (int i = 0; i < 5; i++)
		put("\x3f"
		    "0123456789012345678901234567890123456789012345678901234567890ab",
		    64);
	put("\0", 1);
	end_record(at);
	a = answer_to(DNS_PTR);
	is_int(a.status, DNS_FAILED, "a name of more than 255 bytes");
}

static void test_bounds(void)
{
	struct dns_answer a;
	size_t whole;

	begin(OK_FLAGS, DNS_MAX_RECORDS + 500, "h", DNS_A);
	for (int i = 0; i < DNS_MAX_RECORDS + 500; i++)
		put_a("h", 60, 1);
	a = answer_to(DNS_A);
	is_int(a.n, DNS_MAX_RECORDS, "no more than %d records are taken", DNS_MAX_RECORDS);

	begin(OK_FLAGS, 2, "www.example", DNS_MX);
	put_named("www.example", DNS_CNAME, 30, "host.example");
	whole = record("host.example", DNS_MX, 1, 60);
	put16(10);
	put_name("mx.example");
	end_record(whole);
	whole = used;
	for (used = 0; used < whole; used++) {
		if (answer_to(DNS_MX).status == DNS_OK)
			break;
	}
	is_int(used, whole, "a packet that is cut off anywhere is no answer");
	is_int(answer_to(DNS_MX).status, DNS_OK, "the whole one is");
}

/* Sound packets with some bytes changed: nothing may be read out of bounds, and what is found must be in order. */
static void test_random(void)
{
	enum { ROUNDS = 100000 };
	static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_MX, DNS_TXT, DNS_PTR, DNS_CNAME };
	static uint8_t sound[4096];
	size_t n, at;
	unsigned seed = 4711, bad = 0;

	begin(OK_FLAGS, 6, "www.example", DNS_A);
	put_named("www.example", DNS_CNAME, 30, "host.example");
	put_a("host.example", 60, 1);
	at = record("host.example", DNS_MX, 1, 60);
	put16(10);
	put("\2mx\xc0\x0c", 5);
	end_record(at);
	at = record("host.example", DNS_TXT, 1, 60);
	put("\6v=spf1\5 -all", 13);
	end_record(at);
	put_named("host.example", DNS_PTR, 30, "some.host.example");
	at = record("host.example", DNS_AAAA, 1, 60);
	put("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	end_record(at);
	n = used;
	memcpy(sound, packet, n);
	for (int i = 0; i < ROUNDS; i++) {
		struct dns_answer a;

		memcpy(packet, sound, n);
		used = n;
		for (int k = rand_r(&seed) % 6; k >= 0; k--)
			packet[(size_t)rand_r(&seed) % n] = (uint8_t)rand_r(&seed);
		if (rand_r(&seed) % 4 == 0)
			used = (size_t)rand_r(&seed) % n;
		a = answer_to(types[(size_t)rand_r(&seed) % (sizeof(types) / sizeof(types[0]))]);
		bad += a.status == DNS_OK ? a.n == 0 || a.v == NULL : a.n != 0;
		bad += a.status == DNS_FAILED && a.why == NULL;
		for (unsigned k = 0; k < a.n; k++)
			bad += strlen(a.v[k].name) > DNS_MAX_WIRE_NAME || a.v[k].text[a.v[k].text_n] != '\0';
	}
	is_int(bad, 0, "%d packets with random changes", ROUNDS);
}

int main(void)
{
	test_addresses();
	test_names();
	test_aliases();
	test_failures();
	test_compression();
	test_bounds();
	test_random();
	return done_testing();
}
