/*
 * What rules decide for several recipients, made into the one answer that SMTP has.
 */
#include <stddef.h>
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/engine_fixture.h"

static const char *const two[] = { "<bob@example.net>", "<Carol@example.net>", NULL };
static const char *const win[] = { "Subject: You win", "From: a@example.org", NULL };

struct verdict_case {
	const char *what;
	const char *conf;
	struct mail mail;
	const char *want;
};

#define RULE(name, when, then) "{ name = \"" name "\"; when = ( " when " ); then = { " then " }; }"
#define RULES(list) "rules = ( " list " );"
#define TO(address) "{ fact = \"recipient\"; is = \"" address "\"; }"
#define WIN "{ fact = \"subject\"; contains = \"WIN\"; }"

static const struct verdict_case cases[] = {
	{ "nothing configured", "", { 0 }, "END accept\n" },
	{ "a recipient is refused alone",
	  RULES(RULE("r", TO("bob@example.net"), "reject = true;")),
	  { .rcpts = two },
	  "RCPT <bob@example.net> 550 5.7.1\nEND accept\n" },
	{ "the rule's own codes",
	  RULES(RULE("r", TO("bob@example.net"), "reject = \"554 5.2.1 gone\";")),
	  { 0 },
	  "RCPT <bob@example.net> 554 5.2.1\n" },
	{ "defer",
	  RULES(RULE("r", TO("bob@example.net"), "defer = true;")),
	  { 0 },
	  "RCPT <bob@example.net> 451 4.7.1\n" },
	{ "a subject is refused when the headers end",
	  RULES(RULE("r", WIN, "reject = true;")),
	  { .headers = win },
	  "HEADERS 550 5.7.1\n" },
	{ "delete for one of two leaves the other's copy",
	  RULES(RULE("d", TO("carol@example.net"), "delete = true;")),
	  { .rcpts = two },
	  "END accept\ndel <Carol@example.net>\n" },
	{ "delete for all discards",
	  RULES(RULE("d", "{ fact = \"sender_domain\"; is = \"example.org\"; }", "delete = true;")),
	  { .rcpts = two },
	  "END delete\n"
	  "del <bob@example.net>\ndel <Carol@example.net>\n" },
	{ "a copy survives delete for all",
	  RULES(RULE("c", WIN, "copy = \"log@example.net\";") ", " RULE("d", WIN, "delete = true;")),
	  { .headers = win },
	  "END accept\ndel <bob@example.net>\nadd log@example.net quiet\n" },
	{ "move",
	  RULES(RULE("m", TO("bob@example.net"), "move = \"dave@example.net\";")),
	  { .rcpts = two },
	  "END accept\ndel <bob@example.net>\nadd dave@example.net\n" },
	{ "a copy is made once",
	  RULES(RULE("c", WIN, "copy = \"log@example.net\";")),
	  { .rcpts = two, .headers = win },
	  "END accept\nadd log@example.net quiet\n" },
	{ "a copy bound to a refused recipient is not made",
	  RULES(RULE("c", TO("bob@example.net"), "copy = \"log@example.net\";") ", " RULE("r", TO("bob@example.net"),
											  "reject = true;")),
	  { .rcpts = two },
	  "RCPT <bob@example.net> 550 5.7.1\nEND accept\n" },
	{ "a move to one who is moved away himself keeps the mail",
	  RULES(RULE("m", "{ fact = \"recipient\"; in = ( \"bob@example.net\", \"carol@example.net\" ); }",
		     "move = \"carol@example.net\";")),
	  { .rcpts = two },
	  "END accept\ndel <bob@example.net>\ndel <Carol@example.net>\nadd carol@example.net\n" },
	{ "a copy to one whose own mail is deleted is made",
	  RULES(RULE("c", TO("bob@example.net"),
		     "copy = \"carol@example.net\";") ", " RULE("d", TO("carol@example.net"), "delete = true;")),
	  { .rcpts = two },
	  "END accept\ndel <Carol@example.net>\nadd carol@example.net quiet\n" },
	{ "moved mail may bounce, though a copy goes to the same address",
	  RULES(RULE("c", TO("bob@example.net"), "copy = \"dave@example.net\";") ", " RULE(
		  "m", TO("carol@example.net"), "move = \"dave@example.net\";")),
	  { .rcpts = two },
	  "END accept\ndel <Carol@example.net>\nadd dave@example.net\n" },
	{ "shadow refuses nobody and counts as if it did",
	  "shadow = true; deny: { clients = ( \"198.51.100.0/24\" ); };",
	  { 0 },
	  "END accept\n" },
	{ "exempt recipients in subdomains",
	  "local_domains = ( \".sub.example\" ); deny: { clients = ( \"198.51.100.0/24\" ); };",
	  { .rcpts = (const char *const[]){ "<abuse@a.sub.example>", "<abuse@other.example>", NULL } },
	  "RCPT <abuse@other.example> 554 5.7.1\nEND accept\n" },
	{ "quarantine", RULES(RULE("q", WIN, "quarantine = true;")), { .headers = win }, "END quarantine\n" },
	{ "a mixed refusal is a mark",
	  RULES(RULE("r", TO("bob@example.net") ", " WIN, "reject = \"550 5.7.1 no prizes\";")),
	  { .rcpts = two, .headers = win },
	  "END accept\ninsert 0 X-Millgate-Mark: reject; no prizes\n" },
	{ "one that fits all remaining recipients is a refusal",
	  RULES(RULE("r", TO("bob@example.net") ", " WIN, "reject = true;")),
	  { .headers = win },
	  "HEADERS 550 5.7.1\n" },
	{ "mixed: redirect",
	  "mixed_recipients = \"redirect\"; quarantine_address = \"q@example.net\";" RULES(
		  RULE("r", TO("bob@example.net") ", " WIN, "reject = \"550 5.7.1 no prizes\";")),
	  { .rcpts = two, .headers = win },
	  "END accept\nheader X-Millgate-Redirected: bob@example.net; reject; no prizes\n"
	  "del <bob@example.net>\nadd q@example.net\n" },
	{ "mixed: split",
	  "mixed_recipients = \"split\";" RULES(RULE("r", TO("bob@example.net") ", " WIN, "reject = true;")),
	  { .rcpts = two, .headers = win },
	  "RCPT <Carol@example.net> 452 4.5.3\nHEADERS 550 5.7.1\n" },
	{ "mixed quarantine of one of two is a mark",
	  RULES(RULE("q", TO("bob@example.net") ", " WIN, "quarantine = \"odd\";")),
	  { .rcpts = two, .headers = win },
	  "END accept\ninsert 0 X-Millgate-Mark: quarantine; odd\n" },
	{ "accept ends refusing, copies go on",
	  RULES(RULE("a", "{ fact = \"sender\"; is = \"alice@example.org\"; }", "accept = true;") ", " RULE(
		  "r", TO("bob@example.net"), "reject = true;") ", " RULE("c", WIN, "copy = \"log@example.net\";")),
	  { .headers = win },
	  "END accept\nadd log@example.net quiet\n" },
	{ "shadow changes nothing",
	  "shadow = true;" RULES(
		  RULE("r", TO("bob@example.net"), "reject = true;") ", " RULE("c", WIN, "copy = \"l@example.net\";")),
	  { .headers = win },
	  "END accept\n" },
	{ "tag_subject",
	  RULES(RULE("t", WIN, "tag_subject = \"[ad]\";")),
	  { .headers = win },
	  "END accept\nchange Subject[1]: [ad] You win\n" },
	{ "tag_subject in Cyrillic",
	  RULES(RULE("t", WIN, "tag_subject = \"[\xd0\xb0]\";")),
	  { .headers = win },
	  "END accept\nchange Subject[1]: =?UTF-8?Q?=5B=D0=B0=5D?= You win\n" },
	{ "set_header keeps one field",
	  RULES(RULE("s", WIN, "set_header = \"X-A: new\";")),
	  { .headers = (const char *const[]){ "Subject: win", "X-A: 1", "x-a: 2", "X-A: 3", NULL } },
	  "END accept\nchange X-A[1]: new\nchange X-A[3]: (removed)\nchange x-a[2]: (removed)\n" },
	{ "remove_header takes all",
	  RULES(RULE("s", WIN, "remove_header = \"X-A\";")),
	  { .headers = (const char *const[]){ "Subject: win", "X-A: 1", "X-A: 2", NULL } },
	  "END accept\nchange X-A[2]: (removed)\nchange X-A[1]: (removed)\n" },
	{ "a header is added once for two recipients",
	  RULES(RULE("s", WIN, "add_header = \"X-A: %{sender} at %{hostname}\";")),
	  { .rcpts = two, .headers = win },
	  "END accept\nheader X-A: alice@example.org at mx.example.net\n" },
	{ "a forged mark is removed",
	  RULES(RULE("s", WIN, "mark = \"yes\";")),
	  { .headers = (const char *const[]){ "Subject: win", "X-Millgate-Mark: forged", NULL } },
	  "END accept\nchange X-Millgate-Mark[1]: (removed)\ninsert 0 X-Millgate-Mark: yes\n" },
	{ "a forged mark with a blank behind its name is removed",
	  RULES(RULE("s", WIN, "mark = \"yes\";")),
	  { .headers = (const char *const[]){ "Subject : win", "X-Millgate-Mark : forged", NULL } },
	  "END accept\nchange X-Millgate-Mark [1]: (removed)\ninsert 0 X-Millgate-Mark: yes\n" },
	{ "a relay is not rejected",
	  "relays = ( \"198.51.100.9\" );" RULES(RULE("r", TO("bob@example.net"), "reject = \"550 5.7.1 no\";")),
	  { 0 },
	  "END accept\ninsert 0 X-Millgate-Mark: reject; no\n" },
	{ "mail without SMTP is not refused",
	  RULES(RULE("r", TO("bob@example.net"), "defer = \"451 4.7.1 no\";")),
	  { .local = true },
	  "END accept\ninsert 0 X-Millgate-Mark: defer; no\n" },
	{ "a denied client",
	  "deny: { clients = ( \"198.51.100.0/24\" ); };",
	  { 0 },
	  "RCPT <bob@example.net> 554 5.7.1\n" },
	{ "postmaster hears denied clients",
	  "deny: { clients = ( \"198.51.100.0/24\" ); };",
	  { .rcpts = (const char *const[]){ "<Postmaster@example.net>", "<postmaster>", "<bob@example.net>", NULL } },
	  "RCPT <bob@example.net> 554 5.7.1\nEND accept\n" },
	{ "an authenticated user is no denied client",
	  "deny: { clients = ( \"198.51.100.0/24\" ); };",
	  { .user = "bob" },
	  "END accept\n" },
	{ "the more specific entry wins",
	  "allow: { clients = ( \"198.51.100.9\" ); }; deny: { clients = ( \"198.51.100.0/24\" ); };",
	  { 0 },
	  "END accept\n" },
	{ "a denied sender",
	  "deny: { senders = ( \"@example.org\" ); };",
	  { 0 },
	  "RCPT <bob@example.net> 554 5.7.1\n" },
	{ "announced size", "limits: { message_size = \"1K\"; };", { .size = 2000 }, "MAIL 552 5.3.4\n" },
	{ "real size", "limits: { message_size = \"20\"; };", { .headers = win }, "END reject 552 5.3.4\n" },
	{ "surplus recipients",
	  "limits: { recipients = 1; };",
	  { .rcpts = two },
	  "RCPT <Carol@example.net> 452 4.5.3\nEND accept\n" },
	{ "no reverse name, on_none = reject",
	  "fcrdns: { enabled = true; on_none = \"reject\"; };",
	  { .resolve = "FAIL" },
	  "RCPT <bob@example.net> 550 5.7.25\n" },
	{ "a forged name",
	  "fcrdns: { enabled = true; on_fail = \"reject\"; };",
	  { .resolve = "FORGED" },
	  "RCPT <bob@example.net> 550 5.7.25\n" },
	{ "trusted networks have no FCrDNS to pass",
	  "trusted_networks = ( \"198.51.100.0/24\" ); fcrdns: { enabled = true; on_none = \"reject\"; };",
	  { .resolve = "FAIL" },
	  "END accept\n" },
	{ "fcrdns unavailable and ignored",
	  "fcrdns: { enabled = true; on_none = \"reject\"; };",
	  { .resolve = "TEMP" },
	  "END accept\n" },
	{ "fcrdns unavailable and deferred",
	  "dns: { on_error = \"defer\"; }; fcrdns: { enabled = true; on_none = \"reject\"; };",
	  { .resolve = "TEMP" },
	  "RCPT <bob@example.net> 451 4.7.1\n" },
};

/* The sender chooses what patterns are tried on, as often as there are values and recipients. */
static void test_patterns(void)
{
	static const char long_one[] = "<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!@example.net>";
	static const char *const both[] = { long_one, "<aaa@example.net>", NULL };
	static const char *const short_one[] = { "<aaa@example.net>", NULL };
	struct engine *e = fixture_load(
		RULES(RULE("r", "{ fact = \"recipient\"; matches = \"^(?:(?:a|aa)+)+@\"; }", "reject = true;")));

	is_str(fixture_run(e, &(struct mail){ .rcpts = both }),
	       "RCPT <aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!@example.net> 451 4.7.1\n"
	       "RCPT <aaa@example.net> 451 4.7.1\n",
	       "a pattern that took too long is not tried again in the transaction");
	is_str(fixture_run(e, &(struct mail){ .rcpts = short_one }), "RCPT <aaa@example.net> 550 5.7.1\n",
	       "but in the next");
	engine_free(&e);
}

static void test_draining(void)
{
	struct engine *e = fixture_load("");

	engine_drain_begin(e);
	is_str(fixture_run(e, &(struct mail){ 0 }), "MAIL 451 4.3.2\n", "a draining engine defers MAIL");
	is_int((int)engine_drain_wait(e, 1000), 0, "nothing is left open");
	engine_free(&e);
}

static void test_give_back(void)
{
	struct engine *e = fixture_load("");
	struct engine_session *s = engine_open(e);
	struct engine_connect c = { .resolve = "OK", .smtp = true };
	struct engine_mail m = { .arg = "<a@example.org>" };
	struct answer a;

	(void)ip_parse(&c.ip, "198.51.100.9");
	engine_connect(s, &c, &a);
	engine_helo(s, "x", &a);
	engine_mail(s, &m, &a);
	engine_drain_begin(e);
	is_int((int)engine_drain_wait(e, 10), 1, "an open transaction is counted");
	engine_rcpt(s, "<bob@example.net>", &a);
	is_int((int)a.kind, ANSWER_DEFER, "after that its events are deferred");
	is_int(a.reply.code, 451, "with 451");
	engine_close(&s);
	engine_free(&e);
}

static void test_connections(void)
{
	struct engine *e = fixture_load("limits: { connections_per_client = 1; };");
	struct engine_session *s = engine_open(e);
	struct engine_connect c = { .resolve = "OK", .smtp = true };
	struct answer a;

	(void)ip_parse(&c.ip, "198.51.100.9");
	engine_connect(s, &c, &a);
	is_str(fixture_run(e, &(struct mail){ 0 }), "HELO 421 4.7.0\n",
	       "the second session of a client is refused at HELO");
	is_str(fixture_run(e, &(struct mail){ .client = "198.51.100.8" }), "END accept\n", "another client's is not");
	engine_close(&s);
	is_str(fixture_run(e, &(struct mail){ 0 }), "END accept\n",
	       "and the client's own is welcome when the first has ended");
	engine_free(&e);
}

/* Each edit of a received field is work for the MTA; Postfix breaks over thousands. */
static void test_many_fields(void)
{
	static const char *headers[300];
	const struct mail mail = { .headers = headers }, local = { .headers = headers, .local = true };
	struct engine *e =
		fixture_load(RULES(RULE("r", "{ fact = \"sender\"; exists = true; }", "remove_header = \"X-Bad\";")));

	for (size_t i = 0; i < 299; i++)
		headers[i] = "X-Bad: 1";
	is_str(fixture_run(e, &mail), "END reject 554 5.6.0\n", "too many fields to remove: refused");
	is_str(fixture_run(e, &local), "END accept\ninsert 0 X-Millgate-Mark: too many header fields of one kind\n",
	       "mail without SMTP is marked, and its fields stay");
	headers[100] = NULL;
	ok(strstr(fixture_run(e, &mail), "END accept\nchange X-Bad[100]: (removed)\n") != NULL,
	   "a hundred are removed, the last first");
	engine_free(&e);
}

static void test_bad_lists(void)
{
	ok(fixture_load("trusted_networks = ( \"mail.example.org\" );") == NULL, "a name is no trusted network");
	ok(fixture_load("relays = ( \"192.0.2.1/24\" );") == NULL, "nor is a network with host bits a relay");
	ok(fixture_load("exempt_recipients = ( \"post\\\"master\" );") == NULL,
	   "a quote in a recipient is an error of its own");
	ok(fixture_load("mixed_recipients = \"redirect\"; quarantine_address = \"a@\";") == NULL,
	   "half an address is none");
}

int main(void)
{
	test_many_fields();
	test_bad_lists();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct engine *e = fixture_load(cases[i].conf);

		ok(e != NULL, "%s: loads", cases[i].what);
		if (e != NULL)
			is_str(fixture_run(e, &cases[i].mail), cases[i].want, "%s", cases[i].what);
		engine_free(&e);
	}
	test_patterns();
	test_draining();
	test_give_back();
	test_connections();
	return done_testing();
}
