/*
 * What outbound mail teaches of correspondents.
 */
#include <string.h>

#include "greylist/greylist.h"
#include "mail/addr.h"
#include "mail/finisher.h"
#include "t/lib/fake_net.h"
#include "t/lib/tap.h"

static struct arena *conf_arena, *arena;
static void *state;
static struct txn *txn;

static bool load(const char *text, const char *const *locals, unsigned n)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct grey_settings *set;
	struct conf_strings domains = { .n = n };
	struct conf_node *root;
	struct check_env env = { .redis_prefix = "millgate:", .local_domains = &domains };

	if (state != NULL)
		grey_learner.release(state);
	arena_free(&conf_arena);
	conf_arena = arena_new(0);
	domains.v = arena_calloc(conf_arena, n, sizeof *domains.v);
	for (unsigned i = 0; i < n; i++)
		domains.v[i].s = locals[i];
	env.arena = conf_arena;
	root = conf_parse(text, "test.conf", conf_arena, &errors);
	set = arena_alloc(conf_arena, sizeof *set);
	if (root == NULL ||
	    conf_bind(&grey_settings_table, conf_child(root, "greylist"), set, NULL, conf_arena, &errors) ||
	    grey_learner.prepare(&env, set, &state, &errors) != 0)
		bail_out("the test's configuration is broken");
	error_clear(&errors);
	return state != NULL;
}

static void mail(const char *sender, const char *direction)
{
	arena_free(&arena);
	arena = arena_new(0);
	txn = txn_new(arena, conn_new(arena));
	fact_set_text(&txn->facts.v[FACT_SENDER], arena, sender, strlen(sender));
	fact_set_word(&txn->facts.v[FACT_DIRECTION], direction);
}

static void rcpt(const char *address, bool accepted)
{
	struct rcpt *r = txn_add_rcpt(txn, address);

	fact_set_text(&r->facts.v[FACT_RECIPIENT], arena, address, strlen(address));
	r->accepted = accepted;
	txn->n_rcpts += accepted;
}

static void header(const char *name, const char *value)
{
	(void)txn_add_header(txn, name, value, strlen(value));
}

/* What Redis is told; "" when the finisher is not interested. */
static const char *learned(void)
{
	static int anything;
	struct finish_call c = {
		.state = state, .txn = txn, .arena = arena, .wait = (struct net_wait *)(void *)&anything
	};

	fake_redis_clear();
	if (grey_learner.begin(&c))
		is_int(grey_learner.run(&c), 0, "learning never holds mail up");
	return fake_redis_told();
}

static const char *learned_from(const char *sender, const char *direction)
{
	mail(sender, direction);
	rcpt("alice@mail.example.org", true);
	return learned();
}

#define ALICE "SET millgate:met:{alice@mail.example.org}:bob@example.net 1 PX 5184000000\n"
#define ORG "SET millgate:met:{example.org}:bob@example.net 1 PX 5184000000\n"

static void test_whom(void)
{
	is_str(learned_from("bob@example.net", "outbound"), ALICE ORG, "an address and its domain");
	is_str(learned_from("prvs=1234abcdef=Bob+work@Example.net", "outbound"), ALICE ORG,
	       "by the mailbox behind the sender");
	is_str(learned_from("bob@example.net", "inbound"), "", "inbound mail teaches nothing");
	is_str(learned_from("", "outbound"), "", "nor does a bounce");
	is_str(learned_from("eve@example.com", "outbound"), "", "nor a sender that is not ours");
	mail("bob@example.net", "outbound");
	rcpt("Alice+Shop@Mail.Example.org", true);
	rcpt("refused@example.com", false);
	rcpt("carol@sub.example.net", true);
	rcpt("dave@example.net", true);
	rcpt("postmaster", true);
	is_str(learned(), ALICE ORG, "of all recipients, those who were accepted and are not ours");
	mail("bob@example.net", "outbound");
	for (unsigned i = 0; i < 51; i++)
		rcpt("alice@mail.example.org", true);
	is_str(learned(), "", "a message to very many is a mailing");
}

static void test_automatic(void)
{
	static const struct {
		const char *name, *value;
		bool automatic;
	} cases[] = {
		{ "Subject", " Precedence: bulk", false },
		{ "Auto-Submitted", " auto-replied (vacation)", true },
		{ "auto-submitted", " auto-generated; owner=x", true },
		{ "Auto-Submitted", " no", false },
		{ "Auto-Submitted", " No (by hand)", false },
		{ "Auto-Submitted", "", true },
		{ "Precedence", " bulk", true },
		{ "Precedence", "list", true },
		{ "Precedence", " normal", false },
		{ "List-Id", " <list.example.net>", true },
		{ "List-Unsubscribe", " <mailto:x@example.net>", true },
		{ "X-Auto-Response-Suppress", " OOF", true },
		{ "Feedback-ID", " a:b:c", true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		mail("bob@example.net", "outbound");
		rcpt("alice@mail.example.org", true);
		header(cases[i].name, cases[i].value);
		is_str(learned(), cases[i].automatic ? "" : ALICE ORG, "%s:%s is%s automatic", cases[i].name,
		       cases[i].value, cases[i].automatic ? "" : " not");
	}
}

static void test_settings(void)
{
	static const char *const locals[] = { "example.net", ".example.net" };

	ok(!load("", locals, 2), "no section: nothing is learned");
	ok(!load("greylist: { enabled = false; };", locals, 2), "nor when it is switched off");
	ok(!load("greylist: { learn = false; };", locals, 2), "nor when it is not wanted");
	ok(!load("greylist: { met_for = \"0\"; };", locals, 2), "nor when nothing is remembered");
	ok(load("greylist: { met_for = \"1s\"; };", NULL, 0), "without local domains");
	is_str(learned_from("bob@example.net", "outbound"),
	       "SET millgate:met:{alice@mail.example.org}:bob@example.net 1 PX 1000\n"
	       "SET millgate:met:{example.org}:bob@example.net 1 PX 1000\n",
	       "anybody who sends out is ours");
	ok(load("greylist: { };", locals, 2), "an empty section is in force");
}

int main(void)
{
	test_settings();
	test_whom();
	test_automatic();
	grey_learner.release(state);
	arena_free(&arena);
	arena_free(&conf_arena);
	return done_testing();
}
