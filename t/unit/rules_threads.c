/*
 * Compiled rules are shared by all threads: evaluations side by side, patterns included, agree.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/rules_fixture.h"

enum { THREADS = 8, ROUNDS = 2000 };

static struct fixture shared;
static atomic_uint wrong;

struct worker {
	struct fact_value subject;
	struct arena *arena;
};

static const struct fact_value *get(void *ctx, struct fact_ref ref, bool settled)
{
	static const struct fact_value absent = { .state = FACT_ABSENT };
	struct worker *w = ctx;

	(void)settled;
	return ref.id == FACT_SUBJECT ? &w->subject : &absent;
}

static void *run(void *arg)
{
	struct worker w = { .arena = arena_new(0) };
	struct rules_source src = { .get = get, .ctx = &w };

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		static const char *const subjects[] = { "you WIN 100 today", "hello", "a casino" };
		static const enum verdict_kind want[] = { VERDICT_REJECT, VERDICT_NONE, VERDICT_DEFER };
		struct rules_outcome o;

		arena_reset(w.arena);
		fact_set_text(&w.subject, w.arena, subjects[i % 3], strlen(subjects[i % 3]));
		if (rules_evaluate(shared.rules, STAGE_HEADERS, &src, w.arena, &o) != 0 || o.kind != want[i % 3])
			wrong++;
	}
	arena_free(&w.arena);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	fixture_open(&shared);
	fixture_add(
		&shared, NULL,
		"rules = ( { name = \"a\"; when = ( { fact = \"subject\"; matches = \"(?i)\\\\bwin (\\\\d+)\\\\b\"; } );"
		" then = { reject = true; }; },"
		" { name = \"b\"; when = ( { fact = \"subject\"; contains = \"CASINO\"; },"
		" { fact = \"subject\"; matches = \".\"; } ); then = { defer = true; }; } );");
	fixture_compile(&shared);
	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, run, NULL) != 0)
			bail_out("no thread");
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	is_int(wrong, 0, "all answers of %d threads are right", THREADS);
	fixture_close(&shared);
	return done_testing();
}
