/*
 * Correspondents are learned when a message of a user of ours is accepted: whoever was written to may answer without
 * delay.  Automatic mail is no writing: a vacation reply to spam would invite its sender.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "greylist/greylist.h"
#include "greylist/met.h"
#include "mail/addr.h"
#include "mail/finisher.h"
#include "net/redis.h"
#include "util/bytes.h"

enum {
	RECIPIENTS_MAX = 50, /* a message to more is a mailing, whatever its header says */
	NUMBER_SIZE = 24
};

struct learner {
	struct addr_list *locals;
	const char *prefix;
	int64_t met_for_ms;
};

/* ---- Loading ---- */

static void release(void *state)
{
	struct learner *l = state;

	addr_list_free(&l->locals);
}

static int prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct grey_settings *set = settings;
	struct learner *l;

	*state = NULL;
	if (!set->where.present || !set->enabled || !set->learn || set->met_for == 0)
		return 0;
	l = arena_alloc(env->arena, sizeof *l);
	if (l == NULL || (l->locals = addr_list_new()) == NULL) {
		error_add(errors, set->where.file, set->where.line, "out of memory");
		return -1;
	}
	for (unsigned i = 0; env->local_domains != NULL && i < env->local_domains->n; i++)
		(void)addr_list_add(l->locals, env->local_domains->v[i].s); /* a bad one is complained of by others */
	l->prefix = env->redis_prefix;
	l->met_for_ms = set->met_for;
	*state = l;
	return 0;
}

/* ---- Automatic mail ---- */

/* Fields that only programs write, and the one value, if any, that a person's mail may have. */
#define MARKS(M)                                                                                                       \
	M("Auto-Submitted", "no") /* RFC 3834, section 5 */                                                            \
	M("Precedence", "normal")                                                                                      \
	M("List-Id", NULL)                                                                                             \
	M("List-Unsubscribe", NULL)                                                                                    \
	M("List-Post", NULL)                                                                                           \
	M("X-Auto-Response-Suppress", NULL)                                                                            \
	M("X-Autoreply", "no")                                                                                         \
	M("X-Autorespond", "no")                                                                                       \
	M("Feedback-ID", NULL)
#define MARK(field, value) { field, value },
#define MARK_NAME(field, value) field,

static const struct mark {
	const char *name, *people;
} marks[] = { MARKS(MARK) };

static const char *const mark_names[] = { MARKS(MARK_NAME) NULL };

/* The value's first word, without what may follow it (";", a comment, white space). */
static bool is_first_word(const struct txn_header *h, const char *word)
{
	const char *p = h->value, *end = h->value + h->value_n;
	size_t n = 0;

	while (p < end && ascii_is_space(*p))
		p++;
	while (p + n < end && !ascii_is_space(p[n]) && p[n] != ';' && p[n] != '(')
		n++;
	return n == strlen(word) && ascii_equal_n(p, word, n);
}

static bool is_automatic(const struct txn *t)
{
	for (const struct txn_header *h = t->headers; h != NULL; h = h->next)
		for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
			if (ascii_equal(h->name, marks[i].name) &&
			    (marks[i].people == NULL || !is_first_word(h, marks[i].people)))
				return true;
	return false;
}

/* ---- Learning ---- */

static const struct fact_text *text_of(const struct fact_value *f)
{
	return f->state == FACT_KNOWN && f->n > 0 && f->text->folded_n > 0 ? f->text : NULL;
}

static bool is_local(const struct learner *l, const struct fact_text *address)
{
	return addr_list_match_address(l->locals, address->folded, address->folded_n) > 0;
}

/* Only a user's own address can be answered to; when nobody has said which domains are ours, any is. */
static bool begin(struct finish_call *c)
{
	const struct learner *l = c->state;
	const struct fact_text *direction = text_of(&c->txn->facts.v[FACT_DIRECTION]);
	const struct fact_text *sender = text_of(&c->txn->facts.v[FACT_SENDER]);

	if (direction == NULL || strcmp(direction->folded, "outbound") != 0 || sender == NULL)
		return false;
	if (addr_at(sender->folded, sender->folded_n) == NULL ||
	    (addr_list_count(l->locals) > 0 && !is_local(l, sender)))
		return false;
	return c->txn->n_rcpts > 0 && c->txn->n_rcpts <= RECIPIENTS_MAX && !is_automatic(c->txn);
}

static void remember(struct finish_call *c, const struct grey_met *m)
{
	const struct learner *l = c->state;
	char ttl[NUMBER_SIZE];
	int n = snprintf(ttl, sizeof ttl, "%" PRId64, l->met_for_ms);

	for (unsigned i = 0; i < GREY_MET_KEYS; i++) {
		struct redis_word words[] = {
			{ "SET", 3 }, { m->key[i], 0 }, { "1", 1 }, { "PX", 2 }, { ttl, (size_t)n }
		};

		if (m->key[i] == NULL)
			continue;
		words[1].n = strlen(m->key[i]);
		redis_tell(c->wait, words, sizeof words / sizeof words[0]);
	}
}

/* Nothing here may hold mail up: what Redis does not take is not learned. */
static int run(struct finish_call *c)
{
	const struct learner *l = c->state;
	const struct fact_text *sender = text_of(&c->txn->facts.v[FACT_SENDER]);

	for (const struct rcpt *r = c->txn->rcpts; c->wait != NULL && r != NULL; r = r->next) {
		const struct fact_text *remote = text_of(&r->facts.v[FACT_RECIPIENT]);
		struct grey_met m;

		if (!r->accepted || remote == NULL || addr_at(remote->folded, remote->folded_n) == NULL ||
		    is_local(l, remote))
			continue;
		if (!grey_met_name(c->arena, l->prefix, remote, sender, &m))
			break;
		remember(c, &m);
	}
	return 0;
}

const struct finisher grey_learner = {
	.name = "correspondents",
	.section = "greylist",
	.settings = &grey_settings_table,
	.inputs = FACT_BIT(FACT_DIRECTION) | FACT_BIT(FACT_SENDER),
	.headers = mark_names,
	.envelope = true,
	.prepare = prepare,
	.release = release,
	.begin = begin,
	.run = run,
};
