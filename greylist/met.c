#include "greylist/met.h"

#include <string.h>

#include "greylist/sender.h"
#include "mail/addr.h"
#include "mail/psl.h"

static const char *registrable(struct arena *a, const char *mailbox)
{
	const char *domain = addr_domain(a, mailbox), *r = domain != NULL ? psl_registrable(domain) : NULL;

	return r != NULL ? r : domain;
}

bool grey_met_name(struct arena *a, const char *prefix, const struct fact_text *remote, const struct fact_text *local,
		   struct grey_met *out)
{
	const char *own = grey_mailbox(a, local->folded, local->folded_n);

	memset(out, 0, sizeof *out);
	out->remote[GREY_MET_ADDRESS] = grey_mailbox(a, remote->folded, remote->folded_n);
	if (own == NULL || out->remote[GREY_MET_ADDRESS] == NULL)
		return false;
	out->remote[GREY_MET_DOMAIN] = registrable(a, out->remote[GREY_MET_ADDRESS]);
	for (unsigned i = 0; i < GREY_MET_KEYS; i++) {
		const char *const parts[GREY_PARTS] = { out->remote[i], own };

		if (out->remote[i] != NULL)
			out->key[i] = grey_key(a, prefix, GREY_CORRESPONDENTS, parts);
	}
	return !arena_failed(a);
}

/* A pass that was made for this client will do: the domain is one that our user chose to write to. */
static bool belongs_to(const struct grey_identity *id, const char *domain)
{
	if (id->spf == GREY_SPF_PASS || (id->spf == GREY_SPF_WIDE && id->width != GREY_OPEN))
		return true;
	for (unsigned i = 0; i < id->n_own; i++)
		if (strcmp(id->own[i], domain) == 0)
			return true;
	return false;
}

/*
 * Whether the client may go by the sender's address.  Spam that comes from stolen address books is forged in the name of
 * those who were written to: where the domain says of SPF that this is hardly its client, a name has to speak for it.
 */
static bool is_credible(const struct grey_identity *id)
{
	return id->spf != GREY_SPF_FAIL && (id->spf != GREY_SPF_OTHER || id->host == GREY_HOST_CONFIRMED);
}

static struct net_op *ask(struct check_call *c, const char *key)
{
	struct redis_word words[] = { { "EXISTS", 6 }, { key, strlen(key) } };

	return redis_ask(c->wait, words, 2);
}

void grey_met_submit(struct check_call *c, const char *prefix, const struct grey_identity *id, struct grey_met *out)
{
	const struct fact_value *sender = &c->txn->facts.v[FACT_SENDER];

	memset(out, 0, sizeof *out);
	if (sender->state != FACT_KNOWN || sender->n == 0 || sender->text->folded_n == 0 ||
	    !grey_met_name(c->arena, prefix, sender->text, c->rcpt->facts.v[FACT_RECIPIENT].text, out))
		return;
	if (is_credible(id))
		out->op[GREY_MET_ADDRESS] = ask(c, out->key[GREY_MET_ADDRESS]);
	if (out->key[GREY_MET_DOMAIN] != NULL && belongs_to(id, out->remote[GREY_MET_DOMAIN]))
		out->op[GREY_MET_DOMAIN] = ask(c, out->key[GREY_MET_DOMAIN]);
}

unsigned grey_met_result(const struct grey_met *m)
{
	for (unsigned i = 0; i < GREY_MET_KEYS; i++) {
		const struct redis_value *v = redis_result(m->op[i]);

		if (m->op[i] != NULL && v->kind == REDIS_INT && v->num > 0)
			return i;
	}
	return GREY_MET_KEYS;
}

void grey_met_drop(struct grey_met *m)
{
	for (unsigned i = 0; i < GREY_MET_KEYS; i++)
		net_op_free(&m->op[i]);
}
