/*
 * What loading says of rules that the policy protocol cannot carry out, in whole or in part.
 */
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "t/lib/tap.h"
#include "t/unit/engine_fixture.h"

#define PREFIX "over the policy protocol "
#define ASKED(where) "policyd: { listen = \"unix:/tmp/none\"; asked_at = ( " where " ); };\n"
#define RULE(when, then) "rules = ( { name = \"r\"; when = ( " when " ); then = { " then " }; } );"
#define ANY "{ fact = \"sender\"; exists = true; }"
#define BOB "{ fact = \"recipient\"; is = \"bob@example.net\"; }"
#define LATER "; name \"data\" or \"end\" in policyd.asked_at\n"
#define MESSAGE ", which takes the message itself\n"

static const struct unsaid_case {
	const char *what, *asked, *rest, *want;
} cases[] = {
	{ "nothing to say", ASKED("\"rcpt\""), RULE(BOB, "reject = true;"), "" },
	{ "without policyd all is well", "\n", RULE("{ fact = \"subject\"; is = \"x\"; }", "reject = true;"), "" },
	{ "the subject", ASKED("\"rcpt\", \"data\", \"end\""),
	  RULE("{ fact = \"subject\"; is = \"x\"; }", "reject = true;"),
	  "5: rule \"r\" never fires: it reads subject" MESSAGE },
	{ "a negative on a field", ASKED("\"rcpt\""),
	  RULE("{ header = \"List-Id\"; exists = false; }", "reject = true;"),
	  "5: rule \"r\" never fires: it reads header" MESSAGE },
	{ "connections", ASKED("\"rcpt\""), "limits: { connections_per_client = 9; message_size = \"1M\"; };",
	  "5: \"limits: connections of one client\" never fires: it reads client_connections, which is not counted there "
	  "(Postfix has smtpd_client_connection_count_limit); \"limits: message size\" knows no size but the one that the "
	  "client claims, unless policyd.asked_at names \"end\"\n" },
	{ "a check that reads the message", ASKED("\"rcpt\", \"end\""), "dmarc: { enabled = true; };",
	  "5: \"dmarc: malformed From\" never fires: it reads malformed_from, which takes the message itself; "
	  "\"dmarc: reject\" never fires: it reads dmarc" MESSAGE },
	{ "rules in shadow do nothing anyway", ASKED("\"rcpt\", \"end\""), "dmarc: { enabled = true; shadow = true; };",
	  "" },
	{ "actions for the whole message at RCPT", ASKED("\"rcpt\""), RULE(ANY, "delete = true;"),
	  "5: rule \"r\" cannot delete: that is for the whole message" LATER },
	{ "each action once", ASKED("\"rcpt\""), RULE(ANY, "copy = ( \"a@example.net\", \"b@example.net\" );"),
	  "5: rule \"r\" cannot copy: that is for the whole message" LATER },
	{ "at DATA they can be told", ASKED("\"rcpt\", \"data\""), RULE(ANY, "quarantine = true;"), "" },
	{ "one at a time", ASKED("\"rcpt\", \"data\""), RULE(ANY, "copy = ( \"a@example.net\", \"b@example.net\" );"),
	  "5: rule \"r\" has several actions, and an answer holds one\n" },
	{ "for all recipients", ASKED("\"rcpt\", \"end\""), RULE(BOB, "move = \"a@example.net\";"),
	  "5: rule \"r\" can move only what it holds for all recipients of\n" },
	{ "a field at RCPT, where none is added", ASKED("\"rcpt\", \"end\""), RULE(ANY, "add_header = \"X-A: 1\";"),
	  "5: rule \"r\" cannot add_header: that is done at DATA; name \"data\" in policyd.asked_at\n" },
	{ "a field at DATA", ASKED("\"rcpt\", \"data\""), RULE(ANY, "add_header = \"X-A: 1\";"), "" },
	{ "a field at END", ASKED("\"end\", \"rcpt\", \"data\""),
	  RULE("{ fact = \"size\"; over = 5; }", "add_header = \"X-A: 1\";"),
	  "5: rule \"r\" cannot add_header: what it reads is known at END, and the last that can add a field is DATA\n" },
	{ "other edits", ASKED("\"rcpt\", \"data\", \"end\""), RULE(ANY, "remove_header = \"X-A\";"),
	  "5: rule \"r\" cannot remove_header: fields can only be added\n" },
	{ "a refusal at DATA", ASKED("\"rcpt\""),
	  "rules = ( { name = \"r\"; refuse_at = \"data\"; when = ( " ANY " ); then = { reject = true; }; } );",
	  "5: rule \"r\" never refuses: it does at DATA, and policyd.asked_at names no stage as late\n" },
	{ "who is not asked at RCPT", ASKED("\"end\""),
	  "mixed_recipients = \"redirect\"; quarantine_address = \"q@example.net\";",
	  "5: mixed_recipients = \"redirect\" comes to nothing: a message goes elsewhere for all of its recipients or for "
	  "none\n" },
};

static void test_front_ends(void)
{
	struct engine *e = fixture_load(ASKED("\"rcpt\", \"end\"") "milter: { listen = \"inet:8891@127.0.0.1\"; };");
	char buf[2048];
	struct sbuf out;

	sbuf_fixed(&out, buf, sizeof buf);
	engine_print_front_ends(e, &out);
	ok(strstr(buf, "unix:/tmp/none, asked at RCPT, END\n") != NULL, "who asks where");
	ok(strstr(buf, "policyd answers DUNNO") != NULL, "and who decides");
	engine_free(&e);
	e = fixture_load("");
	sbuf_reset(&out);
	engine_print_front_ends(e, &out);
	is_str(buf, "", "the milter alone needs no words");
	engine_free(&e);
}

int main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char conf[2048];

		snprintf(conf, sizeof conf, "%s%s", cases[i].asked, cases[i].rest);
		is_str(fixture_warnings(conf, PREFIX), cases[i].want, "%s", cases[i].what);
	}
	ok(strstr(fixture_warnings(ASKED("\"end\""), "policyd.asked_at"), "4:  does not name \"rcpt\"") != NULL,
	   "recipients are told at RCPT alone");
	test_front_ends();
	return done_testing();
}
