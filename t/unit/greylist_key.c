/*
 * Greylist keys: readable, unambiguous, bounded; patterns over them.
 */
#include "greylist/key.h"

#include <string.h>

#include "greylist/pattern.h"
#include "t/lib/tap.h"

static const struct grey_masks masks = { 24, 64 };

static const char *network(const char *address)
{
	static char buf[GREY_NET_SIZE];
	struct ip ip;

	return ip_parse(&ip, address) == 0 ? grey_network(&ip, &masks, buf) : NULL;
}

static void test_network(void)
{
	is_str(network("192.0.2.77"), "192.0.2.0/24", "IPv4");
	is_str(network("::ffff:192.0.2.77"), "192.0.2.0/24", "an IPv4 address in IPv6 clothes");
	is_str(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64", "IPv6");
	is_str(network("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "ffff:ffff:ffff:ffff::/64", "the longest");
}

static void test_key(void)
{
	struct arena *a = arena_new(0);
	struct grey_triplet t = { "192.0.2.0/24", "alice@example.org", "bob@example.net" };

	is_str(grey_key_triplet(a, "millgate:", &t), "millgate:grey:{192.0.2.0/24}:alice@example.org:bob@example.net",
	       "the key of the manual");
	t.sender = "";
	is_str(grey_key_triplet(a, "millgate:", &t), "millgate:grey:{192.0.2.0/24}::bob@example.net",
	       "the null sender");
	arena_free(&a);
}

static void round_trip(struct arena *a, const char *identity, const char *sender, const char *recipient)
{
	struct grey_triplet t = { identity, sender, recipient };
	const char *back[GREY_PARTS];
	const char *key = grey_key_triplet(a, "mill*gate:", &t);

	ok(grey_key_parse(a, "mill*gate:", GREY_TRIPLETS, key, strlen(key), back), "%s is taken apart", key);
	is_str(back[0], identity, "identity");
	is_str(back[1], sender, "sender");
	is_str(back[2], recipient, "recipient");
}

static void test_round_trip(void)
{
	struct arena *a = arena_new(0);

	round_trip(a, "2001:db8::/64", "a@b", "c@d");
	round_trip(a, "192.0.2.0/24", "", "c@d");
	round_trip(a, "192.0.2.0/24", "\"a:b {c}%3a*\"@\xd0\xbf.example", "x:y@[IPv6:::1]");
	round_trip(a, "}:{", "::", "%");
	arena_free(&a);
}

static void test_not_keys(void)
{
	static const char *const others[] = { "",
					      "millgate:grey",
					      "millgate:grey:{",
					      "millgate:grey:{x",
					      "millgate:grey:{x}",
					      "millgate:grey:{x}:",
					      "millgate:grey:{x}:y",
					      "millgate:known:{x}:y:z",
					      "other:grey:{x}:y:z" };
	struct arena *a = arena_new(0);
	const char *parts[GREY_PARTS];

	for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
		ok(!grey_key_parse(a, "millgate:", GREY_TRIPLETS, others[i], strlen(others[i]), parts),
		   "\"%s\" is no triplet", others[i]);
	arena_free(&a);
}

/* The other kinds have two parts. */
static void test_kinds(void)
{
	struct arena *a = arena_new(0);
	const char *parts[GREY_PARTS] = { "example.org", "lists.example.org" }, *key;

	key = grey_key(a, "millgate:", GREY_CLIENTS, parts);
	is_str(key, "millgate:known:{example.org}:lists.example.org", "a client's key");
	ok(grey_key_parse(a, "millgate:", GREY_CLIENTS, key, strlen(key), parts), "is taken apart");
	is_str(parts[1], "lists.example.org", "with its sender domain");
	is_str(parts[2], "", "and no third part");
	ok(!grey_key_parse(a, "millgate:", GREY_TRIPLETS, key, strlen(key), parts), "it is no triplet");
	key = grey_key(a, "m:", GREY_CORRESPONDENTS,
		       (const char *const[GREY_PARTS]){ "alice:x@example.org", "bob@example.net" });
	is_str(key, "m:met:{alice%3Ax@example.org}:bob@example.net", "a correspondent's key");
	ok(grey_key_parse(a, "m:", GREY_CORRESPONDENTS, key, strlen(key), parts), "is taken apart");
	is_str(parts[0], "alice:x@example.org", "and decoded");
	arena_free(&a);
}

static void test_long(void)
{
	struct arena *a = arena_new(0);
	struct grey_triplet t = { "192.0.2.0/24", NULL, "bob@example.net" };
	char one[5000], two[5000];
	const char *first;

	memset(one, '"', sizeof one - 1);
	one[sizeof one - 1] = '\0';
	memcpy(two, one, sizeof two);
	two[sizeof two - 2] = 'x';
	t.sender = one;
	first = grey_key_triplet(a, "millgate:", &t);
	ok(strlen(first) < 800, "an overlong address makes no overlong key (%zu)", strlen(first));
	ok(strstr(first, ":bob@example.net") != NULL, "which keeps its recipient");
	t.sender = two;
	ok(strcmp(grey_key_triplet(a, "millgate:", &t), first) != 0, "two that differ far behind are told apart");
	arena_free(&a);
}

static bool fits(const char *sender_pattern, const char *sender)
{
	struct grey_pattern p = { { "*", sender_pattern, "*" } };
	const char *const parts[GREY_PARTS] = { "192.0.2.0/24", sender, "bob@example.net" };

	return grey_pattern_match(GREY_TRIPLETS, &p, parts);
}

static void test_patterns(void)
{
	ok(fits("*", "") && fits("*", "a@b") && fits("", ""), "any and none");
	ok(!fits("", "a@b"), "the null sender alone");
	ok(fits("*@example.org", "a@example.org") && !fits("*@example.org", "a@example.org.net"), "a domain");
	ok(fits("a*b*c", "a1b2b3c") && !fits("a*b*c", "a1c2b"), "several stars");
	ok(fits("**a**", "xxa") && !fits("*a", "ab"), "stars beside each other");
	ok(!fits("a?c", "abc") && fits("a?c", "a?c"), "only the star means anything");
	ok(!fits("*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	   "no pattern takes for ever");
}

static struct grey_pattern prepare(struct arena *a, enum grey_kind kind, const char *one, const char *two,
				   const char *three)
{
	static const struct grey_settings set = { .ipv4_mask = 24, .ipv6_mask = 64 };
	const struct grey_admin g = { .settings = &set, .prefix = "mill*gate:" };
	const struct grey_pattern p = { { one, two, three } };
	struct grey_pattern out;

	is_int(grey_pattern_prepare(&g, kind, &p, a, &out), 0, "a pattern is made ready");
	return out;
}

static void test_prepare(void)
{
	struct arena *a = arena_new(0);
	struct grey_pattern t = prepare(a, GREY_TRIPLETS, "192.0.2.9", "<>", NULL);

	is_str(t.part[0], "192.0.2.0/24", "an address stands for its network");
	is_str(t.part[1], "", "<> is the null sender");
	is_str(t.part[2], "*", "nothing is anything");
	ok(!grey_pattern_is_exact(GREY_TRIPLETS, &t), "not exact");
	is_str(grey_pattern_glob("mill*gate:", GREY_TRIPLETS, &t, a), "mill\\*gate:grey:{192.0.2.0/24}::*",
	       "for SCAN, the prefix escaped");
	t = prepare(a, GREY_TRIPLETS, "2001:db8::/64", "*[A]?@Example.org", "Bob@Example.net");
	is_str(grey_pattern_glob("p:", GREY_TRIPLETS, &t, a),
	       "p:grey:{2001%3Adb8%3A%3A/64}:*%5Ba%5D%3F@example.org:bob@example.net",
	       "folded, and encoded as keys are");
	t = prepare(a, GREY_TRIPLETS, "Example.org", "news-4711-bob=example.net@Lists.example", "Bob@Example.net");
	is_str(t.part[1], "news-#@lists.example", "a sender is normalised as keys are");
	is_str(t.part[0], "example.org", "an identity that is a domain");
	ok(grey_pattern_is_exact(GREY_TRIPLETS, &t), "exact");
	t = prepare(a, GREY_CLIENTS, "Example.org", "*.example.org", NULL);
	is_str(grey_pattern_glob("p:", GREY_CLIENTS, &t, a), "p:known:{example.org}:*.example.org", "clients");
	ok(!grey_pattern_is_exact(GREY_CLIENTS, &t), "of a pattern");
	t = prepare(a, GREY_CORRESPONDENTS, "Alice+x@Example.org", "bob@example.net", NULL);
	is_str(grey_pattern_glob("p:", GREY_CORRESPONDENTS, &t, a), "p:met:{alice@example.org}:bob@example.net",
	       "correspondents, by their mailboxes");
	ok(grey_pattern_is_exact(GREY_CORRESPONDENTS, &t), "exact with two parts");
	arena_free(&a);
}

int main(void)
{
	test_network();
	test_key();
	test_round_trip();
	test_not_keys();
	test_kinds();
	test_long();
	test_patterns();
	test_prepare();
	return done_testing();
}
