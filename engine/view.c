/*
 * The MIME view of a message: facts that come of its text.  It is read as it comes, and only when somebody will ask.
 */
#include <string.h>

#include "engine/session.h"

/* Whether a rule reads the fact itself, or a check that was started does. */
static bool is_wanted(const struct engine_session *s)
{
	const fact_mask hosts = FACT_BIT(FACT_URL_HOST);

	if ((s->use->facts & hosts) == 0)
		return false;
	if ((rules_facts(s->snap->rules, s->use->never) & hosts) != 0)
		return true;
	for (unsigned i = 0; i < s->snap->n_checks; i++)
		if ((s->snap->checks[i].def->inputs & hosts) != 0 && (s->started_txn & (1u << i)) != 0)
			return true;
	return false;
}

void view_begin(struct engine_session *s)
{
	s->links = is_wanted(s) ? mime_links_new(s->txn->arena) : NULL;
	for (const struct txn_header *h = s->txn->headers; s->links != NULL && h != NULL; h = h->next)
		mime_links_field(s->links, h->name, h->value, h->value_n);
}

void view_body(struct engine_session *s, const void *p, size_t n)
{
	if (s->links != NULL)
		mime_links_body(s->links, p, n);
}

void view_end(struct engine_session *s)
{
	struct fact_value *f = &s->txn->facts.v[FACT_URL_HOST];
	const struct mime_link_host *h;

	fact_set_absent(f);
	if (s->links == NULL)
		return;
	mime_links_end(s->links);
	for (unsigned i = 0; (h = mime_links_host(s->links, i)) != NULL; i++)
		fact_add_text(f, s->txn->arena, h->name, strlen(h->name));
	s->links = NULL;
}
