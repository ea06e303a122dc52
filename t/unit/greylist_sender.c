/*
 * Senders without what changes from message to message.  Shapes as big senders use them; all values are invented.
 */
#include "greylist/sender.h"

#include <string.h>

#include "t/lib/tap.h"

static const struct {
	const char *what, *sender, *expected;
} cases[] = {
	/* People and plain names stay who they are. */
	{ "a person", "alice@example.org", "alice@example.org" },
	{ "with dots", "alice.b.smith@example.org", "alice.b.smith@example.org" },
	{ "hex letters", "deadbeef@example.org", "deadbeef@example.org" },
	{ "a word of hex letters and more", "facade-effaced@example.org", "facade-effaced@example.org" },
	{ "a long word", "internationalisation@example.org", "internationalisation@example.org" },
	{ "a year", "conference2026@example.org", "conference#@example.org" },
	{ "a quoted local part", "\"a b@c\"@example.org", "\"a b@c\"@example.org" },
	{ "an umlaut", "j\xc3\xb6rg@example.org", "j\xc3\xb6rg@example.org" },
	{ "no domain", "postmaster", "postmaster" },
	{ "nobody", "", "" },
	{ "no local part", "@example.org", "@example.org" },
	{ "an extension", "alice+shop@example.org", "alice@example.org" },
	{ "a plus in front", "+alice@example.org", "+alice@example.org" },
	{ "digits in the domain stay", "a@mail123.example.org", "a@mail123.example.org" },

	/* VERP. */
	{ "ezmlm", "list-return-4711-bob=example.net@lists.example", "list-return-#@lists.example" },
	{ "Mailman", "list-bounces+bob=example.net@lists.example", "list-bounces@lists.example" },
	{ "majordomo", "owner-list.bob=example.net@lists.example", "owner-list.#@lists.example" },
	{ "an underscore", "bounce_bob=example.net@lists.example", "bounce_#@lists.example" },
	{ "first", "bob=example.net__0-7ab1c2d3e4f5@bnc.example", "#@bnc.example" },
	{ "alone", "bob=example.net@bounces.example", "#@bounces.example" },
	{ "of another sign", "bounce-bob_at_example.net-17@lists.example", "bounce-#@lists.example" },
	{ "of a subscribed alias", "news-carol=home.example@lists.example", "news-#@lists.example" },
	{ "an alias with dots and digits", "news-4-carol.x=home.example@lists.example",
	  "news-#-carol.#@lists.example" },
	{ "no domain behind it", "a=b@example.org", "a=b@example.org" },
	{ "SendGrid", "bounces+1234567-ab1c-bob=example.net@em.example", "bounces@em.example" },
	{ "Google's forwarding", "carol+caf_=bob=example.net@mail.example", "carol@mail.example" },
	{ "Exchange Online's", "bounces+srs=qk2xz=7h@contoso.example", "bounces@contoso.example" },

	/* SRS. */
	{ "SRS0", "srs0=hk3j=7w=example.org=alice@fwd.example", "srs0=example.org=alice@fwd.example" },
	{ "SRS0 with another sign", "srs0+hk3j=7w=example.org=alice@fwd.example",
	  "srs0=example.org=alice@fwd.example" },
	{ "SRS0 around VERP", "srs0=hk3j=7w=lists.example=news-31-bob=example.net@fwd.example",
	  "srs0=lists.example=news-#@fwd.example" },
	{ "SRS0 keeps the domain's digits", "srs0=hk3j=7w=mx4.example.org=a17@fwd.example",
	  "srs0=mx4.example.org=a#@fwd.example" },
	{ "SRS1", "srs1=x9ab=fwd.example==hk3j=7w=example.org=alice@fwd2.example",
	  "srs1=fwd.example=example.org=alice@fwd2.example" },
	{ "SRS1 with another sign", "srs1=x9ab=fwd.example=-hk3j=7w=example.org=alice@fwd2.example",
	  "srs1=fwd.example=example.org=alice@fwd2.example" },
	{ "half an SRS0", "srs0=hk3j@fwd.example", "srs#=hk#j@fwd.example" },
	{ "no SRS", "srs0@fwd.example", "srs#@fwd.example" },

	/* BATV. */
	{ "prvs", "prvs=1234abcdef=alice@example.org", "alice@example.org" },
	{ "prvs, draft", "prvs=alice/1234abcdef@example.org", "alice@example.org" },
	{ "prvs around an extension", "prvs=1234abcdef=alice+x@example.org", "alice@example.org" },
	{ "prvs without a name", "prvs=1234abcdef=@example.org", "prvs=#=@example.org" },
	{ "btv1", "btv1==123456abcdef==alice@example.org", "alice@example.org" },
	{ "SparkPost", "msprvs1=20412gq7xy=bounces-70-bob=example.net@sp.example", "bounces-#@sp.example" },

	/* Numbers and tokens. */
	{ "a number", "bounce-1763760000@example.org", "bounce-#@example.org" },
	{ "several", "b.12_345-6.7@example.org", "b.#@example.org" },
	{ "Amazon SES", "0100018f3a2b4c5d-6e7f8a9b-1234-4c5d-8e9f-0a1b2c3d4e5f-000000@eu.ses.example",
	  "#@eu.ses.example" },
	{ "a UUID", "bounce-6e7f8a9b-1234-4c5d-8e9f-0a1b2c3d4e5f@example.org", "bounce-#@example.org" },
	{ "a UUID of letters", "b-abcdefab-abcd-abcd-abcd-abcdefabcdef@example.org", "b-#@example.org" },
	{ "Mailchimp", "bounce-mc.us12_12345678.1234567-ab12cd34ef@mail7.example", "bounce-mc.us#@mail7.example" },
	{ "base32", "return-mfrg2zd4mz5q@example.org", "return-#@example.org" },
	{ "a short token", "bounces-abc123xyz@example.org", "bounces-#@example.org" },
	{ "a long one with few digits", "n-usmzdgfubvwkszzo7qrxw@example.org", "n-#@example.org" },
	{ "a long one that begins with digits", "34qxkaaajczqdocdurcdqd.news@example.org", "#.news@example.org" },
	{ "a long name and a year", "alexandersmithson1985@example.org", "alexandersmithson#@example.org" },
	{ "a calendar's", "3a2kdy0kadsh7x9example@calendar.example", "#@calendar.example" },
	{ "a hash", "x-d41d8cd98f00b204e9800998ecf8427e@example.org", "x-#@example.org" },
	{ "Salesforce", "bob=example.net__4-2xy7z8w9v0u1t2@k7.bnc.example", "#@k7.bnc.example" },
};

static void test_cases(void)
{
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *s = grey_sender(a, cases[i].sender, strlen(cases[i].sender), "bob@example.net");

		is_str(s, cases[i].expected, "%s", cases[i].what);
		if (s != NULL && strcmp(grey_sender(a, s, strlen(s), "bob@example.net"), s) != 0)
			fail("%s: %s is not left as it is", cases[i].what, s);
	}
	arena_free(&a);
}

/* Two messages of one newsletter to one reader are the same; of two newsletters are not. */
static void test_same(void)
{
	struct arena *a = arena_new(0);
	static const char one[] = "0100018f3a2b4c5d-6e7f8a9b-1234-4c5d-8e9f-0a1b2c3d4e5f-000000@ses.example";
	static const char two[] = "0100018f3a2b4d77-11112222-9bcd-4eee-8fff-00aa11bb22cc-000000@ses.example";

	is_str(grey_sender(a, one, sizeof one - 1, NULL), grey_sender(a, two, sizeof two - 1, NULL), "message ids");
	ok(strcmp(grey_sender(a, "news-1@a.example", 16, NULL), grey_sender(a, "offers-1@a.example", 18, NULL)) != 0,
	   "names tell apart");
	arena_free(&a);
}

static void test_hostile(void)
{
	struct arena *a = arena_new(0);
	char text[2048];
	bool fine = true;

	/* All short words over the signs that mean something. */
	static const char signs[] = "s=-+.#1a";
	for (unsigned i = 0; i < 8 * 8 * 8 * 8 * 8; i++) {
		static const char *const fronts[] = { "", "srs0=", "srs1=", "prvs=", "btv1==" };
		unsigned k = i;
		const char *s;
		size_t n;

		strcpy(text, fronts[i % 5]);
		n = strlen(text);
		for (unsigned j = 0; j < 5; j++, k /= 8)
			text[n++] = signs[k % 8];
		strcpy(text + n, "@b.example");
		s = grey_sender(a, text, strlen(text), "a@1.s");
		fine = fine && s != NULL && strlen(s) <= strlen(text) && strstr(s, "@b.example") != NULL;
		if (i % 4096 == 0)
			arena_reset(a);
	}
	ok(fine, "no word of signs grows, or loses its domain");
	memset(text, '=', sizeof text);
	strcpy(text + 1000, "@b.example");
	is_str(grey_sender(a, text, strlen(text), NULL), text, "an overlong local part is left alone");
	is_int((int)strlen(grey_sender(a, "a\0b@c.example", 13, NULL)), 1, "a NUL: as it is");
	arena_free(&a);
	a = arena_new(8);
	ok(grey_sender(a, "alice@example.org", 17, NULL) == NULL, "out of memory");
	arena_free(&a);
}

static void test_mailbox(void)
{
	static const char *const mailboxes[][2] = {
		{ "alice@example.org", "alice@example.org" },
		{ "alice17@example.org", "alice17@example.org" },
		{ "alice+shop@example.org", "alice@example.org" },
		{ "prvs=1234abcdef=alice@example.org", "alice@example.org" },
		{ "srs0=hk3j=7w=example.org=alice@fwd.example", "srs0=hk3j=7w=example.org=alice@fwd.example" },
		{ "news-bob=example.net@lists.example", "news-bob=example.net@lists.example" },
		{ "postmaster", "postmaster" },
	};
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < sizeof mailboxes / sizeof mailboxes[0]; i++)
		is_str(grey_mailbox(a, mailboxes[i][0], strlen(mailboxes[i][0])), mailboxes[i][1], "%s: whose it is",
		       mailboxes[i][0]);
	arena_free(&a);
}

int main(void)
{
	test_cases();
	test_same();
	test_hostile();
	test_mailbox();
	return done_testing();
}
