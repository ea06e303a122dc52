/*
 * Registrable domains.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mail/psl.h"
#include "t/lib/tap.h"

static const struct {
	const char *name, *registrable;
} names[] = {
	{ "example.com", "example.com" },
	{ "mx1.mail.example.com", "example.com" },
	{ "com", NULL },
	{ "mail.example.co.uk", "example.co.uk" },
	{ "co.uk", NULL },
	{ "www.me.github.io", "me.github.io" }, /* a private suffix */
	{ "github.io", NULL },
	{ "a.b.c.kobe.jp", "b.c.kobe.jp" },     /* *.kobe.jp */
	{ "www.city.kobe.jp", "city.kobe.jp" }, /* !city.kobe.jp */
	{ "mx.\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0.\xd1\x80\xd1\x84",
	  "\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0.\xd1\x80\xd1\x84" },
	{ "mx.xn--80a1acny.xn--p1ai", "xn--80a1acny.xn--p1ai" },
	{ "mx.example.no-such-tld", "example.no-such-tld" },
	{ "localhost", NULL },
	{ "192.0.2.1", NULL },
	{ "2001:db8::1", NULL },
	{ "[192.0.2.1]", NULL },
	{ "", NULL },
	{ ".", NULL },
	{ ".com", NULL },
	{ ".example.com", NULL },
	{ "..example.com", NULL },
	{ "mx..example.com", NULL },
};

static unsigned wrong_answers(void)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *got = psl_registrable(names[i].name);

		wrong += (got == NULL) != (names[i].registrable == NULL) ||
			 (got != NULL && strcmp(got, names[i].registrable) != 0);
	}
	return wrong;
}

static void *many_times(void *wrong)
{
	for (unsigned i = 0; i < 1000; i++)
		*(unsigned *)wrong += wrong_answers();
	return NULL;
}

/* ---- What is remembered says what was found ---- */

enum { SOME = 600, TIMES = 20000, NAME_SIZE = 160 };

struct looked_up {
	char name[NAME_SIZE];
	int at; /* -1: none */
};

static int position(const char *name)
{
	const char *got = psl_registrable(name);

	return got != NULL ? (int)(got - name) : -1;
}

static void *look_up(void *l)
{
	((struct looked_up *)l)->at = position(((struct looked_up *)l)->name);
	return NULL;
}

static void make_name(char name[NAME_SIZE])
{
	static const char *const parts[] = { "a",  "mx1", "mail", "example", "com", "co",     "uk",
					     "jp", "www", "kobe", "city",    "io",  "github", "" };
	static const char longer[] = "a-label-that-is-long-enough-to-fill-names.";
	unsigned labels = 1 + (unsigned)rand() % 5;

	strcpy(name, rand() % 8 == 0 ? longer : "");
	for (unsigned i = 0; i < labels; i++) {
		if (i > 0)
			strcat(name, ".");
		strcat(name, parts[(size_t)rand() % (sizeof parts / sizeof parts[0])]);
	}
}

/* Each is looked up once by a thread of its own, which remembers nothing. */
static void test_remembered(void)
{
	static struct looked_up all[SOME];
	unsigned wrong = 0;

	srand(1);
	for (unsigned i = 0; i < SOME; i++) {
		pthread_t thread;

		make_name(all[i].name);
		if (pthread_create(&thread, NULL, look_up, &all[i]) != 0)
			bail_out("no thread");
		pthread_join(thread, NULL);
	}
	for (unsigned i = 0; i < TIMES; i++) {
		const struct looked_up *l = &all[rand() % SOME];
		char copy[NAME_SIZE];

		memcpy(copy, l->name, sizeof copy); /* not where it stood when it was met first */
		wrong += position(copy) != l->at;
	}
	is_int(wrong, 0, "names that come again come to the same");
}

int main(void)
{
	enum { THREADS = 4, LABELS = 1000000 };
	const char *name = "mx.example.com";
	unsigned wrong[THREADS] = { 0 }, sum = 0;
	pthread_t threads[THREADS];
	char *longest;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		is_str(psl_registrable(names[i].name), names[i].registrable, "of '%s'", names[i].name);
	ok(psl_registrable(name) == name + 3, "the answer points into the name");
	ok(psl_has_suffix("example.com") && psl_has_suffix("a.b.example.co.uk") && psl_has_suffix("x.y.com.bd"),
	   "suffixes that are in use");
	ok(!psl_has_suffix("main.c") && !psl_has_suffix("co.uk") && !psl_has_suffix("192.0.2.1") && !psl_has_suffix(""),
	   "and names that end in none");

	for (unsigned i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, many_times, &wrong[i]) != 0)
			bail_out("no thread");
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		sum += wrong[i];
	}
	is_int(sum, 0, "the same from several threads at once");

	test_remembered();

	longest = malloc(2 * LABELS + 1);
	for (unsigned i = 0; i < LABELS; i++)
		memcpy(longest + (size_t)i * 2, "a.", 3);
	longest[2 * LABELS - 1] = '\0';
	ok(psl_registrable(longest) == NULL, "a million labels are no name");
	free(longest);
	return done_testing();
}
