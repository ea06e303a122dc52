/*
 * Values for the rules that are read from the message's header fields; and the time of day.
 */
#include <time.h>

#include "engine/session.h"
#include "util/clock.h"

static const struct fact_value absent = { .state = FACT_ABSENT };

static void add_decoded(struct engine_session *s, const struct txn_header *h, struct fact_value *out)
{
	struct mime_text *texts;
	unsigned n;

	if (mime_decode(s->txn->arena, h->value, h->value_n, &s->snap->charsets, &texts, &n) != 0)
		return;
	for (unsigned i = 0; i < n; i++)
		fact_add_text(out, s->txn->arena, texts[i].p, texts[i].n);
}

static void decode_fields(struct engine_session *s, const char *name, struct fact_value *out)
{
	fact_set_absent(out);
	for (const struct txn_header *h = s->txn->headers; h != NULL; h = h->next)
		if (txn_header_is(h->name, name))
			add_decoded(s, h, out);
}

static void add_addresses(struct engine_session *s, const char *name, struct fact_value *out)
{
	const char **v;
	unsigned n;

	for (const struct txn_header *h = s->txn->headers; h != NULL; h = h->next) {
		if (!txn_header_is(h->name, name) || mime_addresses(s->txn->arena, h->value, h->value_n, &v, &n) != 0)
			continue;
		for (unsigned i = 0; i < n; i++)
			fact_add_text(out, s->txn->arena, v[i], strlen(v[i]));
	}
}

static void from_domains(struct engine_session *s, struct fact_value *out)
{
	const char **v;
	unsigned n;

	for (const struct txn_header *h = s->txn->headers; h != NULL; h = h->next) {
		if (!txn_header_is(h->name, "From") || mime_addresses(s->txn->arena, h->value, h->value_n, &v, &n) != 0)
			continue;
		for (unsigned i = 0; i < n; i++) {
			const char *domain = addr_domain(s->txn->arena, v[i]);

			if (domain != NULL)
				fact_add_text(out, s->txn->arena, domain, strlen(domain));
		}
	}
}

void fields_fill(struct engine_session *s, enum fact_id id, struct fact_value *out)
{
	fact_set_absent(out);
	switch (id) {
	case FACT_SUBJECT:
		decode_fields(s, "Subject", out);
		break;
	case FACT_FROM:
		add_addresses(s, "From", out);
		break;
	case FACT_FROM_DOMAIN:
		from_domains(s, out);
		break;
	case FACT_TO:
		add_addresses(s, "To", out);
		add_addresses(s, "Cc", out);
		break;
	default:
		break;
	}
}

const struct fact_value *fields_named(struct engine_session *s, unsigned slot)
{
	const char *const *names;
	struct fact_value *f;

	if (slot >= rules_headers(s->snap->rules, &names))
		return &absent;
	if (s->txn->header_facts == NULL) {
		s->txn->header_facts = arena_calloc(s->txn->arena, rules_headers(s->snap->rules, &names), sizeof *f);
		if (s->txn->header_facts == NULL)
			return &absent; /* the arena has failed: the message is deferred */
	}
	f = &s->txn->header_facts[slot];
	if (f->state == FACT_UNKNOWN)
		decode_fields(s, names[slot], f);
	return f;
}

/* ---- Time ---- */

void fields_fill_time(struct fact_value *out, enum fact_id id)
{
	static const char *const days[] = {
		"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"
	};
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL)
		fact_set_absent(out);
	else if (id == FACT_HOUR)
		fact_set_num(out, tm.tm_hour);
	else
		fact_set_word(out, days[tm.tm_wday]);
}
