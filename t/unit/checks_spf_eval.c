/*
 * check_host() over a DNS without a network: mechanisms, includes, limits, failures.  Both evaluators must keep within
 * the limits.
 */
#include "checks/spf_eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/spf_libspf2.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"
#include "util/sbuf.h"

enum { LINE_SIZE = 1024, OPS = 4096 };

/* ---- A zone, as lines "NAME TYPE DATA" ---- */

static void add_line(const char *name, const char *type, const char *data)
{
	if (strcmp(type, "TXT") == 0)
		fake_dns_txt(name, data, strlen(data));
	else if (strcmp(type, "A") == 0)
		fake_dns_addr(name, data);
	else if (strcmp(type, "MX") == 0)
		fake_dns_mx(name, data);
	else if (strcmp(type, "PTR") == 0)
		fake_dns_ptr(name, data);
	else if (strcmp(type, "FAIL") == 0)
		fake_dns_fail(name,
			      strcmp(data, "TXT") == 0   ? DNS_TXT
			      : strcmp(data, "MX") == 0  ? DNS_MX
			      : strcmp(data, "PTR") == 0 ? DNS_PTR
							 : DNS_A,
			      "SERVFAIL");
	else
		bail_out("no type of the test: %s", type);
}

static void zone(const char *text)
{
	char line[LINE_SIZE];

	fake_dns_clear();
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		char *rest = line;
		const char *name, *type;

		snprintf(line, sizeof line, "%.*s", (int)n, text);
		name = strsep(&rest, " ");
		type = strsep(&rest, " ");
		add_line(name, type, rest);
		text += n + (text[n] == '\n');
	}
}

/* ---- Asking ---- */

static struct net_op *ops[OPS];
static unsigned n_ops, n_hints;

static const struct dns_answer *ask(void *ctx, const char *name, enum dns_type type)
{
	(void)ctx;
	if (n_ops == OPS)
		bail_out("more than %d questions", OPS);
	ops[n_ops] = dns_ask(NULL, name, type);
	return dns_result(ops[n_ops++]);
}

static void hint(void *ctx, const char *name, enum dns_type type)
{
	(void)ctx;
	(void)name;
	(void)type;
	n_hints++;
}

typedef void check_fn(const struct spf_query *q, const struct spf_dns *dns, struct arena *a, struct spf_answer *out);

static struct arena *arena;

static struct spf_answer check_by(check_fn *fn, const char *ip, const char *sender, const char *domain)
{
	const struct spf_dns dns = { .ask = ask, .hint = hint };
	struct spf_query q = { .domain = domain, .sender = sender, .helo = "helo.example" };
	struct spf_answer out;

	if (ip_parse(&q.ip, ip) != 0)
		bail_out("no address: %s", ip);
	while (n_ops > 0)
		net_op_free(&ops[--n_ops]);
	n_hints = 0;
	arena_reset(arena);
	fn(&q, &dns, arena, &out);
	return out;
}

static struct spf_answer check(const char *ip)
{
	return check_by(spf_check_host, ip, "alice@example.org", "example.org");
}

/* The result, and the terms that led to it. */
static void is_result(const char *ip, const char *result, const char *path, const char *what)
{
	struct spf_answer out = check(ip);
	char terms[256] = "";
	struct sbuf b;

	sbuf_fixed(&b, terms, sizeof terms);
	for (unsigned i = 0; i < out.n_path; i++)
		sbuf_addf(&b, "%s%s", i > 0 ? " > " : "", out.path[i]);
	is_str(spf_result_name(out.result), result, "%s: %s", what, result);
	is_str(terms, path, "%s: %s", what, path);
	ok((out.problem != NULL) == (out.result == SPF_PERMERROR || out.result == SPF_TEMPERROR),
	   "%s: a problem is named when there is one", what);
}

/* ---- Tests ---- */

static void test_results(void)
{
	zone("");
	is_result("192.0.2.1", "none", "", "no domain");
	zone("example.org TXT some text\nexample.org TXT v=spf10");
	is_result("192.0.2.1", "none", "", "no SPF record");
	zone("example.org TXT v=spf1 -all\nexample.org TXT v=spf1 +all");
	is_result("192.0.2.1", "permerror", "", "two records");
	zone("example.org TXT v=spf1 -al");
	is_result("192.0.2.1", "permerror", "", "a broken record");
	zone("example.org TXT v=spf1 +all nonsense");
	is_result("192.0.2.1", "permerror", "", "broken behind what would match");
	zone("example.org FAIL TXT");
	is_result("192.0.2.1", "temperror", "", "no answer");
	zone("example.org TXT v=spf1");
	is_result("192.0.2.1", "neutral", "", "a record without terms");
	zone("example.org TXT v=spf1 ip4:192.0.2.0/24 ~ip4:198.51.100.0/24 ip6:2001:db8::/32 -all");
	is_result("192.0.2.1", "pass", "ip4:192.0.2.0/24", "ip4");
	is_result("198.51.100.1", "softfail", "~ip4:198.51.100.0/24", "a qualifier");
	is_result("2001:db8::1", "pass", "ip6:2001:db8::/32", "ip6");
	is_result("203.0.113.1", "fail", "-all", "all");
	zone("example.org TXT v=spf1 ip6:::ffff:192.0.2.1 ?all");
	is_result("::ffff:192.0.2.1", "neutral", "?all", "a mapped address is an IPv4 address, and no match for ip6");
}

static void test_mechanisms(void)
{
	zone("example.org TXT v=spf1 a/24 mx -all\nexample.org A 192.0.2.1\nexample.org MX mx1.example.org\n"
	     "example.org MX mx2.example.org\nmx2.example.org A 198.51.100.1");
	is_result("192.0.2.77", "pass", "a/24", "a, with a prefix length");
	is_result("198.51.100.1", "pass", "mx", "mx, the second of two");
	is_result("198.51.100.2", "fail", "-all", "neither");
	is_int(n_hints, 2 + 2, "a, mx and the two hosts were announced");
	zone("example.org TXT v=spf1 exists:%{ir}.list.example -all\n1.2.0.192.list.example A 127.0.0.2");
	is_result("192.0.2.1", "pass", "exists:%{ir}.list.example", "exists");
	zone("example.org TXT v=spf1 ptr ?all\n1.2.0.192.in-addr.arpa PTR forged.example.org\n"
	     "1.2.0.192.in-addr.arpa PTR Mail.Example.org\nMail.Example.org A 192.0.2.1\n"
	     "forged.example.org A 198.51.100.1");
	is_result("192.0.2.1", "pass", "ptr", "ptr, the second of two names");
	zone("example.org TXT v=spf1 ptr ?all\n1.2.0.192.in-addr.arpa FAIL PTR");
	is_result("192.0.2.1", "neutral", "?all", "ptr: a failure is no match");
	zone("example.org TXT v=spf1 exists:%{p}.names.example -all\n1.2.0.192.in-addr.arpa PTR mail.example.net\n"
	     "mail.example.net A 192.0.2.1\nmail.example.net.names.example A 127.0.0.1");
	is_result("192.0.2.1", "pass", "exists:%{p}.names.example", "%{p}");
	zone("example.org TXT v=spf1 mx ?all\nexample.org MX .");
	is_result("192.0.2.1", "neutral", "?all", "a null MX");
	zone("example.org TXT v=spf1 a:%{l}.example.org a:[192.0.2.1].example.org ?all");
	ok(check_by(spf_check_host, "192.0.2.1", "a..b@example.org", "example.org").result == SPF_NEUTRAL,
	   "a name that cannot be asked is no match");
}

static void test_include(void)
{
	zone("example.org TXT v=spf1 include:one.example include:two.example redirect=three.example\n"
	     "one.example TXT v=spf1 -ip4:192.0.2.1 ~ip4:192.0.2.2 ip4:192.0.2.3 ?all\n"
	     "two.example TXT v=spf1 include:deep.example -all\n"
	     "deep.example TXT v=spf1 ip4:192.0.2.4 -all\n"
	     "three.example TXT v=spf1 ~ip4:192.0.2.5 a:%{d} -all\n"
	     "three.example A 192.0.2.6");
	is_result("192.0.2.3", "pass", "include:one.example > ip4:192.0.2.3", "include");
	is_result("192.0.2.4", "pass", "include:two.example > include:deep.example > ip4:192.0.2.4",
		  "include in include");
	is_result("192.0.2.5", "softfail", "redirect=three.example > ~ip4:192.0.2.5", "redirect");
	is_result("192.0.2.6", "pass", "redirect=three.example > a:%{d}", "redirect changes %{d}");
	is_result("192.0.2.1", "fail", "redirect=three.example > -all", "a fail within an include is no match");
	is_int(check("192.0.2.1").lookups, 5, "the terms that asked are counted over all records");

	zone("example.org TXT v=spf1 include:none.example +all");
	is_result("192.0.2.1", "permerror", "", "include without a record");
	zone("example.org TXT v=spf1 redirect=none.example");
	is_result("192.0.2.1", "permerror", "", "redirect without a record");
	zone("example.org TXT v=spf1 include:dead.example +all\ndead.example FAIL TXT");
	is_result("192.0.2.1", "temperror", "", "include without an answer");
	zone("example.org TXT v=spf1 ip4:192.0.2.1 include:dead.example -all\ndead.example FAIL TXT");
	is_result("192.0.2.1", "pass", "ip4:192.0.2.1", "what matched first needs no answer");
	zone("example.org TXT v=spf1 redirect=none.example -all");
	is_result("192.0.2.1", "fail", "-all", "all outweighs redirect");
	zone("example.org TXT v=spf1 include:example.org -all");
	is_result("192.0.2.1", "permerror", "", "a record that includes itself");
	zone("example.org TXT v=spf1 redirect=example.org");
	is_result("192.0.2.1", "permerror", "", "a record that redirects to itself");
	zone("example.org TXT v=spf1 exp=explain.example -all\nexplain.example TXT go away");
	is_result("192.0.2.1", "fail", "-all", "an explanation");
	is_int(fake_dns_asked("explain.example"), 0, "is never asked for");
}

static void test_limits(void)
{
	zone("example.org TXT v=spf1 a a a a a a a a a a ?all\nexample.org A 192.0.2.9");
	is_result("192.0.2.1", "neutral", "?all", "ten terms");
	zone("example.org TXT v=spf1 a a a a a a a a a a a ?all\nexample.org A 192.0.2.9");
	is_result("192.0.2.1", "permerror", "", "eleven");
	is_int(check("192.0.2.1").lookups, SPF_TERMS_MAX, "of which ten asked");
	zone("example.org TXT v=spf1 a:v1.example a:v2.example ip4:192.0.2.1 -all");
	is_result("192.0.2.1", "pass", "ip4:192.0.2.1", "two look-ups that find nothing");
	zone("example.org TXT v=spf1 a:v1.example mx:v2.example exists:v3.example +all");
	is_result("192.0.2.1", "permerror", "", "three");
	zone("example.org TXT v=spf1 include:a.example include:b.example +all\n"
	     "a.example TXT v=spf1 a:v1.example a:v2.example\nb.example TXT v=spf1 a:v3.example");
	is_result("192.0.2.1", "permerror", "", "three, counted over includes");
	zone("example.org TXT v=spf1 a:v1.example a:v2.example a:dead.example +all\ndead.example FAIL A");
	is_result("192.0.2.1", "temperror", "", "a failure is no void look-up");
}

static void test_names(void)
{
	char line[LINE_SIZE];

	for (int extra = 0; extra <= 1; extra++) {
		zone("example.org TXT v=spf1 mx -all");
		for (int i = 0; i < SPF_NAMES_MAX + extra; i++) {
			snprintf(line, sizeof line, "mx%d.example.org", i);
			fake_dns_mx("example.org", line);
			fake_dns_addr(line, i == SPF_NAMES_MAX - 1 ? "192.0.2.1" : "192.0.2.2");
		}
		is_result("192.0.2.1", extra ? "permerror" : "pass", extra ? "" : "mx",
			  extra ? "eleven MX names" : "ten MX names");
	}
	zone("example.org TXT v=spf1 ptr -all");
	for (int i = 0; i <= SPF_NAMES_MAX; i++) {
		snprintf(line, sizeof line, "n%d.example.%s", i, i == SPF_NAMES_MAX ? "org" : "net");
		fake_dns_ptr("1.2.0.192.in-addr.arpa", line);
		fake_dns_addr(line, "192.0.2.1");
	}
	is_result("192.0.2.1", "fail", "-all", "of eleven names of the client the last one does not count");
}

/* ---- Trees of includes, by both evaluators ---- */

/* Each record includes ten others, and so does the first of those. */
static void plant_tree(const char *name, int depth)
{
	char record[LINE_SIZE] = "v=spf1", child[64];

	for (int i = 0; i < 10 && depth > 1; i++) {
		snprintf(child, sizeof child, "%c%s", 'a' + i, name);
		snprintf(record + strlen(record), sizeof record - strlen(record), " include:%s", child);
	}
	snprintf(record + strlen(record), sizeof record - strlen(record), " ?all");
	fake_dns_txt(name, record, strlen(record));
	for (int i = 0; i < 10 && depth > 1; i++) {
		snprintf(child, sizeof child, "%c%s", 'a' + i, name);
		if (i == 0)
			plant_tree(child, depth - 1);
		else
			fake_dns_txt(child, "v=spf1 ?all", 11);
	}
}

static void test_tree(check_fn *fn, const char *who)
{
	struct spf_answer out;

	fake_dns_clear();
	plant_tree("x.example.org", 5);
	out = check_by(fn, "192.0.2.1", "a@x.example.org", "x.example.org");
	is_str(spf_result_name(out.result), "permerror", "%s: a tree of includes is a permerror", who);
	ok(n_ops <= 12, "%s: after %u questions", who, n_ops);
	is_str(out.problem, "more than ten terms that ask DNS", "%s: and the reason is told", who);

	zone("example.org TXT v=spf1 include:a.example include:a.example include:a.example +all\n"
	     "a.example TXT v=spf1 include:b.example include:b.example include:b.example ?all\n"
	     "b.example TXT v=spf1 a:h.example a:h.example a:h.example a:h.example ?all\nh.example A 192.0.2.9");
	out = check_by(fn, "192.0.2.1", "a@example.org", "example.org");
	is_str(spf_result_name(out.result), "permerror", "%s: so is a web of them", who);
	ok(n_ops <= 12, "%s: after %u questions", who, n_ops);

	zone("example.org TXT v=spf1 a:v1.example a:v2.example a:v3.example +all");
	out = check_by(fn, "192.0.2.1", "a@example.org", "example.org");
	is_str(spf_result_name(out.result), "permerror", "%s: three look-ups that find nothing", who);
	zone("example.org TXT v=spf1 mx +all");
	for (int i = 0; i < 20; i++) {
		char name[64];

		snprintf(name, sizeof name, "m%d.example", i);
		fake_dns_mx("example.org", name);
		fake_dns_addr(name, "198.51.100.1");
	}
	out = check_by(fn, "192.0.2.1", "a@example.org", "example.org");
	is_str(spf_result_name(out.result), "permerror", "%s: twenty MX names", who);
	ok(n_ops <= 2, "%s: whose addresses are not asked for", who);
}

static void test_identity(void)
{
	zone("example.org TXT v=spf1 exists:%{l}.%{o}.users.example -all\npostmaster.example.org.users.example A 127.0.0.1");
	ok(check_by(spf_check_host, "192.0.2.1", "", "example.org").result == SPF_PASS, "no local part: postmaster");
	ok(check_by(spf_check_host, "192.0.2.1", "@example.org", "example.org").result == SPF_PASS, "nor an empty one");
	fake_dns_clear();
	ok(check_by(spf_check_host, "192.0.2.1", "a@[192.0.2.1]", "[192.0.2.1]").result == SPF_NONE &&
		   check_by(spf_check_host, "192.0.2.1", "", "localhost").result == SPF_NONE &&
		   check_by(spf_check_host, "192.0.2.1", "", "").result == SPF_NONE,
	   "what is no domain has no record");
	is_int(fake_dns_total(), 0, "and is not asked for");
}

/* Memory that runs out at any point: no crash, and no verdict for want of it. */
static void test_no_memory(void)
{
	struct arena *whole = arena;
	bool fits = false;

	zone("example.org TXT v=spf1 include:%{d}.example a:%{p}.example -all\n"
	     "example.org.example TXT v=spf1 ip4:198.51.100.0/24 redirect=b.example\nb.example TXT v=spf1 mx ip4:192.0.2.1");
	for (size_t room = 1; !fits && room < 65536; room += 16) {
		struct spf_answer out;

		arena = arena_new(room);
		if (arena == NULL)
			continue;
		out = check("192.0.2.1");
		fits = !arena_failed(arena);
		if (out.result != (fits ? SPF_PASS : SPF_TEMPERROR))
			fail("with room for %zu bytes the result is %s", room, spf_result_name(out.result));
		arena_free(&arena);
	}
	arena = whole;
	ok(fits, "memory that runs out anywhere does no harm");
}

int main(void)
{
	arena = arena_new(0);
	test_results();
	test_mechanisms();
	test_include();
	test_limits();
	test_names();
	test_identity();
	test_no_memory();
	test_tree(spf_check_host, "own");
	test_tree(spf_libspf2_check_host, "libspf2");
	while (n_ops > 0)
		net_op_free(&ops[--n_ops]);
	arena_free(&arena);
	return done_testing();
}
