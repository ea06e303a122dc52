/*
 * What the MTA must send: worked out from what the compiled rules read, and nothing more is asked for.
 */
#include "engine/session.h"
#include "engine/snapshot.h"
#include "util/bytes.h"

static bool wants(const struct snapshot *s, enum fact_id id)
{
	return (s->whole.facts & FACT_BIT(id)) != 0;
}

static int keep_name(struct snapshot *s, const char *name, unsigned room)
{
	for (unsigned i = 0; i < s->n_keep; i++)
		if (ascii_equal(s->keep[i], name))
			return 0;
	if (s->n_keep == room)
		return -1;
	s->keep[s->n_keep++] = name;
	return 0;
}

/* The names that finishers read. */
static unsigned finisher_names(struct snapshot *s, unsigned room)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_finishers; i++) {
		const char *const *name = s->finishers[i].def->headers;

		for (; s->finishers[i].state != NULL && name != NULL && *name != NULL; name++, n++)
			if (room > 0)
				(void)keep_name(s, *name, room);
	}
	return n;
}

/* The names whose fields edits touch: their number and old values must be known. */
static unsigned edited_names(const struct snapshot *s, const char **names, unsigned room)
{
	unsigned n = 0;

	for (size_t i = 0; i < rules_count(s->rules); i++) {
		for (const struct rule_action *a = rules_at(s->rules, i)->actions; a != NULL; a = a->next) {
			bool edits = a->kind == ACTION_SET_HEADER || a->kind == ACTION_REMOVE_HEADER;

			if ((edits || a->kind == ACTION_TAG_SUBJECT) && n < room)
				names[n++] = edits ? a->name : "Subject";
		}
	}
	return n;
}

static int find_kept(struct snapshot *s)
{
	const char *const *headers;
	unsigned n_headers = rules_headers(s->rules, &headers), n_actions = 0, n_edited, room;
	const char **edited;

	for (size_t i = 0; i < rules_count(s->rules); i++)
		for (const struct rule_action *a = rules_at(s->rules, i)->actions; a != NULL; a = a->next)
			n_actions++;
	/* Subject, From, To, Cc, Content-Type, Content-Transfer-Encoding, Authentication-Results */
	room = n_headers + n_actions + 7 + finisher_names(s, 0);
	s->keep = arena_calloc(s->arena, room, sizeof *s->keep);
	edited = arena_calloc(s->arena, n_actions + 1, sizeof *edited);
	if (s->keep == NULL || edited == NULL)
		return -1;
	n_edited = edited_names(s, edited, n_actions);
	for (unsigned i = 0; i < n_headers; i++)
		(void)keep_name(s, headers[i], room);
	for (unsigned i = 0; i < n_edited; i++)
		(void)keep_name(s, edited[i], room);
	(void)finisher_names(s, room);
	if (wants(s, FACT_SUBJECT))
		(void)keep_name(s, "Subject", room);
	if (wants(s, FACT_FROM) || wants(s, FACT_FROM_DOMAIN))
		(void)keep_name(s, "From", room);
	if (wants(s, FACT_TO)) {
		(void)keep_name(s, "To", room);
		(void)keep_name(s, "Cc", room);
	}
	if (wants(s, FACT_URL_HOST)) {
		(void)keep_name(s, "Content-Type", room);
		(void)keep_name(s, "Content-Transfer-Encoding", room);
	}
	if (s->authres)
		(void)keep_name(s, "Authentication-Results", room);
	return 0;
}

/* A refusal that is decided at the end for some recipients only, or that a relay must not get, becomes a mark. */
static bool may_mark(const struct snapshot *s)
{
	if (rules_use(s->rules, ACTION_MARK) || addr_list_count(s->relays) > 0)
		return true;
	for (size_t i = 0; i < rules_count(s->rules); i++) {
		const struct rule *r = rules_at(s->rules, i);

		if (r->final && !r->shadow && r->per_recipient && r->decides > STAGE_RCPT)
			return true;
	}
	return false;
}

/* Checks and finishers that read the message itself. */
static void find_readers(struct snapshot *s)
{
	for (unsigned i = 0; i < s->n_checks; i++) {
		const struct snapshot_check *k = &s->checks[i];

		if (k->state == NULL || s->whole.checks[i].wanted == 0)
			continue;
		s->all_headers = s->all_headers || k->def->all_headers;
		s->needs.body = s->needs.body || k->def->body != NULL;
	}
	for (unsigned i = 0; i < s->n_finishers; i++) {
		if (s->finishers[i].state == NULL)
			continue;
		s->all_headers = s->all_headers || s->finishers[i].def->all_headers;
		s->needs.body = s->needs.body || s->finishers[i].def->body;
	}
}

/* Checks that count the recipients whom the MTA refuses. */
static bool counts_refused(const struct snapshot *s)
{
	for (unsigned i = 0; i < s->n_checks; i++)
		if (s->checks[i].state != NULL && s->whole.checks[i].wanted != 0 && s->checks[i].def->refused != NULL)
			return true;
	return false;
}

int needs_compute(struct snapshot *s)
{
	struct engine_needs *n = &s->needs;
	bool marks = may_mark(s);

	if (find_kept(s) != 0)
		return -1;
	find_readers(s);
	n->body = wants(s, FACT_SIZE) || wants(s, FACT_URL_HOST) || n->body;
	n->header = n->body || s->n_keep > 0 || s->all_headers || marks;
	for (unsigned stage = STAGE_CONNECT; stage < STAGE_COUNT; stage++)
		n->reply[stage] = (s->whole.stages & (1u << stage)) != 0;
	/* A refusal at CONNECT is given its text at HELO; a draining daemon answers MAIL. */
	n->reply[STAGE_HELO] = n->reply[STAGE_HELO] || n->reply[STAGE_CONNECT];
	n->reply[STAGE_MAIL] = true;
	n->refused_rcpts = counts_refused(s);
	/* What needs no answer Postfix keeps to itself as long as it can, and forgets when the client leaves. */
	n->reply[STAGE_RCPT] = n->reply[STAGE_RCPT] || n->refused_rcpts || s->set.mixed_recipients == MIXED_SPLIT;
	n->edit_headers = true; /* a session's own needs may change with the recipients; the offer costs nothing */
	n->edit_rcpts = rules_use(s->rules, ACTION_MOVE) || rules_use(s->rules, ACTION_COPY) ||
			rules_use(s->rules, ACTION_DELETE) || s->set.mixed_recipients == MIXED_REDIRECT;
	n->quarantine = rules_use(s->rules, ACTION_QUARANTINE);
	n->client_resolve = wants(s, FACT_FCRDNS) || wants(s, FACT_CLIENT_NAME);
	n->client_ptr = wants(s, FACT_CLIENT_PTR);
	n->tls = wants(s, FACT_TLS);
	n->server = settings_policyd_serves(&s->set.policyd);
	return 0;
}
