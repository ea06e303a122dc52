#include "t/lib/check_fixture.h"

#include <string.h>

#include "mail/addr.h"
#include "net/net.h"
#include "t/lib/tap.h"
#include "util/clock.h"

enum { TEXT_MAX = 1 << 20, FIXTURE_TIMEOUT = 10000 };

static void *bind(struct check_fixture *f)
{
	void *settings = arena_alloc(f->conf_arena, f->def->settings->size);
	const struct conf_node *group = f->root;

	if (f->def->section != NULL)
		group = conf_child(f->root, f->def->section);
	if (conf_bind(f->def->settings, group, settings, NULL, f->conf_arena, &f->errors) != 0)
		return NULL;
	return settings;
}

int fixture_load(struct check_fixture *f, const struct check *def, const char *conf)
{
	struct check_env env = { .hostname = "mx.example.net",
				 .redis_prefix = "millgate:",
				 .dns_on_error = ON_ERROR_IGNORE,
				 .redis_on_error = ON_ERROR_DEFER,
				 .dns_timeout_ms = 3000 };
	struct conf_strings locals = { .n = 0 };
	const struct conf_node *node;
	void *settings, *shared = NULL;

	memset(f, 0, sizeof *f);
	f->def = def;
	f->conf_arena = arena_new(0);
	env.arena = f->conf_arena;
	f->root = conf_parse(conf, "test.conf", f->conf_arena, &f->errors);
	if (f->root == NULL)
		bail_out("the test's configuration is broken: %s", fixture_errors(f));
	env.root = f->root;
	node = conf_child(f->root, "local_domains");
	if (node != NULL && conf_strings(node, &locals, f->conf_arena, &f->errors) == 0)
		env.local_domains = &locals;
	env.shared = &shared;
	settings = bind(f);
	return settings != NULL ? def->prepare(&env, settings, &f->state, &f->errors) : -1;
}

void fixture_free(struct check_fixture *f)
{
	fixture_drop(f);
	if (f->state != NULL && f->def->release != NULL)
		f->def->release(f->state);
	arena_free(&f->arena);
	arena_free(&f->conf_arena);
	error_clear(&f->errors);
}

const char *fixture_errors(struct check_fixture *f)
{
	char buf[4096];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	for (const struct error_item *e = f->errors.first; e != NULL; e = e->next)
		sbuf_addf(&b, "%d: %s%s\n", e->line, e->level == ERROR_WARNING ? "warning: " : "", e->text);
	return arena_strdup(f->conf_arena, buf);
}

/* ---- Rules ---- */

const char *fixture_rules(struct check_fixture *f)
{
	struct error_list errors = ERROR_LIST_INIT;
	const struct conf_node *tree;
	const char *text;
	struct sbuf b;

	sbuf_heap(&b, TEXT_MAX);
	f->def->rules(f->state, &b);
	text = arena_strdup(f->conf_arena, b.p);
	sbuf_done(&b);
	tree = conf_parse(text, "rules", f->conf_arena, &errors);
	for (const struct error_item *e = errors.first; e != NULL; e = e->next)
		diag("%d: %s", e->line, e->text);
	error_clear(&errors);
	return tree != NULL && conf_child(tree, "rules") != NULL ? text : NULL;
}

unsigned fixture_rule_count(struct check_fixture *f)
{
	const char *text = fixture_rules(f);
	struct error_list errors = ERROR_LIST_INIT;

	return text != NULL ? conf_child(conf_parse(text, "rules", f->conf_arena, &errors), "rules")->n : 0;
}

/* ---- A session ---- */

static void set_text(struct fact_value *f, struct arena *a, const char *text)
{
	if (text != NULL)
		fact_set_text(f, a, text, strlen(text));
	else
		fact_set_absent(f);
}

void fixture_client(struct check_fixture *f, const char *ip)
{
	fixture_drop(f);
	arena_free(&f->arena);
	f->arena = arena_new(0);
	f->conn = conn_new(f->arena);
	f->txn = NULL;
	f->rcpt = NULL;
	f->deadline_ms = clock_mono_ms() + FIXTURE_TIMEOUT;
	if (ip == NULL)
		fact_set_absent(&f->conn->facts.v[FACT_CLIENT_IP]);
	else if (ip_parse(&f->conn->ip, ip) == 0)
		fact_set_ip(&f->conn->facts.v[FACT_CLIENT_IP], &f->conn->ip);
	else
		bail_out("no address: %s", ip);
}

void fixture_mail(struct check_fixture *f, const char *sender, const char *auth_user)
{
	f->txn = txn_new(f->arena, f->conn);
	f->txn->sender = sender;
	f->rcpt = NULL;
	set_text(&f->txn->facts.v[FACT_SENDER], f->arena, sender);
	set_text(&f->txn->facts.v[FACT_SENDER_DOMAIN], f->arena, addr_domain(f->arena, sender));
	set_text(&f->txn->facts.v[FACT_AUTH_USER], f->arena, auth_user);
}

struct rcpt *fixture_rcpt(struct check_fixture *f, const char *recipient)
{
	f->rcpt = txn_add_rcpt(f->txn, arena_printf(f->arena, "<%s>", recipient));
	set_text(&f->rcpt->facts.v[FACT_RECIPIENT], f->arena, recipient);
	set_text(&f->rcpt->facts.v[FACT_RECIPIENT_DOMAIN], f->arena, addr_domain(f->arena, recipient));
	return f->rcpt;
}

struct check_call fixture_call(struct check_fixture *f, struct rcpt *rcpt)
{
	struct check_call c = { .state = f->state,
				.conn = f->conn,
				.txn = f->txn,
				.arena = f->arena,
				.txn_slot = f->txn != NULL ? &f->txn->slots[0] : NULL,
				.wait = f->wait,
				.deadline_ms = f->deadline_ms };

	switch (f->def->scope) {
	case SCOPE_SESSION:
		c.facts = &f->conn->facts;
		c.slot = &f->conn->slots[0];
		break;
	case SCOPE_MESSAGE:
		c.facts = &f->txn->facts;
		c.slot = &f->txn->slots[0];
		break;
	case SCOPE_RECIPIENT:
		c.rcpt = rcpt != NULL ? rcpt : f->rcpt;
		c.facts = &c.rcpt->facts;
		c.slot = &c.rcpt->slots[0];
		break;
	}
	return c;
}

static void (*after_poll)(void);

void fixture_poll_with(void (*after)(void))
{
	after_poll = after;
}

/* A caller who must not wait gives up at some time, and lets another one wait. */
static void poll_check(struct check_fixture *f, struct check_call *c)
{
	enum { POLLS = 100000 };

	if (after_poll == NULL || f->def->poll == NULL)
		return;
	for (int i = 0; i < POLLS; i++) {
		if (f->def->poll(c)) {
			c->deadline_ms = 0; /* nothing is left to wait for */
			return;
		}
		net_flush(f->wait);
		after_poll();
	}
}

void fixture_run(struct check_fixture *f)
{
	struct check_call c = fixture_call(f, NULL);

	if (f->def->start != NULL)
		f->def->start(&c);
	poll_check(f, &c);
	f->def->finish(&c);
}

void fixture_drop(struct check_fixture *f)
{
	struct check_call c;

	if (f->conn == NULL || f->arena == NULL || f->def->drop == NULL || f->def->scope == SCOPE_RECIPIENT ||
	    (f->def->scope == SCOPE_MESSAGE && f->txn == NULL))
		return;
	c = fixture_call(f, NULL);
	f->def->drop(&c);
}

/* ---- Facts ---- */

const struct fact_value *fixture_value(struct check_fixture *f, enum fact_id id)
{
	struct check_call c = fixture_call(f, NULL);

	return &c.facts->v[id];
}

const char *fixture_fact(struct check_fixture *f, enum fact_id id)
{
	const struct fact_value *v = fixture_value(f, id);
	char buf[1024];
	struct sbuf b;

	if (v->state == FACT_UNKNOWN)
		return "(unknown)";
	sbuf_fixed(&b, buf, sizeof buf);
	fact_format(v, id, &b);
	return arena_strdup(f->arena, buf);
}
