/*
 * The DKIM check over a DNS without a network: signatures of every kind, made here, as the engine would have them
 * verified.
 */
#include "checks/dkim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/dkim_hash.h"
#include "checks/dkim_key.h"
#include "checks/dkim_tags.h"
#include "t/lib/check_fixture.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"
#include "util/clock.h"

#define KEY_NAME "sel._domainkey.example.org"
#define NOW_MS 1800000000000

enum { FIELDS = 16, ROOM = 64 << 10 };

static struct check_fixture f;
static struct arena *a;
static struct dk_lib *lib;
static struct dk_key *rsa, *ed;

/* A message: its fields from the top, its body with CRLF. */
struct mail {
	struct dk_field v[FIELDS];
	size_t n;
	const char *body;
};

static void add(struct mail *m, const char *name, const char *value)
{
	m->v[m->n++] = (struct dk_field){ name, value, strlen(value) };
}

static void add_top(struct mail *m, const char *name, const char *value)
{
	memmove(&m->v[1], &m->v[0], m->n++ * sizeof m->v[0]);
	m->v[0] = (struct dk_field){ name, value, strlen(value) };
}

static struct mail plain(void)
{
	struct mail m = { .body = "Hello,\r\n  world \t\r\n\r\n" };

	add(&m, "From", " Alice <alice@example.org>");
	add(&m, "To", " bob@example.net");
	add(&m, "Subject", " folded\n\tonce");
	return m;
}

/* ---- A signer of our own, that signs any nonsense ---- */

static struct dk_hashes hashes_of(const struct mail *m, const char *value)
{
	struct mail with = *m;
	struct dk_hashes out;
	struct dk_wanted wanted;
	struct dk_hasher *h;
	struct dk_sig sig;
	const char *wrong = dk_sig_read(&sig, a, value, strlen(value));

	if (wrong != NULL)
		bail_out("the test's own signature: %s: %s", wrong, value);
	add_top(&with, "DKIM-Signature", value);
	wanted = (struct dk_wanted){ &with.v[0], &sig };
	h = dk_hasher_new(lib, a, with.v, with.n, &wanted, 1);
	dk_hasher_body(h, m->body, strlen(m->body));
	if (dk_hasher_end(h, &out) != 0 || out.why != NULL)
		bail_out("no hash: %s", out.why);
	dk_hasher_free(&h);
	return out;
}

/* A signature of these tags ("; bh=...; b=..." is added). */
static const char *make_signature(const struct mail *m, const struct dk_key *k, const char *tags)
{
	static const char nothing[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	struct dk_hashes h = hashes_of(m, arena_printf(a, " %s; bh=%s; b=AA==", tags, nothing));
	const char *head = arena_printf(a, " %s; bh=%s; b=", tags, dk_base64_encode(a, h.body, h.body_n));
	const unsigned char *signature;
	size_t n;

	h = hashes_of(m, arena_printf(a, "%sAA==", head));
	if (dk_key_sign(k, h.header, h.header_n, a, &signature, &n) != 0)
		bail_out("cannot sign");
	return arena_printf(a, "%s%s", head, dk_base64_encode(a, signature, n));
}

static void sign_by(struct mail *m, const struct dk_key *k, const char *tags)
{
	add_top(m, "DKIM-Signature", make_signature(m, k, tags));
}

#define TAGS "v=1; a=rsa-sha256; d=example.org; s=sel; h=from:to:subject"

static const char *record_of(const struct dk_key *k, const char *more)
{
	size_t n;
	const unsigned char *p = dk_key_record(k, a, &n);

	return arena_printf(a, "v=DKIM1; k=%s;%s p=%s", k == ed ? "ed25519" : "rsa", more, dk_base64_encode(a, p, n));
}

static void publish(const struct dk_key *k, const char *more)
{
	const char *text = record_of(k, more);

	fake_dns_clear();
	fake_dns_txt(KEY_NAME, text, strlen(text));
}

/* ---- The check, driven as the engine does ---- */

/* Verifies a message, its body in pieces; answers what Authentication-Results says. */
static const char *verify_in(const struct mail *m, size_t piece)
{
	static char buf[ROOM];
	struct check_call c;
	struct sbuf out;
	size_t n = strlen(m->body);

	fixture_client(&f, "192.0.2.5");
	fixture_mail(&f, "alice@example.org", NULL);
	for (size_t i = 0; i < m->n; i++)
		txn_add_header(f.txn, m->v[i].name, m->v[i].value, m->v[i].value_n);
	f.txn->stage = STAGE_HEADERS;
	c = fixture_call(&f, NULL);
	dkim_check.start(&c);
	for (size_t at = 0; at < n; at += piece)
		dkim_check.body(&c, m->body + at, n - at < piece ? n - at : piece);
	f.txn->stage = STAGE_END;
	dkim_check.finish(&c);
	sbuf_fixed(&out, buf, sizeof buf);
	dkim_check.authres(&c, &out);
	dkim_check.drop(&c);
	is_int(fake_net_open(), 0, "no question is left");
	return buf;
}

static const char *verify(const struct mail *m)
{
	return verify_in(m, ROOM);
}

/* The fact, and that the report has the text. */
static void is_result(const struct mail *m, const char *dkim, const char *report, const char *what)
{
	const char *text = verify(m);

	is_str(fixture_fact(&f, FACT_DKIM), dkim, "%s: %s", what, dkim);
	if (!ok(strstr(text, report) != NULL, "%s: it is told: %s", what, report))
		diag("%s", text);
}

/* ---- Signatures that are good ---- */

static void test_pass(void)
{
	static const char *const canonicalizations[] = { "simple/simple", "simple/relaxed", "relaxed/simple",
							 "relaxed/relaxed" };
	struct mail m = plain();

	publish(rsa, "");
	is_result(&m, "none", "dkim=none", "no signature");
	is_str(fixture_fact(&f, FACT_DKIM_DOMAIN), "(absent)", "and no domain");
	for (unsigned i = 0; i < 4; i++) {
		m = plain();
		sign_by(&m, rsa, arena_printf(a, TAGS "; c=%s", canonicalizations[i]));
		is_result(&m, "pass", "dkim=pass (2048-bit key) header.d=example.org header.s=sel header.a=rsa-sha256",
			  canonicalizations[i]);
		is_str(fixture_fact(&f, FACT_DKIM_DOMAIN), "example.org", "its domain");
	}
	for (size_t piece = 1; piece < 5; piece++)
		ok(strstr(verify_in(&m, piece), "dkim=pass") != NULL, "the body in pieces of %zu", piece);
	m = plain();
	sign_by(&m, ed, "v=1; a=ed25519-sha256; d=example.org; s=sel; h=from");
	publish(ed, "");
	is_result(&m, "pass", "dkim=pass (256-bit key)", "Ed25519");
	m = plain();
	m.body = "no line's end";
	sign_by(&m, ed, "v=1; a=ed25519-sha256; d=example.org; s=sel; h=from; c=relaxed/relaxed");
	is_result(&m, "pass", "dkim=pass", "a body without its last line's end");
	m = plain();
	m.body = "";
	sign_by(&m, ed, "v=1; a=ed25519-sha256; d=example.org; s=sel; h=from");
	is_result(&m, "pass", "dkim=pass", "no body");
	m = plain();
	m.v[0].value = " no address at all";
	m.v[0].value_n = strlen(m.v[0].value);
	sign_by(&m, ed, "v=1; a=ed25519-sha256; d=example.org; s=sel; h=from");
	is_result(&m, "pass", "dkim=pass", "a From that nobody can parse");
}

/* ---- Signatures that are not ---- */

static void test_fail(void)
{
	struct mail signed_mail = plain(), m;

	publish(rsa, "");
	sign_by(&signed_mail, rsa, TAGS "; c=relaxed/relaxed");
	m = signed_mail;
	m.body = "Hello,\r\n  world!\r\n";
	is_result(&m, "fail", "dkim=fail (2048-bit key) reason=\"the body's hash is another\"", "another body");
	m = signed_mail;
	m.v[2].value = " carol@example.net";
	m.v[2].value_n = strlen(m.v[2].value);
	is_result(&m, "fail", "reason=\"the signature does not fit", "another To");
	m = signed_mail;
	publish(rsa, " t=y;");
	m.body = "x\r\n";
	is_result(&m, "neutral", "dkim=neutral (2048-bit key, testing)", "a failure with a key that is tested");
	is_result(&signed_mail, "pass", "dkim=pass (2048-bit key, testing)", "no failure with it");
}

static void test_keys(void)
{
	struct dk_key *other = dk_key_generate(DK_KEY_RSA, 1024), *weak = dk_key_generate(DK_KEY_RSA, 768);
	struct mail m = plain(), sub = plain();
	const char *text;

	sign_by(&m, rsa, TAGS);
	sign_by(&sub, rsa, TAGS "; i=@sub.example.org");
	publish(rsa, " h=sha1;");
	is_result(&m, "permerror", "reason=\"the key is not for this hash\"", "h=sha1");
	publish(rsa, " s=web;");
	is_result(&m, "permerror", "not for mail", "s=web");
	publish(rsa, " t=s;");
	is_result(&m, "pass", "dkim=pass", "t=s");
	is_result(&sub, "permerror", "not for subdomains", "t=s and a subdomain");
	publish(rsa, "");
	is_result(&sub, "pass", "dkim=pass", "a subdomain without t=s");
	publish(other, "");
	is_result(&m, "fail", "dkim=fail (1024-bit key)", "somebody else's key");
	publish(ed, "");
	is_result(&m, "permerror", "another algorithm", "a key of another algorithm");
	fake_dns_clear();
	is_result(&m, "permerror", "there is no key", "no such name");
	fake_dns_empty(KEY_NAME, DNS_TXT);
	is_result(&m, "permerror", "there is no key", "no TXT record");
	fake_dns_clear();
	fake_dns_txt(KEY_NAME, "v=DKIM1; p=", 11);
	is_result(&m, "permerror", "revoked", "a revoked key");
	fake_dns_clear();
	fake_dns_txt(KEY_NAME, "v=DKIM1; p=Zm9v", 15);
	is_result(&m, "permerror", "cannot be decoded", "junk");
	text = record_of(rsa, "");
	fake_dns_txt(KEY_NAME, "v=spf1 -all", 11);
	fake_dns_txt(KEY_NAME, text, strlen(text));
	is_result(&m, "pass", "dkim=pass", "the key is among other records");
	m = plain();
	sign_by(&m, weak, TAGS);
	publish(weak, "");
	is_result(&m, "policy", "reason=\"a key of 768 bits is too short\"", "a weak key");
	m = plain();
	sign_by(&m, other, TAGS);
	publish(other, "");
	is_result(&m, "pass", "dkim=pass (1024-bit key)", "1024 bits");
	dk_key_free(&other);
	dk_key_free(&weak);
}

static void test_dns(void)
{
	struct mail m = plain();
	const char *text;

	sign_by(&m, rsa, TAGS);
	fake_dns_clear();
	fake_dns_fail(KEY_NAME, DNS_TXT, "SERVFAIL");
	is_result(&m, "(unavailable: DKIM key of example.org: SERVFAIL)", "dkim=temperror", "SERVFAIL");
	is_str(fixture_fact(&f, FACT_DKIM_DOMAIN), "(unavailable: DKIM key of example.org: SERVFAIL)",
	       "no domain either");
	fake_dns_clear();
	fake_dns_silent(KEY_NAME, DNS_TXT);
	is_result(&m, "(unavailable: DKIM key of example.org: timeout)", "dkim=temperror", "no answer");
	/* One that passes is enough. */
	sign_by(&m, rsa, "v=1; a=rsa-sha256; d=example.com; s=sel; h=from");
	text = record_of(rsa, "");
	fake_dns_txt("sel._domainkey.example.com", text, strlen(text));
	is_result(&m, "pass", "dkim=temperror", "no answer for one of two");
	is_str(fixture_fact(&f, FACT_DKIM_DOMAIN), "example.com", "the other's domain");
}

static void test_length(void)
{
	struct mail m = plain();

	publish(rsa, "");
	sign_by(&m, rsa, TAGS "; l=19");
	is_result(&m, "pass", "dkim=pass", "l= is the body's length");
	m.body = "Hello,\r\n  world \t\r\n\r\n\r\n\r\n";
	is_result(&m, "pass", "dkim=pass", "with more empty lines at its end, which do not count");
	m.body = "Hello,\r\n  world \t\r\n\r\nBuy this\r\n";
	is_result(&m, "policy", "dkim=policy", "with more text in their place");
	m = plain();
	sign_by(&m, rsa, TAGS "; l=8; c=relaxed/relaxed");
	is_result(&m, "policy", "dkim=policy (2048-bit key) reason=\"part of the body is not signed (l=)\"",
		  "l= leaves something out");
	m = plain();
	sign_by(&m, rsa, TAGS "; l=0; c=relaxed/relaxed");
	is_result(&m, "policy", "not signed", "all of it");
	m = plain();
	sign_by(&m, rsa, TAGS "; l=100000");
	is_result(&m, "fail", "reason=\"the body is shorter than signed (l=)\"", "l= is too large");
}

/* libopendkim looks at the machine's own clock besides: these times are good for the rest of the century. */
static void test_times(void)
{
	struct mail m = plain();

	publish(rsa, "");
	sign_by(&m, rsa, TAGS "; t=1700000000; x=4000000000");
	is_result(&m, "pass", "dkim=pass", "before it expires");
	clock_set_wall_ms(4000000400000);
	is_result(&m, "policy", "reason=\"it has expired (x=)\"", "after that");
	clock_set_wall_ms(1699999600000);
	is_result(&m, "policy", "future", "before it was made");
	clock_set_wall_ms(NOW_MS);
}

/* ---- Neighbours ---- */

static void test_neighbours(void)
{
	static const char *const bad[] = {
		" synerr",
		"",
		" v=1; a=rsa-sha256; c=foobar; d=example.org; s=sel; h=from; bh=x; b=x",
		" v=1; a=rsa-sha256; d=example.org; s=sel; d=example.com; h=from; bh=x; b=x",
		" v=1; d=\x80; \xff",
		" v=1; a=rsa-sha256; d=a b; h=:::::; s=\x01",
	};
	struct mail signed_mail = plain();

	publish(rsa, "");
	sign_by(&signed_mail, rsa, TAGS);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct mail above = signed_mail, below = signed_mail;

		add_top(&above, "DKIM-Signature", bad[i]);
		add(&below, "DKIM-Signature", bad[i]);
		is_result(&above, "pass", "dkim=permerror", "a bad signature above a good one");
		is_result(&below, "pass", "dkim=permerror", "below it");
	}
	/* What somebody signs, also when it is no signature itself, must be there for its hash. */
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct mail m = plain();

		add_top(&m, "DKIM-Signature", bad[i]);
		sign_by(&m, rsa, "v=1; a=rsa-sha256; d=example.org; s=sel; h=from:dkim-signature");
		is_result(&m, "pass", "dkim=permerror", "a signature over a bad signature");
	}
}

static void test_many(void)
{
	struct mail m = plain();
	const char *text = record_of(rsa, "");

	fake_dns_clear();
	fake_dns_txt("sel._domainkey.example.com", text, strlen(text));
	for (unsigned i = 0; i < 9; i++)
		sign_by(&m, rsa,
			arena_printf(a, "v=1; a=rsa-sha256; d=example.%s; s=sel; h=from", i == 0 ? "com" : "net"));
	text = verify(&m);
	is_str(fixture_fact(&f, FACT_DKIM), "permerror", "more signatures than are verified: the last is not");
	is_int(fake_dns_asked("sel._domainkey.example.net"), 6, "six are, by default");
	for (unsigned i = 0; i < 6; i++)
		text = strstr(text, "dkim=") + 1;
	ok(strstr(text, "dkim=") == NULL, "and told of");
}

/* Those of the author's domain are among the verified ones, however many others are above. */
static void test_whose(void)
{
	static const char *const related[] = { "example.org", "mail.example.org", "b.a.example.org", "example.org" };
	static const char *const authors[] = { " a@example.org", " a@Example.ORG", " a@example.org",
					       " a@news.example.org" };
	struct mail m;
	const char *text, *record = record_of(rsa, "");

	for (unsigned i = 0; i < sizeof related / sizeof related[0]; i++) {
		const char *name = arena_printf(a, "sel._domainkey.%s", related[i]);

		fake_dns_clear();
		fake_dns_txt(name, record, strlen(record));
		m = plain();
		m.v[0].value = authors[i];
		m.v[0].value_n = strlen(authors[i]);
		sign_by(&m, rsa, arena_printf(a, "v=1; a=rsa-sha256; d=%s; s=sel; h=from", related[i]));
		for (unsigned k = 0; k < 7; k++)
			sign_by(&m, rsa, "v=1; a=rsa-sha256; d=notexample.org; s=sel; h=from");
		add_top(&m, "DKIM-Signature", " v=1; d=example.org; nothing else");
		text = verify(&m);
		is_str(fixture_fact(&f, FACT_DKIM), "pass", "%s signs for%s", related[i], authors[i]);
		is_str(fixture_fact(&f, FACT_DKIM_DOMAIN), related[i], "its domain");
		is_int(fake_dns_asked("sel._domainkey.notexample.org"), 4, "six in all: one is malformed");
		text = strstr(text, "dkim=pass");
		ok(text != NULL && strstr(text + 1, "dkim=") == NULL, "reported in the header's order");
	}
}

/* Two signatures whose b= begin alike are told apart. */
static void test_report(void)
{
	struct mail m = plain();

	fake_dns_clear();
	add(&m, "DKIM-Signature", " v=1; a=x; d=a.example; s=x; b=abcdefghXYZ");
	add(&m, "DKIM-Signature", " v=1; a=y\"z; d=b.example; s=x; b=abcde fghX/Q");
	add(&m, "DKIM-Signature", " d=<c>; s=(; b=abc");
	add(&m, "DKIM-Signature", " d=d; s=\x80\xff; a=\xff\"; b=\"\\\xff");
	verify(&m);
	ok(strstr(verify(&m), "header.d=a.example header.s=x header.a=x header.b=abcdefghXY") != NULL,
	   "ten characters");
	ok(strstr(verify(&m), "header.b=\"abcdefghX/\"") != NULL, "what is no token is quoted");
	ok(strstr(verify(&m), "header.a=\"y\\\"z\"") != NULL, "and escaped");
	ok(strstr(verify(&m), "permerror reason=\"the version (v=) is missing or unknown\" header.b=abc;") != NULL,
	   "what is no name is not told of");
	for (const char *p = verify(&m); *p != '\0'; p++)
		if ((unsigned char)*p >= 0x7f || ((unsigned char)*p < ' ' && *p != '\n' && *p != '\t'))
			fail("a control character in the report");
}

/* ---- What libopendkim would stumble over ---- */

static void test_every_field_signed(void)
{
	static const char tags[] = "v=1; a=rsa-sha256; d=example.org; s=sel; "
				   "h=from:to:subject:x:x:x:x:x:x:x:x:dkim-signature:absent:from:from";

	/* Of odd numbers of fields, an array fills its chunk of memory to the end. */
	for (unsigned more = 0; more < 8; more++) {
		struct mail m = plain();

		for (unsigned i = 0; i < more; i++)
			add(&m, "X", " y");
		publish(rsa, "");
		sign_by(&m, rsa, tags);
		(void)verify(&m); /* its hash is of no interest: libopendkim takes the signature itself for signed */
		sign_by(&m, rsa, tags);
		is_result(&m, "pass", "dkim=pass", "every field is signed, and some that are not there");
	}
}

static void test_long_line(void)
{
	enum { LONG = 20 << 20 };
	char *body = malloc(LONG + 1);
	struct mail m = plain(), long_mail;

	publish(rsa, "");
	sign_by(&m, rsa, TAGS "; c=relaxed/relaxed");
	long_mail = m;
	memset(body, 'x', LONG);
	body[LONG] = '\0';
	long_mail.body = body;
	is_result(&long_mail, "permerror", "a line of the body is too long", "a body that is one line");
	free(body);
}

static void test_only_what_is_named(void)
{
	struct mail m = plain();
	struct dk_field *fields = arena_calloc(a, 20001, sizeof *fields);
	struct dk_wanted wanted;
	struct dk_hashes with, without;
	struct dk_hasher *h;
	struct dk_sig sig;
	const char *value = make_signature(&m, rsa, TAGS);

	/* 20,000 fields that a signature does not name change nothing, nor does their number. */
	dk_sig_read(&sig, a, value, strlen(value));
	fields[0] = (struct dk_field){ "DKIM-Signature", value, strlen(value) };
	for (size_t i = 1; i < 20001 - m.n; i++)
		fields[i] = (struct dk_field){ i % 2 ? "To" : "Junk", " x", 2 };
	memcpy(&fields[20001 - m.n], m.v, m.n * sizeof m.v[0]);
	wanted = (struct dk_wanted){ &fields[0], &sig };
	h = dk_hasher_new(lib, a, fields, 20001, &wanted, 1);
	is_int(dk_hasher_end(h, &with), 0, "hashed");
	dk_hasher_free(&h);
	without = hashes_of(&m, value);
	is_mem(with.header, without.header, without.header_n, "the last of each name count, and no others");
}

static void test_settings(void)
{
	struct check_fixture g;

	is_int(fixture_load(&g, &dkim_check, ""), 0, "no section");
	ok(g.state == NULL, "nothing is verified");
	fixture_free(&g);
	is_int(fixture_load(&g, &dkim_check, "dkim: { verify = false; };"), 0, "verify = false");
	ok(g.state == NULL, "nothing is verified");
	fixture_free(&g);
	is_int(fixture_load(&g, &dkim_check, "dkim: { max_signatures = 0; };"), -1, "no signature at all");
	fixture_free(&g);
	is_int(fixture_load(&g, &dkim_check, "dkim: { min_key_bits = 512; };"), -1, "RFC 8301: 1024 bits at least");
	fixture_free(&g);
}

int main(void)
{
	a = arena_new(0);
	lib = dk_lib_new();
	rsa = dk_key_generate(DK_KEY_RSA, 2048);
	ed = dk_key_generate(DK_KEY_ED25519, 0);
	clock_set_wall_ms(NOW_MS);
	if (fixture_load(&f, &dkim_check, "dkim: { verify = true; };") != 0)
		bail_out("%s", fixture_errors(&f));
	test_pass();
	test_fail();
	test_keys();
	test_dns();
	test_length();
	test_times();
	test_neighbours();
	test_many();
	test_whose();
	test_report();
	test_every_field_signed();
	test_long_line();
	test_only_what_is_named();
	test_settings();
	fixture_free(&f);
	dk_key_free(&rsa);
	dk_key_free(&ed);
	dk_lib_free(&lib);
	arena_free(&a);
	return done_testing();
}
