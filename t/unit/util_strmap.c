#include "util/strmap.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/tap.h"
#include "util/clock.h"
#include "util/id.h"

static void test_basics(void)
{
	struct strmap *m = strmap_new();
	int one = 1, two = 2;
	char key[] = "key";
	bool found;

	ok(strmap_get(m, "x", 1, &found) == NULL && !found, "nothing is in an empty map");
	ok(!strmap_remove(m, "x", 1), "nor can it be removed");
	is_int(strmap_set(m, key, 3, &one), 0, "set");
	key[0] = 'x';
	ok(strmap_get(m, "key", 3, &found) == &one && found, "get; the key was copied");
	is_int(strmap_set(m, "key", 3, &two), 0, "set again");
	ok(strmap_get(m, "key", 3, NULL) == &two, "replaces");
	is_int(strmap_count(m), 1, "and counts once");
	strmap_set(m, "a\0b", 3, &one);
	strmap_set(m, "a\0c", 3, NULL);
	strmap_set(m, "", 0, &two);
	ok(strmap_get(m, "a\0b", 3, NULL) == &one, "keys are bytes");
	ok(strmap_get(m, "a\0c", 3, &found) == NULL && found, "a NULL value is there");
	ok(strmap_get(m, "", 0, NULL) == &two, "the empty key");
	ok(strmap_get(m, "a", 1, &found) == NULL && !found, "a beginning of a key is another key");
	strmap_free(&m);
	ok(m == NULL, "strmap_free clears the pointer");
	strmap_free(&m);
}

/* Against an array, through many sets and removals. */
static void test_many(void)
{
	enum { KEYS = 500, STEPS = 200000 };
	static bool there[KEYS];
	static int values[KEYS];
	struct strmap *m = strmap_new();
	size_t count = 0;
	int wrong = 0;

	srandom(11);
	for (int i = 0; i < STEPS; i++) {
		int k = (int)(random() % KEYS);
		char key[32];
		size_t n = (size_t)snprintf(key, sizeof key, "key-%d-%.*s", k, k % 20, "abcdefghijklmnopqrst");
		bool found;

		switch (random() % 3) {
		case 0:
			wrong += strmap_set(m, key, n, &values[k]) != 0;
			count += !there[k];
			there[k] = true;
			break;
		case 1:
			wrong += strmap_remove(m, key, n) != there[k];
			count -= there[k];
			there[k] = false;
			break;
		default:
			wrong += strmap_get(m, key, n, &found) != (there[k] ? &values[k] : NULL) || found != there[k];
		}
		wrong += strmap_count(m) != count;
	}
	is_int(wrong, 0, "a map of %d keys stays right for %d steps", KEYS, STEPS);
	strmap_free(&m);
}

static void test_ids(void)
{
	enum { IDS = 2000 };
	static char ids[IDS][ID_SIZE];
	struct strmap *m = strmap_new();
	char before[ID_SIZE], after[ID_SIZE];
	bool chars = true;

	clock_set_wall_ms(1789000000000);
	id_make(before);
	clock_set_wall_ms(1789000000001);
	id_make(after);
	ok(memcmp(before, after, 8) < 0, "an id of a later millisecond sorts later");
	clock_set_wall_ms(1789000000000 + 365LL * 24 * 3600 * 1000);
	id_make(after);
	ok(strcmp(before, after) < 0, "so does one of a later year");
	is_int(clock_wall_ms(), 1789000000000 + 365LL * 24 * 3600 * 1000, "the clock stands where it was set");
	for (int i = 0; i < IDS; i++) {
		id_make(ids[i]);
		chars = chars && strspn(ids[i], "0123456789bcdfghjklmnpqrstvwxyz") == ID_SIZE - 1;
		strmap_set(m, ids[i], ID_SIZE - 1, NULL);
	}
	ok(chars, "ids are 13 digits and small consonants");
	ok(strmap_count(m) >= IDS - 3, "ids of one millisecond differ");
	strmap_free(&m);
	clock_set_wall_ms(0);
	ok(clock_wall_ms() > 1700000000000, "the real clock is back");
	ok(clock_mono_us() / 1000 - clock_mono_ms() <= 0, "the clocks that never jump agree");
}

int main(void)
{
	test_basics();
	test_many();
	test_ids();
	return done_testing();
}
