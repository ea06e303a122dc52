/*
 * Fuzz target (libFuzzer): what greylisting reads off the wire: senders, host names, SPF terms, keys.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "greylist/hostname.h"
#include "greylist/key.h"
#include "greylist/sender.h"
#include "greylist/width.h"
#include "mail/addr.h"
#include "mail/psl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(cond)                                                                                                  \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			abort();                                                                                       \
	} while (0)

/* No longer than it was, with its domain, and the same when it comes again. */
static void try_sender(struct arena *a, const char *p, size_t n, const char *recipient)
{
	const char *at = addr_at(p, n), *s = grey_sender(a, p, n, recipient), *again;

	PROMISE(s != NULL && strlen(s) <= n);
	if (memchr(p, '\0', n) != NULL)
		return;
	PROMISE(at == NULL || strcmp(s + strlen(s) - (n - (size_t)(at - p)), at) == 0);
	again = grey_sender(a, s, strlen(s), recipient);
	PROMISE(again != NULL && strlen(again) <= strlen(s));
	PROMISE(grey_mailbox(a, p, n) != NULL);
}

static void try_name(const char *text, const struct ip *ip)
{
	(void)grey_hostname_is_generated(text, psl_registrable(text), ip);
}

/* Whatever the parts are, they come back. */
static void try_key(struct arena *a, const char *one, const char *two)
{
	const char *const parts[GREY_PARTS] = { one, two };
	const char *key = grey_key(a, "p:", GREY_CLIENTS, parts), *back[GREY_PARTS];

	PROMISE(key != NULL);
	if (strlen(one) > 200 || strlen(two) > 200)
		return; /* cut */
	if (one[0] != '\0' || two[0] != '\0')
		PROMISE(grey_key_parse(a, "p:", GREY_CLIENTS, key, strlen(key), back) && strcmp(back[0], one) == 0 &&
			strcmp(back[1], two) == 0);
}

static void try_term(struct arena *a, const char *text, enum ip_family family)
{
	struct fact_value f = { .state = FACT_ABSENT };

	fact_add_text(&f, a, text, strlen(text));
	PROMISE(grey_width_of(&f, family) <= GREY_OPEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct ip ip = { .family = IP_V4 };
	const char *one, *two, *p;
	size_t half;

	PROMISE(a != NULL);
	if (size >= sizeof ip.b) {
		memcpy(ip.b, data, sizeof ip.b);
		ip.family = data[0] % 2 == 0 ? IP_V4 : IP_V6;
		data += sizeof ip.b;
		size -= sizeof ip.b;
	}
	p = memchr(data, '\n', size);
	half = p != NULL ? (size_t)(p - (const char *)data) : size;
	one = arena_strndup(a, (const char *)data, half);
	two = arena_strndup(a, (const char *)data + half + (p != NULL), size - half - (p != NULL));
	try_sender(a, one, half, two);
	try_name(two, &ip);
	try_name(one, &ip);
	try_key(a, one, two);
	try_term(a, one, (enum ip_family)ip.family);
	arena_free(&a);
	return 0;
}
