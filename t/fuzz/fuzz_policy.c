/*
 * Fuzz target (libFuzzer): what a peer of the policy socket sends, from the bytes to the answers, before an engine that
 * refuses every other recipient.  Beside the sanitizers' findings, requests and answers must keep their promises.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/answer.h"
#include "policyd/limits.h"
#include "policyd/table.h"
#include "t/unit/policyd_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(cond)                                                                                                  \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			abort();                                                                                       \
	} while (0)

enum { CONNECTIONS = 3, IDLE_MS = 1000, GRACE_MS = 10 };

struct world {
	struct policyd_table *table;
	struct policyd_conn conns[CONNECTIONS];
	struct policyd_asked asked;
};

/* One action, on one line. */
static void check_action(const struct sbuf *action)
{
	PROMISE(!action->cut && action->len > 0);
	for (size_t i = 0; i < action->len; i++)
		PROMISE((unsigned char)action->p[i] >= ' ' && action->p[i] != 0x7f);
}

static void ask(struct world *w, struct policyd_conn *c, const struct policyd_request *r)
{
	static const struct edit field = { .kind = EDIT_ADD_HEADER, .name = "X-Fuzz", .value = "yes" };
	char action[POLICYD_ACTION_MAX];
	struct policyd_question q = { .r = r, .may_wait = true };
	struct policyd_txn *x, *ended;
	struct sbuf b;
	bool over, refused = strlen(r->v[POLICYD_recipient]) % 2 == 1, fresh;

	x = policyd_table_take(w->table, r->v[POLICYD_instance], strlen(r->v[POLICYD_instance]), c, &ended);
	policyd_txn_end(ended);
	PROMISE(x != NULL);
	fresh = x->notes == NULL && !x->closed;
	fake_engine.early = &field;
	if (refused)
		fake_refuse(STAGE_RCPT, 550, "5.7.1", r->v[POLICYD_recipient]);
	sbuf_fixed(&b, action, sizeof action);
	PROMISE(policyd_txn_ask(x, fake_engine_handle(), &w->asked, &q, &b));
	policyd_txn_give_up(&q);
	check_action(&b);
	PROMISE(!fresh || r->stage != STAGE_RCPT || refused == (strcmp(action, policyd_dunno) != 0));
	fake_engine.answers[STAGE_RCPT] = (struct answer){ .kind = ANSWER_CONTINUE };
	over = x->closed;
	policyd_table_put(w->table, x, over);
}

static void take_request(struct world *w, struct policyd_conn *c, const char *p, size_t n)
{
	char *text = malloc(n);
	struct policyd_request r;

	PROMISE(text != NULL);
	memcpy(text, p, n);
	if (policyd_parse(&r, text, n) == NULL && r.stage != STAGE_CONNECT) {
		PROMISE(r.v[POLICYD_instance][0] != '\0');
		PROMISE(r.client.family != IP_NONE || r.v[POLICYD_client_name][0] == '\0');
		PROMISE(r.stage != STAGE_RCPT || r.v[POLICYD_recipient][0] != '\0');
		PROMISE(r.size >= 0);
		ask(w, c, &r);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum stage lasts[] = { STAGE_RCPT, STAGE_DATA, STAGE_END };
	struct world w = { .asked = { .last = STAGE_RCPT, .stages = 1u << STAGE_RCPT } };
	const char *p = (const char *)data;
	unsigned which = 0;

	fake_engine_reset();
	fake_engine.quiet = true;
	if (size > 0) {
		w.asked.last = lasts[*data % 3];
		w.asked.stages |= 1u << w.asked.last;
		p++;
		size--;
	}
	w.table = policyd_table_new(IDLE_MS, GRACE_MS);
	PROMISE(w.table != NULL);
	while (size > 0) {
		ptrdiff_t n = policyd_split(p, size);

		if (n == 0)
			break;
		PROMISE(n > 0 && (size_t)n <= size);
		PROMISE(policyd_split(p, (size_t)n - 1) == 0 && policyd_split(p, (size_t)n) == n);
		take_request(&w, &w.conns[which++ % CONNECTIONS], p, (size_t)n);
		p += n;
		size -= (size_t)n;
	}
	policyd_txn_end(policyd_table_free(&w.table));
	PROMISE(fake_engine.open == 0);
	return 0;
}
