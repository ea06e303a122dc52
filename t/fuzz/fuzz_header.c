/*
 * Fuzz target (libFuzzer): header fields, address lists and paths.  Beside the sanitizers' findings, what each answers
 * must keep its promises.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/addr.h"
#include "mime/header.h"
#include "util/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(cond)                                                                                                  \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			abort();                                                                                       \
	} while (0)

static void decode(struct arena *a, const char *p, size_t n)
{
	static const char *const names[] = { "KOI8-R", "windows-1251" };
	const struct mime_charsets charsets = { names, 2 };
	struct mime_text *texts, *again;
	unsigned found, found_again;

	PROMISE(mime_decode(a, p, n, &charsets, &texts, &found) == 0);
	PROMISE(found >= 1 && found <= charsets.n + 1);
	for (unsigned i = 0; i < found; i++) {
		PROMISE(utf8_valid(texts[i].p, texts[i].n) && strlen(texts[i].p) == texts[i].n);
		PROMISE(texts[i].n <= n * 4 && strpbrk(texts[i].p, "\r\n") == NULL);
		PROMISE(mime_decode(a, texts[i].p, texts[i].n, &charsets, &again, &found_again) == 0);
	}
}

static void addresses(struct arena *a, const char *p, size_t n)
{
	const char **out;
	unsigned found;

	PROMISE(mime_addresses(a, p, n, &out, &found) == 0);
	for (unsigned i = 0; i < found; i++) {
		const char *at = addr_at(out[i], strlen(out[i]));

		PROMISE(at != NULL && at > out[i] && at[1] != '\0');
		PROMISE(strpbrk(out[i], "\r\n\x01\x7f") == NULL);
		PROMISE(strcmp(addr_from_path(a, out[i]), out[i]) == 0);
	}
}

static void path(struct arena *a, const char *p, size_t n)
{
	const char *arg = arena_strndup(a, p, n), *address = addr_from_path(a, arg);
	const char *domain = addr_domain(a, address);
	struct addr_list *l = addr_list_new();

	PROMISE(strlen(address) <= strlen(arg));
	PROMISE(domain == NULL || domain[0] != '\0');
	if (addr_list_add(l, arg) == NULL)
		PROMISE(addr_list_count(l) == 1);
	else
		PROMISE(addr_list_count(l) == 0);
	addr_list_match_address(l, address, strlen(address));
	addr_list_match_domain(l, address, strlen(address));
	addr_list_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);

	decode(a, (const char *)data, size);
	addresses(a, (const char *)data, size);
	path(a, (const char *)data, size);
	arena_free(&a);
	return 0;
}
