/*
 * matches: PCRE2 patterns on the text as it was decoded (not folded: a pattern says (?i) itself).
 *
 * The sender chooses the text, so what patterns may cost is bounded, for a text and for the whole transaction; one that
 * gives up is not asked again in the transaction, counts as unavailable and defers, for an administrator would rather see the mail come again than lose the rule or the mail.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"
#include "rules/limits.h"

enum { POOL_SIZE = 64, MESSAGE_SIZE = 256 };

struct rules_regex {
	/* immutable after parsing */
	pcre2_compile_context *compile;
	pcre2_match_context *quick;
	unsigned n_tests, n_patterns;
	/* under lock: scratch that nobody uses now */
	pthread_mutex_t lock;
	unsigned n;
	pcre2_match_data *pool[POOL_SIZE];
};

struct patterns {
	const pcre2_code **v;
	unsigned n;
	unsigned test;  /* a number of its own among all tests with patterns */
	unsigned first; /* the number of v[0] among all patterns */
};

struct rules_memo {
	struct answer *answers; /* by patterns.test */
	bool *gave_up;          /* by the pattern's number */
	unsigned patience;      /* used up so far */
};

/* What a test said of these values: of a recipient's own facts, the last ones. */
struct answer {
	const struct fact_text *text;
	unsigned n;
	enum match match;
};

static const char gave_up_why[] = "a pattern took too many steps or too much memory";

static void free_regex(void *p)
{
	struct rules_regex *x = p;

	for (unsigned i = 0; i < x->n; i++)
		pcre2_match_data_free(x->pool[i]);
	pcre2_compile_context_free(x->compile);
	pcre2_match_context_free(x->quick);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

/* The limit of steps, and those of what the steps need. */
static pcre2_match_context *new_limits(uint32_t steps)
{
	pcre2_match_context *limits = pcre2_match_context_create(NULL);

	if (limits == NULL)
		return NULL;
	pcre2_set_match_limit(limits, steps);
	pcre2_set_depth_limit(limits, REGEX_DEPTH_LIMIT);
	pcre2_set_heap_limit(limits, REGEX_HEAP_KIB);
	return limits;
}

static void free_code(void *p)
{
	pcre2_code_free(p);
}

/* The contexts that all patterns share, made with the first one. */
static struct rules_regex *shared(struct rules *r)
{
	struct rules_regex *x = r->regex;

	if (x != NULL)
		return x;
	x = calloc(1, sizeof *x);
	if (x == NULL)
		return NULL;
	pthread_mutex_init(&x->lock, NULL);
	x->compile = pcre2_compile_context_create(NULL);
	x->quick = new_limits(REGEX_QUICK_STEPS);
	if (rules_own(r, x, free_regex) != 0 || x->compile == NULL || x->quick == NULL)
		return NULL;
	pcre2_set_parens_nest_limit(x->compile, REGEX_MAX_NEST);
	pcre2_set_max_pattern_length(x->compile, REGEX_MAX_PATTERN);
	r->regex = x;
	return x;
}

/* ---- Loading ---- */

/* PCRE2 counts bytes, people count characters. */
static size_t characters(const char *p, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n && p[i] != '\0'; i++)
		count += ((unsigned char)p[i] & 0xc0) != 0x80;
	return count;
}

static pcre2_code *compile(struct rule_op_build *b, const struct conf_node *v, const char *text)
{
	const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
	struct rules_regex *x = shared(b->rules);
	PCRE2_UCHAR message[MESSAGE_SIZE];
	PCRE2_SIZE offset;
	pcre2_code *code;
	int rc;

	if (x == NULL)
		return NULL;
	code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &rc, &offset, x->compile);
	if (code == NULL) {
		pcre2_get_error_message(rc, message, sizeof message);
		error_add(b->errors, v->file, v->line, "the pattern \"%s\" is wrong at character %zu: %s", text,
			  characters(text, offset) + 1, (const char *)message);
		return NULL;
	}
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without it matching is slower, not different */
	return rules_own(b->rules, code, free_code) == 0 ? code : NULL;
}

static int add_pattern(struct patterns *ps, struct rule_op_build *b, const struct conf_node *v)
{
	const char *text = rule_value_text(b, v);
	const pcre2_code *code;

	if (text == NULL)
		return -1;
	if (text[0] == '\0') {
		error_add(b->errors, v->file, v->line, "\"matches\" with an empty pattern would hold always");
		return -1;
	}
	code = compile(b, v, text);
	if (code == NULL)
		return -1;
	ps->v[ps->n++] = code;
	return 0;
}

static int parse_patterns(struct rule_op_build *b)
{
	struct patterns *ps = arena_alloc(b->rules->arena, sizeof *ps);
	int rc = 0;

	if (ps == NULL)
		return -1;
	ps->v = arena_calloc(b->rules->arena, b->value->type == CONF_LIST ? b->value->n : 1, sizeof *ps->v);
	if (ps->v == NULL)
		return -1;
	for (const struct conf_node *v = rule_values(b->value); v != NULL; v = rule_values_next(b->value, v)) {
		if (add_pattern(ps, b, v) != 0)
			rc = -1;
	}
	if (b->rules->regex != NULL) {
		ps->test = b->rules->regex->n_tests++;
		ps->first = b->rules->regex->n_patterns;
		b->rules->regex->n_patterns += ps->n;
	}
	b->cond->arg = ps;
	return rc;
}

/* ---- What a transaction remembers ---- */

struct rules_memo *rules_memo_new(const struct rules *r, struct arena *a)
{
	struct rules_memo *m = arena_alloc(a, sizeof *m);

	if (m == NULL || r->regex == NULL)
		return m;
	m->answers = arena_calloc(a, r->regex->n_tests, sizeof *m->answers);
	m->gave_up = arena_calloc(a, r->regex->n_patterns, sizeof *m->gave_up);
	return m->answers != NULL && m->gave_up != NULL ? m : NULL;
}

int rule_regex_begin(struct rule_eval *e, struct arena *a)
{
	if (e->rules->regex == NULL)
		return 0;
	e->memo = e->src->memo != NULL ? e->src->memo : rules_memo_new(e->rules, a);
	return e->memo != NULL ? 0 : -1;
}

/* ---- Matching ---- */

/* One match data serves an evaluation; they are kept for the next ones, as PCRE2 keeps its heap in them. */
static pcre2_match_data *scratch(struct rule_eval *e)
{
	struct rules_regex *x = e->rules->regex;
	pcre2_match_data *md = NULL;

	if (e->regex != NULL)
		return e->regex;
	pthread_mutex_lock(&x->lock);
	if (x->n > 0)
		md = x->pool[--x->n];
	pthread_mutex_unlock(&x->lock);
	if (md == NULL)
		md = pcre2_match_data_create(1, NULL);
	e->regex = md;
	return md;
}

void rule_regex_done(struct rule_eval *e)
{
	struct rules_regex *x = e->rules->regex;
	pcre2_match_data *md = e->regex;

	if (md == NULL)
		return;
	e->regex = NULL;
	pthread_mutex_lock(&x->lock);
	if (x->n < POOL_SIZE) {
		x->pool[x->n++] = md;
		md = NULL;
	}
	pthread_mutex_unlock(&x->lock);
	pcre2_match_data_free(md);
}

/* Where JIT's stack is too small the interpreter goes on: its frames are on a heap, which is not kept for others. */
static int match_on_heap(const pcre2_code *code, const struct fact_text *t, pcre2_match_context *limits)
{
	pcre2_match_data *md = pcre2_match_data_create(1, NULL);
	int rc = PCRE2_ERROR_NOMEMORY;

	if (md != NULL)
		rc = pcre2_match(code, (PCRE2_SPTR)t->raw, t->raw_n, 0, PCRE2_NO_JIT, md, limits);
	pcre2_match_data_free(md);
	return rc;
}

static int match_within(const pcre2_code *code, const struct fact_text *t, struct rule_eval *e,
			pcre2_match_context *limits)
{
	pcre2_match_data *md = scratch(e);
	int rc = PCRE2_ERROR_NOMEMORY;

	if (md != NULL)
		rc = pcre2_match(code, (PCRE2_SPTR)t->raw, t->raw_n, 0, 0, md, limits);
	return rc == PCRE2_ERROR_JIT_STACKLIMIT ? match_on_heap(code, t, limits) : rc;
}

/* How many steps there are for each place where a match may begin. */
static uint32_t steps_for(const pcre2_code *code, const struct fact_text *t)
{
	uint32_t options = 0;

	pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
	return (uint32_t)(REGEX_MATCH_LIMIT / ((options & PCRE2_ANCHORED) != 0 ? 1 : t->raw_n + 1));
}

/* It took too long; once more with all the steps that the text may take. */
static int match_patiently(const pcre2_code *code, const struct fact_text *t, struct rule_eval *e)
{
	uint32_t steps = steps_for(code, t);
	pcre2_match_context *limits;
	int rc = PCRE2_ERROR_NOMEMORY;

	if (steps <= REGEX_QUICK_STEPS || e->memo->patience == REGEX_PATIENCE)
		return PCRE2_ERROR_MATCHLIMIT;
	e->memo->patience++;
	limits = new_limits(steps);
	if (limits != NULL)
		rc = match_within(code, t, e, limits);
	pcre2_match_context_free(limits);
	return rc;
}

/* There is no time for it now. */
static enum match put_off(const struct rule_eval *e)
{
	*e->src->hurry = true;
	return MATCH_UNKNOWN;
}

static enum match match_one(const struct patterns *ps, unsigned k, const struct fact_text *t, struct rule_eval *e)
{
	bool *gave_up = &e->memo->gave_up[ps->first + k];
	int rc;

	if (*gave_up)
		return MATCH_UNAVAILABLE;
	if (e->src->hurry != NULL && t->raw_n > REGEX_HURRY_BYTES)
		return put_off(e);
	rc = match_within(ps->v[k], t, e, e->rules->regex->quick);
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH && e->src->hurry != NULL)
		return put_off(e);
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		rc = match_patiently(ps->v[k], t, e);
	if (rc >= 0)
		return MATCH_YES;
	*gave_up = rc != PCRE2_ERROR_NOMATCH;
	return *gave_up ? MATCH_UNAVAILABLE : MATCH_NO;
}

static enum match match_values(const struct patterns *ps, const struct fact_value *v, struct rule_eval *e)
{
	enum match result = MATCH_NO;
	size_t room = REGEX_MAX_BYTES;

	for (unsigned i = 0; i < v->n; i++) {
		size_t size = v->text[i].raw_n + REGEX_VALUE_BYTES;

		if (size > room)
			return MATCH_UNAVAILABLE;
		room -= size;
		for (unsigned k = 0; k < ps->n; k++) {
			enum match m = match_one(ps, k, &v->text[i], e);

			if (m == MATCH_YES || m == MATCH_UNKNOWN)
				return m;
			if (m == MATCH_UNAVAILABLE)
				result = m;
		}
	}
	return result;
}

static enum match hold_matches(const struct condition *c, const struct fact_value *v, struct rule_eval *e)
{
	const struct patterns *ps = c->arg;
	struct answer *known = &e->memo->answers[ps->test];
	enum match match;

	if (known->text != v->text || known->n != v->n) {
		match = match_values(ps, v, e);
		if (match == MATCH_UNKNOWN)
			return match;
		*known = (struct answer){ .text = v->text, .n = v->n, .match = match };
	}
	return known->match == MATCH_UNAVAILABLE ? rule_eval_unavailable(e, ON_ERROR_DEFER, gave_up_why) : known->match;
}

const struct rule_op rule_op_matches = {
	.name = "matches",
	.doc = "Matches the PCRE2 pattern, or one of a list; letter case counts unless the "
	       "pattern begins with (?i).",
	.types = RULE_TYPES_TEXT,
	.cost = COST_REGEX,
	.list = true,
	.parse = parse_patterns,
	.hold = hold_matches
};
