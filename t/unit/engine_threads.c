/*
 * Sessions of both kinds on many threads, with somebody who looks at them all: what the engine shares is locked, and
 * sessions that are used again remember nothing.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "engine/engine.h"
#include "t/lib/tap.h"
#include "t/unit/engine_fixture.h"

enum { THREADS = 6, ROUNDS = 300 };

struct worker {
	pthread_t thread;
	struct engine *engine;
	uint8_t number;
	unsigned wrong;
};

static atomic_bool over;

/* One transaction; every second session is a milter's. */
static unsigned transact(struct worker *w, unsigned round)
{
	struct engine_connect c = { .ip = { .family = IP_V4, .b = { 198, 51, 100, w->number } },
				    .resolve = "OK",
				    .name = "client.example.org",
				    .smtp = true };
	const struct engine_mail m = { .arg = round % 3 == 0 ? "<>" : "<alice@example.org>", .size = 100 };
	bool milter = round % 2 == 0, denied = w->number % 2 == 0;
	struct engine_session *s = milter ? engine_open(w->engine) : engine_open_envelope(w->engine);
	struct answer a;
	unsigned wrong = 0;

	engine_connect(s, &c, &a);
	engine_helo(s, "client.example.org", &a);
	engine_mail(s, &m, &a);
	wrong += engine_has_twin(w->engine, &c, m.arg) != milter;
	engine_park(s);
	engine_rcpt(s, "<bob@example.net>", &a);
	wrong += (a.kind == ANSWER_REJECT) != denied;
	engine_settle(s);
	if (round % 5 == 0)
		engine_abort(s);
	engine_close(&s);
	return wrong;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < ROUNDS; i++)
		w->wrong += transact(w, i);
	return NULL;
}

static void *look(void *arg)
{
	struct engine *e = arg;
	char buf[4096];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	while (!atomic_load(&over)) {
		sbuf_reset(&b);
		engine_print_status(e, &b);
	}
	return NULL;
}

int main(void)
{
	struct engine *e =
		fixture_load("deny: { clients = ( \"198.51.100.0\", \"198.51.100.2\", \"198.51.100.4\" ); };");
	struct worker w[THREADS];
	pthread_t looker;
	char buf[4096];
	struct sbuf b;
	unsigned wrong = 0;

	pthread_create(&looker, NULL, look, e);
	for (unsigned i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .engine = e, .number = (uint8_t)i };
		pthread_create(&w[i].thread, NULL, work, &w[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		wrong += w[i].wrong;
	}
	atomic_store(&over, true);
	pthread_join(looker, NULL);
	is_int(wrong, 0, "each session gets its own answers");
	sbuf_fixed(&b, buf, sizeof buf);
	engine_print_status(e, &b);
	ok(strstr(buf, "\"open\":0,\"parked\":0,") != NULL, "and leaves nothing behind");
	engine_drain_begin(e);
	is_int((int)engine_drain_wait(e, 1000), 0, "nothing is left to wait for");
	engine_free(&e);
	return done_testing();
}
