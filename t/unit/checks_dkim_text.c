/*
 * DKIM's grammars: tag lists, base64, signature fields, key records, and whose address is whose.
 */
#include <string.h>

#include "checks/dkim_login.h"
#include "checks/dkim_record.h"
#include "checks/dkim_sig.h"
#include "checks/dkim_tags.h"
#include "t/lib/tap.h"
#include "util/fold.h"

static struct arena *a;

/* ---- Tag lists ---- */

static void good_list(const char *text, const char *name, const char *value)
{
	struct dk_tags t;

	is_str(dk_tags_parse(&t, a, text, strlen(text)), NULL, "a tag list: %s", text);
	is_str(dk_tags_get(&t, name), value, "%s of %s", name, text);
}

static void bad_list(const char *text)
{
	struct dk_tags t;

	ok(dk_tags_parse(&t, a, text, strlen(text)) != NULL, "no tag list: \"%s\"", text);
}

static void test_tags(void)
{
	char many[DK_TAGS_MAX * 8];
	size_t n = 0;
	struct dk_tags t;

	good_list("a=b", "a", "b");
	good_list(" a = b ; c=d;", "a", "b");
	good_list("a=b;c=d ; ", "c", "d");
	good_list("a=;c=d", "a", "");
	good_list("a=b c\r\n\td;e=f", "a", "b c\r\n\td");
	good_list("a=b=c", "a", "b=c");
	good_list("A_1=x", "A_1", "x");
	good_list("a=\xd1\x8a", "a", "\xd1\x8a");
	good_list("a=b", "b", NULL);
	bad_list("");
	bad_list("  ");
	bad_list(";");
	bad_list("a");
	bad_list("a;b=c");
	bad_list("a=b;;c=d");
	bad_list("=b");
	bad_list("1=b");
	bad_list("a b=c");
	bad_list("a=b;a=c");
	bad_list("d=b;D=c");
	bad_list("a=\x01");
	bad_list("a=\x7f");
	ok(dk_tags_parse(&t, a, "a=b\0;c=d", 8) != NULL, "no tag list: one with a NUL");
	for (unsigned i = 0; i <= DK_TAGS_MAX; i++) {
		memcpy(many + n, (char[]){ 'a', (char)('a' + i % 26), (char)('a' + i / 26), '=', '1', ';' }, 6);
		n += 6;
	}
	ok(dk_tags_parse(&t, a, many, n - 6) == NULL, "many tags");
	ok(dk_tags_parse(&t, a, many, n) != NULL, "too many tags");
	ok(dk_tags_listed("x: y :z", "Y") && dk_tags_listed("x", "x") && dk_tags_listed("x:z", "z"), "listed");
	ok(!dk_tags_listed("xy", "x") && !dk_tags_listed("", "x") && !dk_tags_listed("x:", "y"), "not listed");
}

static void test_base64(void)
{
	static const char *const bad[] = { "A", "AAAAA", "AA=A", "AA===", "A===", "AAA==", "AA!A", "=", "====" };
	static const struct {
		const char *text, *bytes;
	} good[] = {
		{ "", "" },    { "Zg==", "f" },         { "Zm8=", "fo" }, { "Zm9v", "foo" }, { "Zm9vYg==", "foob" },
		{ "Zg", "f" }, { " Z\r\n\tg = =", "f" }
	};
	size_t n;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		const unsigned char *p = dk_base64_decode(a, good[i].text, &n);

		ok(p != NULL && n == strlen(good[i].bytes) && memcmp(p, good[i].bytes, n) == 0, "base64: \"%s\"",
		   good[i].text);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ok(dk_base64_decode(a, bad[i], &n) == NULL, "no base64: \"%s\"", bad[i]);
	is_str(dk_base64_encode(a, (const unsigned char *)"foob", 4), "Zm9vYg==", "encoded");
	is_str(dk_base64_encode(a, (const unsigned char *)"", 0), "", "nothing, encoded");
}

/* ---- Signatures ---- */

#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define SIG "v=1; a=rsa-sha256; d=Example.org; s=sel; h=From:To; bh=" HASH "; b=Z m9v"

static const char *read_sig(struct dk_sig *s, const char *text)
{
	return dk_sig_read(s, a, text, strlen(text));
}

static void bad_sig(const char *text, const char *why)
{
	struct dk_sig s;
	const char *wrong = read_sig(&s, text);

	ok(wrong != NULL && strstr(wrong, why) != NULL, "%s: %s", why, text);
	if (wrong == NULL || strstr(wrong, why) == NULL)
		diag("%s", wrong != NULL ? wrong : "it is read");
}

static void test_sig(void)
{
	struct dk_sig s;

	is_str(read_sig(&s, SIG), NULL, "a signature");
	is_str(s.domain, "example.org", "its domain, in lower case");
	is_str(s.selector, "sel", "its selector");
	is_str(s.b, "Zm9v", "its b=, without white space");
	is_int(s.signature_n, 3, "decoded");
	is_int(s.n_names, 2, "two fields");
	is_str(s.names[1], "To", "the second");
	ok(!s.limited && !s.relaxed_body && s.expires == 0, "no l=, simple, for ever");
	is_str(s.agent_domain, "example.org", "no i=");
	is_str(read_sig(&s, SIG "; c=relaxed/relaxed; l=10; t=1; x=2; i=a=40b@Sub.Example.Org; q=x:dns/txt; zz=1"),
	       NULL, "with all of them");
	ok(s.limited && s.length == 10 && s.relaxed_body && s.made == 1 && s.expires == 2, "read");
	is_str(s.agent_domain, "sub.example.org", "of i=");
	is_str(read_sig(&s, SIG "; c=relaxed"), NULL, "one canonicalization");
	ok(!s.relaxed_body, "is the header's");

	bad_sig("synerr", "without a value");
	bad_sig("a=rsa-sha256; d=a.example; s=s; h=from; bh=" HASH "; b=AA==", "version");
	bad_sig("v=2; a=rsa-sha256; d=a.example; s=s; h=from; bh=" HASH "; b=AA==", "version");
	bad_sig("v=1; a=rsa-sha256; d=a.example; s=s; h=from; b=AA==", "required");
	bad_sig("v=1; a=rsa-sha256; d=a..example; s=s; h=from; bh=" HASH "; b=AA==", "domain");
	bad_sig("v=1; a=rsa-sha256; d=a b.example; s=s; h=from; bh=" HASH "; b=AA==", "domain");
	bad_sig("v=1; a=rsa-sha256; d=; s=s; h=from; bh=" HASH "; b=AA==", "domain");
	bad_sig("v=1; a=rsa-sha256; d=a.example; s=s/; h=from; bh=" HASH "; b=AA==", "selector");
	bad_sig("v=1; a=rsa-md5; d=a.example; s=s; h=from; bh=" HASH "; b=AA==", "algorithm");
	bad_sig("v=1; a=rsa-sha256; d=a.example; s=s; h=to; bh=" HASH "; b=AA==", "From");
	bad_sig("v=1; a=rsa-sha256; d=a.example; s=s; h=from::to; bh=" HASH "; b=AA==", "fields");
	bad_sig("v=1; a=rsa-sha256; d=a.example; s=s; h=; bh=" HASH "; b=AA==", "fields");
	bad_sig("v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AA==; b=AA==", "hash");
	bad_sig("v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=" HASH "; b=", "signature");
	bad_sig("v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=" HASH "; b=!", "signature");
	bad_sig(SIG "; c=loose", "canonicalization");
	bad_sig(SIG "; c=relaxed/", "canonicalization");
	bad_sig(SIG "; q=http", "query");
	bad_sig(SIG "; q=dns/special", "query");
	bad_sig(SIG "; i=a@example.com", "agent");
	bad_sig(SIG "; i=a@badexample.org", "agent");
	bad_sig(SIG "; i=example.org", "agent");
	bad_sig(SIG "; i==4@example.org", "agent");
	bad_sig(SIG "; t=x", "time");
	bad_sig(SIG "; x=-1", "time");
	bad_sig(SIG "; x=9999999999999999", "time");
	bad_sig(SIG "; t=5; x=5", "expires");
	bad_sig(SIG "; l=-1", "length");
	bad_sig(SIG "; l=", "length");
	bad_sig(SIG "; s=other", "twice");
	is_str((read_sig(&s, "v=1; d=a.example; s=x; a=what; b=AA=="), s.domain), "a.example",
	       "what is bad still says whose it is");
}

static void test_sig_sizes(void)
{
	char *h = arena_alloc(a, 8192), *text;
	struct dk_sig s;

	strcpy(h, "from");
	for (unsigned i = 1; i < DK_NAMES_MAX; i++)
		strcat(h, ":x");
	text = arena_printf(a, "v=1; a=rsa-sha256; d=a.example; s=s; bh=" HASH "; b=AA==; h=%s", h);
	is_str(read_sig(&s, text), NULL, "many names in h=");
	ok(read_sig(&s, arena_printf(a, "%s:x", text)) != NULL, "too many");
	memset(h, 'x', DK_NAMES_BYTES_MAX);
	memcpy(h, "from:", 5);
	h[DK_NAMES_BYTES_MAX] = '\0';
	text = arena_printf(a, "v=1; a=rsa-sha256; d=a.example; s=s; bh=" HASH "; b=AA==; h=%s", h);
	is_str(read_sig(&s, text), NULL, "a long h=");
	ok(read_sig(&s, arena_printf(a, "%sx", text)) != NULL, "a longer one");
	text = arena_alloc(a, DK_FIELD_MAX + 2);
	memset(text, ' ', DK_FIELD_MAX + 1);
	ok(dk_sig_read(&s, a, text, DK_FIELD_MAX + 1) != NULL && s.domain == NULL, "a field that is too long");
}

/* ---- Records ---- */

static const char *read_record(struct dk_record *r, const char *text)
{
	return dk_record_read(r, a, text, strlen(text));
}

static void test_record(void)
{
	static const char *const bad[] = {
		"",
		"v=spf1 -all",
		"k=rsa",
		"v=DKIM3; p=Zm9v",
		"p=Zm9v; v=DKIM1",
		"v=dkim1; p=Zm9v",
		"k=foobar; p=Zm9v",
		"k=rsa; t; p=Zm9v",
		"p=Z!",
		"p=Zm9v; p=Zm9v",
	};
	struct dk_record r;

	is_str(read_record(&r, "v=DKIM1; p=Zm 9v"), NULL, "a record");
	ok(r.type == DK_KEY_RSA && r.key_n == 3 && !r.revoked && r.sha1 && r.sha256 && r.email && !r.testing &&
		   !r.no_subdomains,
	   "with what it does not say");
	is_str(read_record(&r, "k=ed25519; h=sha1:sha512; s=web; t = y : s:x; n=a; g=*; p="), NULL, "one that says it");
	ok(r.type == DK_KEY_ED25519 && r.revoked && r.sha1 && !r.sha256 && !r.email && r.testing && r.no_subdomains,
	   "is read");
	is_str(read_record(&r, "p=Zm9v; h=sha256; s=email:web;"), NULL, "lists");
	ok(!r.sha1 && r.sha256 && r.email, "are looked through");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ok(read_record(&r, bad[i]) != NULL, "no record: \"%s\"", bad[i]);
}

/* ---- Logins ---- */

static bool allows(const struct dk_logins *l, const char *address, const char *user)
{
	struct fact_text from = { .raw = address, .raw_n = strlen(address) }, login = { .raw = user };

	from.folded = fold_text(a, address, strlen(address), &from.folded_n);
	if (user != NULL)
		login.folded = fold_text(a, user, strlen(user), &login.folded_n);
	return dk_logins_allow(l, &from, user != NULL ? &login : NULL);
}

static void test_logins(void)
{
	struct conf_item items[] = { { "Alice@example.net: alice, Chief", "f", 1 },
				     { "@example.org:carol", "f", 2 },
				     { "bob@example.org : bob", "f", 3 } };
	struct conf_item bad[] = { { "alice alice", "f", 1 },
				   { "alice: alice", "f", 2 },
				   { "a@b.c:", "f", 3 },
				   { "a@b.c: x,,y", "f", 4 },
				   { "a@: x", "f", 5 } };
	struct error_list errors = ERROR_LIST_INIT;
	struct dk_logins *l = dk_logins_new(&(struct conf_strings){ items, 3 }, a, &errors);

	ok(l != NULL && errors.errors == 0, "a map is read");
	ok(allows(l, "alice@example.net", "alice") && allows(l, "ALICE@Example.NET", "chief"), "an owner, in any case");
	ok(allows(l, "alice+x@example.net", "alice"), "with a detail");
	ok(!allows(l, "alice@example.net", "bob") && !allows(l, "dave@example.net", "alice"), "nobody else");
	ok(allows(l, "x@example.org", "carol") && !allows(l, "bob@example.org", "carol"),
	   "a domain's owner, but for addresses of their own");
	ok(allows(l, "bob@example.org", "bob"), "which are theirs");
	ok(allows(l, "dave@example.net", NULL) && !allows(l, "alice@example.net", NULL),
	   "without a login: what nobody owns");
	dk_logins_free(&l);
	ok(dk_logins_new(&(struct conf_strings){ bad, 5 }, a, &errors) == NULL, "a bad map is not");
	is_int(errors.errors, 5, "each of its lines is told of");
	error_clear(&errors);
}

int main(void)
{
	a = arena_new(0);
	test_tags();
	test_base64();
	test_sig();
	test_sig_sizes();
	test_record();
	test_logins();
	ok(!arena_failed(a), "memory sufficed");
	arena_free(&a);
	return done_testing();
}
