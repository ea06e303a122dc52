/*
 * The check: reads the signatures at the end of the header, asks for all their keys, has the body hashed as it passes,
 * and judges at the end.
 */
#include "checks/dkim.h"

#include <string.h>

#include "checks/common.h"
#include "checks/dkim_judge.h"
#include "checks/dkim_key.h"
#include "util/bytes.h"
#include "util/clock.h"

enum {
	KEY_NAME_SIZE = 512,
	AUTHORS_MAX = 16, /* domains of From by which signatures are chosen */
	B_SHOWN = 8,      /* characters of b= that tell signatures apart: RFC 6008, section 4 */
	B_SHOWN_MAX = 32  /* of hostile ones that all begin alike */
};

const struct name_value dk_canonicalizations[] = {
	{ "relaxed/relaxed", DK_RELAXED_HEADER | DK_RELAXED_BODY },
	{ "relaxed/simple", DK_RELAXED_HEADER },
	{ "simple/relaxed", DK_RELAXED_BODY },
	{ "simple/simple", 0 },
	{ NULL, 0 },
};

#define CONF_SELF struct dkim_sign_settings
CONF_TABLE(dkim_sign_settings, DKIM_SIGN_SETTINGS, NULL);
#undef CONF_SELF

#define CONF_SELF struct dkim_settings
CONF_TABLE(dkim_settings, DKIM_SETTINGS, NULL);
#undef CONF_SELF

struct dkim_state {
	unsigned max_signatures, min_bits;
	enum on_error on_error;
	struct dk_lib *lib;
	struct dk_cache *cache;
};

/* One signature of a message. */
struct signature {
	struct dk_sig sig;
	const struct dk_field *field;
	const char *wrong; /* it cannot be evaluated; NULL: it can */
	struct net_op *key;
	struct dk_result result;
};

/* One message. */
struct run {
	struct signature *v;
	unsigned n;
	struct dk_wanted *wanted; /* of those that can be evaluated, in order */
	unsigned n_wanted;
	struct dk_hasher *hasher;
	bool late; /* it was begun when the body had gone by */
};

/* ---- Loading ---- */

static void dkim_release(void *state)
{
	struct dkim_state *s = state;

	dk_lib_free(&s->lib);
	dk_cache_free(&s->cache);
}

static int dkim_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct dkim_settings *set = settings;
	struct dkim_state *s;

	dk_key_prepare(); /* others bring libcrypto along, too: whatever sends mail about limits */
	*state = NULL;
	if (!set->where.present || !set->verify)
		return 0;
	s = arena_alloc(env->arena, sizeof *s);
	if (s == NULL || (s->lib = dk_lib_new()) == NULL || (s->cache = dk_cache_new()) == NULL) {
		if (s != NULL)
			dkim_release(s);
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	s->max_signatures = (unsigned)set->max_signatures;
	s->min_bits = (unsigned)set->min_key_bits;
	s->on_error = checks_on_error_of(set->on_error, env->dns_on_error);
	*state = s;
	return 0;
}

/* ---- At the end of the header ---- */

static bool is_signature(const struct txn_header *f)
{
	return ascii_equal(f->name, "DKIM-Signature");
}

static struct dk_field *list_fields(const struct check_call *c, size_t *n)
{
	const struct txn_header *f;
	struct dk_field *v;
	size_t count = 0;

	for (f = c->txn->headers; f != NULL; f = f->next)
		count++;
	v = arena_calloc(c->arena, count + 1, sizeof *v);
	count = 0;
	for (f = c->txn->headers; v != NULL && f != NULL; f = f->next)
		v[count++] = (struct dk_field){ f->name, f->value, f->value_n };
	*n = count;
	return v;
}

static bool is_signature_field(const struct dk_field *field)
{
	return ascii_equal(field->name, "DKIM-Signature");
}

/* Part of a field. */
struct name {
	const char *p;
	size_t n;
};

static bool is_domain_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_';
}

/* What stands behind each '@' in From: no more than a hint which signatures matter. */
static unsigned find_authors(const struct dk_field *fields, size_t n, struct name out[AUTHORS_MAX])
{
	unsigned found = 0;

	for (size_t i = 0; i < n; i++) {
		const char *p = fields[i].value, *end = p + fields[i].value_n;

		if (!ascii_equal(fields[i].name, "From"))
			continue;
		while (found < AUTHORS_MAX && (p = memchr(p, '@', (size_t)(end - p))) != NULL) {
			struct name d = { ++p, 0 };

			for (; p < end && is_domain_byte(*p); p++)
				d.n++;
			if (d.n > 0)
				out[found++] = d;
		}
	}
	return found;
}

static bool is_within(struct name name, struct name other)
{
	return name.n >= other.n && ascii_equal_n(name.p + name.n - other.n, other.p, other.n) &&
	       (name.n == other.n || name.p[name.n - other.n - 1] == '.');
}

/* Whether it can be evaluated and its domain is one of the authors', or above or below one: DMARC may need it. */
static bool is_authors(struct arena *a, const struct name *authors, unsigned n, const struct dk_field *field)
{
	struct name domain;
	struct dk_sig sig;

	if (n == 0 || dk_sig_read(&sig, a, field->value, field->value_n) != NULL)
		return false;
	domain = (struct name){ sig.domain, strlen(sig.domain) };
	for (unsigned i = 0; i < n; i++)
		if (is_within(domain, authors[i]) || is_within(authors[i], domain))
			return true;
	return false;
}

/*
 * Which fields are signatures to verify, max_signatures at most: the author's before those of forwarders and lists,
 * who add theirs above.
 */
static bool *choose_signatures(struct check_call *c, const struct dk_field *fields, size_t n)
{
	const struct dkim_state *s = c->state;
	bool *chosen = arena_calloc(c->arena, n + 1, sizeof *chosen);
	struct name authors[AUTHORS_MAX];
	size_t all = 0, left = s->max_signatures;
	unsigned n_authors;

	for (size_t i = 0; i < n; i++)
		all += is_signature_field(&fields[i]);
	n_authors = all > left ? find_authors(fields, n, authors) : 0;
	for (size_t i = 0; chosen != NULL && left > 0 && i < n; i++)
		if (is_signature_field(&fields[i]) && is_authors(c->arena, authors, n_authors, &fields[i])) {
			chosen[i] = true;
			left--;
		}
	for (size_t i = 0; chosen != NULL && left > 0 && i < n; i++)
		if (is_signature_field(&fields[i]) && !chosen[i]) {
			chosen[i] = true;
			left--;
		}
	return chosen;
}

static void read_signatures(struct check_call *c, struct run *run, const struct dk_field *fields, size_t n_fields)
{
	const bool *chosen = choose_signatures(c, fields, n_fields);

	for (size_t i = 0; chosen != NULL && i < n_fields; i++) {
		struct signature *g = &run->v[run->n];

		if (!chosen[i])
			continue;
		g->field = &fields[i];
		g->wrong = dk_sig_read(&g->sig, c->arena, fields[i].value, fields[i].value_n);
		run->n++;
		if (g->wrong == NULL)
			run->wanted[run->n_wanted++] = (struct dk_wanted){ g->field, &g->sig };
	}
}

static void ask_keys(struct check_call *c, struct run *run)
{
	char name[KEY_NAME_SIZE];
	struct sbuf b;

	for (unsigned i = 0; i < run->n; i++) {
		struct signature *g = &run->v[i];

		if (g->wrong != NULL)
			continue;
		sbuf_fixed(&b, name, sizeof name);
		sbuf_addf(&b, "%s._domainkey.%s", g->sig.selector, g->sig.domain);
		g->key = dns_ask(c->wait, name, DNS_TXT);
	}
}

static bool is_signed(const struct check_call *c)
{
	for (const struct txn_header *f = c->txn->headers; f != NULL; f = f->next)
		if (is_signature(f))
			return true;
	return false;
}

static void dkim_start(struct check_call *c)
{
	const struct dkim_state *s = c->state;
	const struct dk_field *fields;
	struct run *run;
	size_t n;

	if (!is_signed(c))
		return;
	run = arena_alloc(c->arena, sizeof *run);
	fields = list_fields(c, &n);
	if (run == NULL || fields == NULL)
		return;
	*c->slot = run;
	run->late = c->txn->stage > STAGE_HEADERS;
	run->v = arena_calloc(c->arena, s->max_signatures, sizeof *run->v);
	run->wanted = arena_calloc(c->arena, s->max_signatures, sizeof *run->wanted);
	if (run->v == NULL || run->wanted == NULL)
		return;
	read_signatures(c, run, fields, n);
	if (run->n_wanted == 0 || run->late)
		return;
	ask_keys(c, run);
	run->hasher = dk_hasher_new(s->lib, c->arena, fields, n, run->wanted, run->n_wanted);
	if (run->hasher == NULL)
		arena_fail(c->arena);
}

static void dkim_body(struct check_call *c, const void *p, size_t n)
{
	struct run *run = *c->slot;

	if (run != NULL && run->hasher != NULL)
		dk_hasher_body(run->hasher, p, n);
}

/* ---- At the end ---- */

static void await_keys(struct check_call *c, struct run *run)
{
	struct net_op **ops = arena_calloc(c->arena, run->n + 1, sizeof *ops);

	for (unsigned i = 0; ops != NULL && i < run->n; i++)
		ops[i] = run->v[i].key;
	if (ops != NULL)
		(void)net_await(c->wait, ops, run->n, c->deadline_ms);
}

static void judge_all(struct check_call *c, struct run *run, const struct dk_hashes *hashes)
{
	const struct dkim_state *s = c->state;
	struct dk_judge judge = {
		.cache = s->cache, .arena = c->arena, .min_bits = s->min_bits, .now = (uint64_t)clock_wall_ms() / 1000
	};

	for (unsigned i = 0; i < run->n; i++) {
		struct signature *g = &run->v[i];

		if (g->wrong != NULL)
			g->result = (struct dk_result){ .outcome = DK_PERMERROR, .why = g->wrong };
		else
			g->result = dk_judge(&judge, &g->sig, hashes++, dns_result(g->key));
	}
}

/* 0, or -1 when nothing can be said of the message's signatures. */
static int judge(struct check_call *c, struct run *run)
{
	struct dk_hashes *hashes = arena_calloc(c->arena, run->n_wanted + 1, sizeof *hashes);

	if (hashes == NULL || run->late || arena_failed(c->arena))
		return -1;
	if (run->hasher != NULL && dk_hasher_end(run->hasher, hashes) != 0)
		return -1;
	await_keys(c, run);
	judge_all(c, run, hashes);
	return 0;
}

static const struct signature *best_of(const struct run *run)
{
	const struct signature *best = NULL;

	for (unsigned i = 0; i < run->n; i++)
		if (best == NULL || run->v[i].result.outcome < best->result.outcome)
			best = &run->v[i];
	return best;
}

static void conclude_unavailable(struct check_call *c, const char *why)
{
	const struct dkim_state *s = c->state;

	fact_set_unavailable(&c->facts->v[FACT_DKIM], s->on_error, why);
	fact_set_unavailable(&c->facts->v[FACT_DKIM_DOMAIN], s->on_error, why);
}

/* The domains of the signatures with that outcome. */
static void set_domains(struct check_call *c, const struct run *run, enum fact_id id, enum dk_outcome outcome)
{
	for (unsigned i = 0; i < run->n; i++)
		if (run->v[i].result.outcome == outcome)
			fact_add_text(&c->facts->v[id], c->arena, run->v[i].sig.domain, strlen(run->v[i].sig.domain));
}

static void dkim_finish(struct check_call *c)
{
	struct run *run = *c->slot;
	const struct signature *best;

	fact_set_absent(&c->facts->v[FACT_DKIM_DOMAIN]);
	fact_set_absent(&c->facts->v[FACT_DKIM_UNKNOWN]);
	if (run == NULL) {
		fact_set_word(&c->facts->v[FACT_DKIM], dk_outcome_name(DK_NONE));
		return;
	}
	if (judge(c, run) != 0) {
		conclude_unavailable(c, run->late ? "the message was not read" : "out of memory");
		return;
	}
	set_domains(c, run, FACT_DKIM_UNKNOWN, DK_TEMPERROR);
	best = best_of(run);
	if (best->result.outcome == DK_TEMPERROR) {
		conclude_unavailable(
			c, arena_printf(c->arena, "DKIM key of %s: %s", best->sig.domain, dns_result(best->key)->why));
		return;
	}
	fact_set_word(&c->facts->v[FACT_DKIM], dk_outcome_name(best->result.outcome));
	set_domains(c, run, FACT_DKIM_DOMAIN, DK_PASS);
}

/* ---- Authentication-Results ---- */

/* A value as a token, or quoted (RFC 8601, section 2.2); what comes from the wire has no control characters here. */
static void add_value(struct sbuf *out, const char *name, const char *value, size_t n)
{
	bool token = n > 0;

	for (size_t i = 0; i < n; i++)
		token = token && value[i] > ' ' && value[i] < 0x7f && strchr("()<>@,;:\\\"/[]?=", value[i]) == NULL;
	sbuf_addf(out, " %s=", name);
	if (!token)
		sbuf_addc(out, '"');
	for (size_t i = 0; i < n; i++) {
		if (value[i] == '"' || value[i] == '\\')
			sbuf_addc(out, '\\');
		sbuf_addc(out, value[i] >= ' ' && value[i] < 0x7f ? value[i] : '?');
	}
	if (!token)
		sbuf_addc(out, '"');
}

static void add_text(struct sbuf *out, const char *name, const char *value)
{
	if (value != NULL)
		add_value(out, name, value, strlen(value));
}

/* As many characters of b= as no other signature of the message begins with: eight at least, and no more than are of
 * use. */
static size_t shown_of_b(const struct run *run, unsigned at)
{
	const char *b = run->v[at].sig.b;
	size_t len = strnlen(b, B_SHOWN_MAX), n = B_SHOWN;

	for (unsigned i = 0; i < run->n; i++) {
		const char *other = i != at ? run->v[i].sig.b : NULL;
		size_t same = 0;

		while (other != NULL && same < len && b[same] == other[same])
			same++;
		if (other != NULL && same >= n)
			n = same + 1;
	}
	return n < len ? n : len;
}

static void add_result(struct sbuf *out, const struct run *run, unsigned i)
{
	const struct signature *g = &run->v[i];

	sbuf_addf(out, ";\n\tdkim=%s", dk_outcome_name(g->result.outcome));
	if (g->result.bits > 0)
		sbuf_addf(out, " (%u-bit key%s)", g->result.bits, g->result.testing ? ", testing" : "");
	add_text(out, "reason", g->result.why);
	add_text(out, "header.d", g->sig.domain);
	add_text(out, "header.s", g->sig.selector);
	if (g->sig.a != NULL && strlen(g->sig.a) <= B_SHOWN * 4)
		add_text(out, "header.a", g->sig.a);
	if (g->sig.b != NULL && g->sig.b[0] != '\0')
		add_value(out, "header.b", g->sig.b, shown_of_b(run, i));
}

static void dkim_authres(struct check_call *c, struct sbuf *out)
{
	const struct run *run = *c->slot;

	if (run == NULL)
		sbuf_add(out, ";\n\tdkim=none");
	else if (run->late || arena_failed(c->arena))
		sbuf_add(out, ";\n\tdkim=temperror");
	else
		for (unsigned i = 0; i < run->n; i++)
			add_result(out, run, i);
}

/* ---- */

static void dkim_drop(struct check_call *c)
{
	struct run *run = *c->slot;

	if (run == NULL)
		return;
	for (unsigned i = 0; i < run->n; i++)
		net_op_free(&run->v[i].key);
	dk_hasher_free(&run->hasher);
	*c->slot = NULL;
}

const struct check dkim_check = {
	.name = "dkim",
	.section = "dkim",
	.settings = &dkim_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_HEADERS,
	.all_headers = true,
	.provides = FACT_BIT(FACT_DKIM) | FACT_BIT(FACT_DKIM_DOMAIN) | FACT_BIT(FACT_DKIM_UNKNOWN),
	.prepare = dkim_prepare,
	.release = dkim_release,
	.start = dkim_start,
	.body = dkim_body,
	.finish = dkim_finish,
	.authres = dkim_authres,
	.drop = dkim_drop,
};
