/*
 * The finisher: signs what leaves, for those who may have it signed.
 */
#include <string.h>

#include "checks/dkim.h"
#include "checks/dkim_login.h"
#include "checks/dkim_sign.h"
#include "checks/dmarc_from.h"
#include "mail/addr.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/log.h"

enum { SIGNATURES_MAX = 8, ADDRESS_SHOWN = 256 };

struct sign_state {
	struct dk_signers signers;
	struct dk_logins *logins; /* NULL: everybody who may send may have it signed */
	struct dk_lib *lib;
	bool shadow;
};

/* ---- Loading ---- */

static void sign_release(void *state)
{
	struct sign_state *s = state;

	dk_signers_release(&s->signers);
	dk_logins_free(&s->logins);
	dk_lib_free(&s->lib);
}

static int sign_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct dkim_settings *set = settings;
	unsigned before = errors->errors;
	struct sign_state *s;

	*state = NULL;
	if (set->sign.n == 0)
		return 0;
	s = arena_alloc(env->arena, sizeof *s);
	if (s == NULL || (s->lib = dk_lib_new()) == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	s->shadow = set->shadow;
	(void)dk_signers_read(&s->signers, set, env, errors);
	if (set->sender_login.n > 0)
		s->logins = dk_logins_new(&set->sender_login, env->arena, errors);
	if (errors->errors != before) {
		sign_release(s);
		return -1;
	}
	*state = s;
	return 0;
}

/* ---- Whose mail ---- */

static bool is_word(const struct fact_set *facts, enum fact_id id, const char *word)
{
	const struct fact_value *f = &facts->v[id];

	return f->state == FACT_KNOWN && strcmp(f->text->raw, word) == 0;
}

static bool leaves(const struct finish_call *c)
{
	return is_word(&c->txn->facts, FACT_DIRECTION, "outbound") && !is_word(&c->conn->facts, FACT_RELAY, "yes");
}

static const struct txn_header *only_from(const struct txn *t)
{
	const struct txn_header *from = NULL;

	for (const struct txn_header *f = t->headers; f != NULL; f = f->next) {
		if (!dmarc_from_is_field(f->name))
			continue;
		if (from != NULL)
			return NULL;
		from = f;
	}
	return from;
}

static void tell_unsigned(const struct finish_call *c, const struct fact_text *address, const char *why)
{
	char text[ADDRESS_SHOWN];
	struct sbuf b;

	sbuf_fixed(&b, text, sizeof text);
	sbuf_add_safe(&b, address->raw, address->raw_n);
	log_info("dkim: %s: mail from %s is not signed: %s", c->txn->id, text, why);
}

/* Mail of several authors is signed only when one domain, *domain if that is set, speaks for all of them. */
static bool speaks(const struct sign_state *s, const char *author_domain, const char **domain)
{
	const char *d = author_domain != NULL ? dk_signers_domain(&s->signers, author_domain) : NULL;

	if (d == NULL || (*domain != NULL && strcmp(d, *domain) != 0))
		return false;
	*domain = d;
	return true;
}

/*
 * What keeps the field from being signed as `domain`; NULL: nothing does.  The addresses of FACT_FROM are those that
 * can be parsed; mail clients may show others.
 */
static const char *unclear(const struct finish_call *c, const struct txn_header *field, const char *domain)
{
	struct dmarc_from from = { 0 };

	if (field == NULL)
		return "there are several From fields";
	dmarc_from_add(&from, c->arena, field->value, field->value_n);
	if (arena_failed(c->arena))
		return "out of memory";
	if (from.n == 0 || from.trick || from.doubtful || from.too_much)
		return "mail clients may show another author";
	for (unsigned i = 0; i < from.n; i++)
		if (!speaks(c->state, from.domains[i], &domain))
			return "its domain does not speak for all that From names";
	return NULL;
}

/* How many '@' stand outside quoted strings and comments: some mail client may take each for an address. */
static size_t count_ats(const struct txn_header *field)
{
	size_t ats = 0, comments = 0;
	bool quoted = false;

	for (const char *p = field->value; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0' && (quoted || comments > 0))
			p++;
		else if (*p == '"' && comments == 0)
			quoted = !quoted;
		else if (*p == '(' && !quoted)
			comments++;
		else if (*p == ')' && !quoted && comments > 0)
			comments--;
		else if (*p == '@' && !quoted && comments == 0)
			ats++;
	}
	return ats;
}

/* Whether the addresses are the sender's own. */
static bool may_use(const struct finish_call *c, const struct fact_value *from, const struct txn_header *field)
{
	const struct sign_state *s = c->state;
	const struct fact_value *user = &c->txn->facts.v[FACT_AUTH_USER];
	const struct fact_text *login = user->state == FACT_KNOWN ? user->text : NULL;

	for (unsigned i = 0; i < from->n; i++) {
		if (!dk_logins_allow(s->logins, &from->text[i], login)) {
			tell_unsigned(c, &from->text[i], "by sender_login it is not the sender's");
			return false;
		}
	}
	if (count_ats(field) != from->n) {
		tell_unsigned(c, &from->text[0],
			      "From may hold another address, that cannot be looked up in sender_login");
		return false;
	}
	return true;
}

/* The domain that signs for this message; NULL: none does. */
static const char *signing_domain(const struct finish_call *c)
{
	const struct sign_state *s = c->state;
	const struct fact_value *from = &c->txn->facts.v[FACT_FROM];
	const struct txn_header *field = only_from(c->txn);
	const char *domain = NULL, *why;

	if (from->state != FACT_KNOWN || from->n == 0)
		return NULL;
	for (unsigned i = 0; i < from->n; i++)
		if (!speaks(s, addr_domain(c->arena, from->text[i].folded), &domain))
			return NULL;
	why = unclear(c, field, domain);
	if (why != NULL) {
		tell_unsigned(c, &from->text[0], why);
		return NULL;
	}
	return s->logins == NULL || may_use(c, from, field) ? domain : NULL;
}

static bool sign_begin(struct finish_call *c)
{
	return leaves(c) && signing_domain(c) != NULL;
}

/* ---- Signing ---- */

/* A rule may have written another author meanwhile, of whom nobody was asked. */
static bool same_author(const struct finish_call *c)
{
	const struct txn_header *was = only_from(c->txn);
	unsigned same = 0, all = 0;

	for (size_t i = 0; i < c->n_fields; i++) {
		if (!dmarc_from_is_field(c->fields[i].name))
			continue;
		all++;
		same += was != NULL && strcmp(c->fields[i].value, was->value) == 0;
	}
	return all == 1 && same == 1;
}

static ssize_t read_spool(void *ctx, uint64_t offset, void *buf, size_t n)
{
	return spool_read(ctx, offset, buf, n);
}

static unsigned choose(const struct sign_state *s, const char *domain, const struct dk_signer *out[SIGNATURES_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->signers.n && n < SIGNATURES_MAX; i++)
		if (strcmp(s->signers.v[i].domain, domain) == 0)
			out[n++] = &s->signers.v[i];
	return n;
}

static struct dk_field *list_fields(const struct finish_call *c)
{
	struct dk_field *v = arena_calloc(c->arena, c->n_fields + 1, sizeof *v);

	for (size_t i = 0; v != NULL && i < c->n_fields; i++)
		v[i] = (struct dk_field){ c->fields[i].name, c->fields[i].value, strlen(c->fields[i].value) };
	return v;
}

static int sign_run(struct finish_call *c)
{
	const struct sign_state *s = c->state;
	const struct dk_signer *signers[SIGNATURES_MAX];
	const char *values[SIGNATURES_MAX], *why = NULL, *domain = signing_domain(c);
	unsigned n = domain != NULL ? choose(s, domain, signers) : 0;
	struct dk_signing signing = { .lib = s->lib,
				      .arena = c->arena,
				      .fields = list_fields(c),
				      .n_fields = c->n_fields,
				      .body = { read_spool, c->spool },
				      .now = (uint64_t)clock_wall_ms() / 1000 };
	enum dk_signed result;

	if (signing.fields == NULL)
		return -1;
	if (n == 0 || !same_author(c)) {
		log_warning("dkim: %s: not signed: a rule has changed From", c->txn->id);
		return 0;
	}
	result = dk_sign(&signing, signers, n, values, &why);
	if (result == DK_UNSIGNABLE)
		log_warning("dkim: %s: not signed: %s", c->txn->id, why);
	else if (result == DK_FAILED)
		log_error("dkim: %s: cannot sign for %s now", c->txn->id, domain);
	for (unsigned i = n; result == DK_SIGNED && i-- > 0;) {
		if (s->shadow)
			log_info("dkim: %s: would be signed for %s (%s)", c->txn->id, domain, signers[i]->selector);
		else
			c->insert(c->ctx, "DKIM-Signature", values[i]);
	}
	return result == DK_FAILED ? -1 : 0;
}

const struct finisher dk_finisher = {
	.name = "dkim",
	.section = "dkim",
	.settings = &dkim_settings_table,
	.inputs = FACT_BIT(FACT_FROM),
	.body = true,
	.all_headers = true,
	.prepare = sign_prepare,
	.release = sign_release,
	.begin = sign_begin,
	.run = sign_run,
};
