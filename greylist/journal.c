#include "greylist/journal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/redis_scan.h"
#include "util/arena.h"
#include "util/clock.h"
#include "util/fold.h"

enum {
	PAGE = 128, /* entries, of up to some 16 kB */
	NUMBER_SIZE = 48,
	KEY_SIZE = 256,
	MS_PER_S = 1000,
	US_PER_MS = 1000
};

static const char *const word_names[GREY_WORDS] = { [GREY_WORD_DEFER] = "defer",
						    [GREY_WORD_PASS] = "pass",
						    [GREY_WORD_KNOWN] = "known",
						    [GREY_WORD_CLIENT] = "client",
						    [GREY_WORD_MET] = "met" };

/* ---- Redis ---- */

/* One command and its answer, to be freed; 0, or -1 with an error added when it is not an array. */
static int ask(const struct grey_admin *g, const struct redis_word *words, size_t n, struct net_op **op,
	       struct error_list *errors)
{
	const struct redis_value *v;

	*op = redis_ask(g->wait, words, n);
	(void)net_await(g->wait, op, 1, clock_mono_ms() + g->timeout_ms);
	v = redis_result(*op);
	if (v->kind == REDIS_ARRAY)
		return 0;
	redis_scan_complain(v, errors);
	net_op_free(op);
	return -1;
}

int grey_journal_now(const struct grey_admin *g, int64_t *now_ms, struct error_list *errors)
{
	static const struct redis_word words[] = { { "TIME", 4 } };
	const struct redis_value *v;
	struct net_op *op;

	*now_ms = 0;
	if (ask(g, words, 1, &op, errors) != 0)
		return -1;
	v = redis_result(op);
	if (v->n == 2 && v->v[0].kind == REDIS_STRING && v->v[1].kind == REDIS_STRING)
		*now_ms = strtoll(v->v[0].str, NULL, 10) * MS_PER_S + strtoll(v->v[1].str, NULL, 10) / US_PER_MS;
	net_op_free(&op);
	return 0;
}

/* The name of an entry: Redis's clock, and a number within the millisecond. */
struct entry_id {
	uint64_t ms, seq;
};

static bool parse_id(const struct redis_value *v, struct entry_id *id)
{
	return v->kind == REDIS_STRING && sscanf(v->str, "%" SCNu64 "-%" SCNu64, &id->ms, &id->seq) == 2;
}

/* The page that begins at `from` and ends, with the journal, at end_ms. */
static int read_page(const struct grey_admin *g, const struct entry_id *from, int64_t end_ms, unsigned count,
		     struct net_op **op, struct error_list *errors)
{
	char key[KEY_SIZE], first[NUMBER_SIZE], last[ID_SIZE], number[ID_SIZE];
	struct redis_word words[] = {
		{ "XRANGE", 6 },
		{ key, (size_t)snprintf(key, sizeof key, "%.*sjournal", (int)sizeof key - 8, g->prefix) },
		{ first, (size_t)snprintf(first, sizeof first, "%" PRIu64 "-%" PRIu64, from->ms, from->seq) },
		{ last, (size_t)snprintf(last, sizeof last, "%" PRId64, end_ms) },
		{ "COUNT", 5 },
		{ number, (size_t)snprintf(number, sizeof number, "%u", count) },
	};

	return ask(g, words, sizeof words / sizeof words[0], op, errors);
}

/* ---- One entry ---- */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static bool read_word(const char *name, enum grey_word *out)
{
	for (unsigned i = 0; i < GREY_WORDS; i++) {
		if (strcmp(name, word_names[i]) == 0) {
			*out = (enum grey_word)i;
			return true;
		}
	}
	return false;
}

/* False: greylisting was not asked about it, or did not know. */
static bool read_recipient(const json_t *recipient, struct arena *a, struct grey_attempt *out)
{
	const json_t *facts = json_object_get(recipient, "facts");
	const char *to = text_of(recipient, "to"), *waited;
	size_t n;

	if (!read_word(text_of(facts, "greylist"), &out->word))
		return false;
	waited = text_of(facts, "greylist_waited");
	out->waited_ms = waited[0] != '\0' ? strtoll(waited, NULL, 10) * MS_PER_S : -1;
	out->deferred = strcmp(text_of(recipient, "verdict"), "defer") == 0;
	out->identity = text_of(facts, "greylist_identity");
	out->sender = text_of(facts, "greylist_sender");
	out->why = text_of(facts, "greylist_why");
	out->recipient = fold_text(a, to, strlen(to), &n);
	return out->identity[0] != '\0' && out->recipient != NULL;
}

/* The value of one of an entry's fields; NULL when there is none. */
static const struct redis_value *find_field(const struct redis_value *fields, const char *name)
{
	for (size_t i = 0; i + 1 < fields->n; i += 2)
		if (fields->v[i].kind == REDIS_STRING && strcmp(fields->v[i].str, name) == 0)
			return fields->v[i + 1].kind == REDIS_STRING ? &fields->v[i + 1] : NULL;
	return NULL;
}

/* When it began: some are only written down when it is clear that nothing more will come. */
static int64_t began_ms(const struct redis_value *fields, int64_t written_ms)
{
	const struct redis_value *took = find_field(fields, "ms");
	int64_t ms = took != NULL ? strtoll(took->str, NULL, 10) : 0;

	return ms > 0 && ms < written_ms ? written_ms - ms : written_ms;
}

/* False: there is something else than a list of recipients.  None at all is fine: nobody was named. */
static bool read_entry(const struct redis_value *fields, int64_t written_ms, struct arena *a, grey_attempt_fn fn,
		       void *ctx)
{
	const struct redis_value *field = fields->kind == REDIS_ARRAY ? find_field(fields, "recipients") : NULL;
	json_t *list, *recipient;
	int64_t ms;
	size_t i;

	if (field == NULL)
		return fields->kind == REDIS_ARRAY;
	ms = began_ms(fields, written_ms);
	list = json_loadb(field->str, field->str_n, JSON_ALLOW_NUL, NULL);
	if (!json_is_array(list)) {
		json_decref(list);
		return false;
	}
	json_array_foreach(list, i, recipient)
	{
		struct grey_attempt attempt = { .ms = ms };

		if (read_recipient(recipient, a, &attempt))
			fn(ctx, &attempt);
	}
	json_decref(list);
	return true;
}

/* ---- The walk ---- */

/* Answers whether there may be more; *from is then where. */
static bool read_entries(const struct redis_value *page, struct arena *a, grey_attempt_fn fn, void *ctx,
			 struct entry_id *from, struct grey_journal *out)
{
	for (size_t i = 0; i < page->n; i++) {
		const struct redis_value *entry = &page->v[i];
		struct entry_id id;

		/* Redis's own form: not one of ours alone could break it. */
		if (entry->kind != REDIS_ARRAY || entry->n != 2 || !parse_id(&entry->v[0], &id))
			return false;
		out->entries++;
		arena_reset(a);
		if (!read_entry(&entry->v[1], (int64_t)id.ms, a, fn, ctx))
			out->unreadable++;
		*from = (struct entry_id){ id.ms, id.seq + 1 };
	}
	return page->n == PAGE;
}

/* The oldest entry, whether it is asked for or not: before it, nothing can be said. */
static int read_first(const struct grey_admin *g, struct grey_journal *out, struct error_list *errors)
{
	const struct redis_value *v;
	struct entry_id id = { 0, 0 };
	struct net_op *op;

	out->first_ms = -1;
	if (read_page(g, &id, out->now_ms, 1, &op, errors) != 0)
		return -1;
	v = redis_result(op);
	if (v->n == 1 && v->v[0].kind == REDIS_ARRAY && v->v[0].n == 2 && parse_id(&v->v[0].v[0], &id))
		out->first_ms = (int64_t)id.ms;
	net_op_free(&op);
	return 0;
}

int grey_journal_walk(const struct grey_admin *g, int64_t since_ms, grey_attempt_fn fn, void *ctx,
		      struct grey_journal *out, struct error_list *errors)
{
	struct entry_id from = { since_ms > 0 ? (uint64_t)since_ms : 0, 0 };
	struct arena *a = arena_new(0);
	bool more = true;
	int result = -1;

	memset(out, 0, sizeof *out);
	if (a == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	if (grey_journal_now(g, &out->now_ms, errors) != 0 || read_first(g, out, errors) != 0)
		goto done;
	while (more) {
		struct net_op *op;

		if (read_page(g, &from, out->now_ms, PAGE, &op, errors) != 0)
			goto done;
		more = read_entries(redis_result(op), a, fn, ctx, &from, out);
		net_op_free(&op);
	}
	result = 0;
done:
	arena_free(&a);
	return result;
}
