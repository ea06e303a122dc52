#include "util/units.h"

#include <stdio.h>
#include <string.h>

#include "util/bytes.h"

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first: formatting takes the first that divides. */
static const struct unit durations[] = { { "w", INT64_C(7) * 24 * 3600 * 1000 },
					 { "d", INT64_C(24) * 3600 * 1000 },
					 { "h", 3600 * 1000 },
					 { "m", 60 * 1000 },
					 { "s", 1000 },
					 { "ms", 1 },
					 { NULL, 0 } };
static const struct unit sizes[] = {
	{ "G", 1024 * 1024 * 1024 }, { "M", 1024 * 1024 }, { "K", 1024 }, { "", 1 }, { NULL, 0 }
};

/* The number that text begins with; *end stands behind it.  0, or -1 when there is none or it is too large. */
static int number(const char *text, int64_t *n, const char **end)
{
	*n = 0;
	if (!ascii_is_digit(*text))
		return -1;
	for (; ascii_is_digit(*text); text++)
		if (__builtin_mul_overflow(*n, 10, n) || __builtin_add_overflow(*n, *text - '0', n))
			return -1;
	*end = text;
	return 0;
}

static const struct unit *find(const struct unit *table, const char *name, size_t n)
{
	for (; table->name != NULL; table++)
		if (strlen(table->name) == n && ascii_equal_n(table->name, name, n))
			return table;
	return NULL;
}

static int scale(int64_t n, const struct unit *unit, int64_t *out)
{
	return unit == NULL || __builtin_mul_overflow(n, unit->factor, out) ? -1 : 0;
}

int units_duration(const char *text, int64_t *ms)
{
	const char *unit;
	int64_t n;

	if (number(text, &n, &unit) != 0)
		return -1;
	if (*unit == '\0' && n == 0) {
		*ms = 0;
		return 0;
	}
	return scale(n, find(durations, unit, strlen(unit)), ms);
}

int units_size(const char *text, int64_t *bytes)
{
	const char *unit;
	size_t length;
	int64_t n;

	if (number(text, &n, &unit) != 0)
		return -1;
	length = strlen(unit);
	if (length > 0 && ascii_lower(unit[length - 1]) == 'b')
		length--;
	return scale(n, find(sizes, unit, length), bytes);
}

static const char *format(int64_t n, const struct unit *unit, char *buf, size_t size)
{
	while (n % unit->factor != 0)
		unit++;
	snprintf(buf, size, "%lld%s", (long long)(n / unit->factor), unit->name);
	return buf;
}

const char *units_format_duration(int64_t ms, char *buf, size_t size)
{
	if (ms != 0)
		return format(ms, durations, buf, size);
	snprintf(buf, size, "0s");
	return buf;
}

const char *units_format_size(int64_t bytes, char *buf, size_t size)
{
	if (bytes != 0)
		return format(bytes, sizes, buf, size);
	snprintf(buf, size, "0");
	return buf;
}
