/*
 * Fuzz target (libFuzzer): whose an Authentication-Results field claims to be.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/authres.h"
#include "util/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(cond)                                                                                                  \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			abort();                                                                                       \
	} while (0)

#define ID "mx.example.net"

/* Whether the letters of the id stand in the text in this order, whatever is between them. */
static bool could_be_ours(const char *p, size_t n)
{
	const char *id = ID;

	for (size_t i = 0; i < n && *id != '\0'; i++)
		if (ascii_lower(p[i]) == *id)
			id++;
	return *id == '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const before[] = { "", " ", " (a (b) \\) c)\n\t", "\"" }, *const behind[] = { ";", " 1; x",
													 "(c);", "\"" };
	const char *p = (const char *)data;
	char buf[4096];

	/* What does not hold the id is not ours. */
	PROMISE(!authres_claims(p, size, ID) || could_be_ours(p, size));

	/* What begins with it is, whatever follows. */
	for (unsigned i = 0; i < sizeof before / sizeof before[0]; i++) {
		size_t n = strlen(before[i]), id = sizeof ID - 1, more = strlen(behind[i]);

		if (n + id + more + size > sizeof buf)
			continue;
		memcpy(buf, before[i], n);
		memcpy(buf + n, "MX.exaMple.NET", id);
		memcpy(buf + n + id, behind[i], more);
		if (size > 0)
			memcpy(buf + n + id + more, p, size);
		PROMISE(authres_claims(buf, n + id + more + size, ID));
	}
	return 0;
}
