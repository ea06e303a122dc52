#include "util/names.h"

#include <string.h>

#include "t/lib/tap.h"
#include "util/bytes.h"
#include "util/units.h"

static const struct name_value table[] = { { "ignore", 0 }, { "defer", 1 }, { "reject", 5 }, { NULL, 0 } };

static const char *nearest(const char *word)
{
	static const char *const known[] = { "delay", "retry_window", "pass_for", "enabled", "on_error", "to", NULL };
	struct names_nearest n;

	names_nearest_init(&n, word);
	for (const char *const *k = known; *k != NULL; k++)
		names_nearest_try(&n, *k);
	return n.best;
}

static void test_tables(void)
{
	is_int(names_value(table, "defer"), 1, "a name's value");
	is_int(names_value(table, "Defer"), -1, "names are exact");
	is_int(names_value(table, ""), -1, "the empty name is unknown");
	is_str(names_name(table, 5), "reject", "a value's name");
	is_str(names_name(table, 2), NULL, "an unknown value");
}

static void test_nearest(void)
{
	char word[200];

	is_str(nearest("delya"), "delay", "two letters swapped");
	is_str(nearest("dely"), "delay", "one missing");
	is_str(nearest("DELAY"), "delay", "another case");
	is_str(nearest("retry_windows"), "retry_window", "one too many");
	is_str(nearest("retry-windov"), "retry_window", "two wrong");
	is_str(nearest("on_eror"), "on_error", "one missing of a longer name");
	is_str(nearest("tp"), "to", "short words may have one edit");
	is_str(nearest("xy"), NULL, "but not be wholly different");
	is_str(nearest("greylist"), NULL, "nothing near");
	is_str(nearest(""), NULL, "the empty word");
	memset(word, 'a', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	is_str(nearest(word), NULL, "a very long word");
}

static void is_duration(const char *text, long long want)
{
	int64_t ms = -7;

	is_int(units_duration(text, &ms), want < 0 ? -1 : 0, "duration \"%s\"", text);
	if (want >= 0)
		is_int(ms, want, "its milliseconds");
}

static void is_size(const char *text, long long want)
{
	int64_t n = -7;

	is_int(units_size(text, &n), want < 0 ? -1 : 0, "size \"%s\"", text);
	if (want >= 0)
		is_int(n, want, "its bytes");
}

static void test_units(void)
{
	static const char *const no_duration[] = { "",
						   "10",
						   "s",
						   "-1s",
						   "+1s",
						   " 1s",
						   "1s ",
						   "1 s",
						   "1.5h",
						   "1h30m",
						   "1x",
						   "9223372036854775808ms",
						   "9223372036854775807s",
						   "0x1s",
						   "ms" };
	static const char *const no_size[] = {
		"", "K", "-1", "1T", "1 K", "1KK", "1.5M", "1BB", "9223372036854775808", "9007199254740992K"
	};
	char buf[32];

	is_duration("500ms", 500);
	is_duration("10s", 10000);
	is_duration("5m", 300000);
	is_duration("5h", 18000000);
	is_duration("14d", 1209600000);
	is_duration("2w", 1209600000);
	is_duration("10S", 10000);
	is_duration("0", 0);
	is_duration("0s", 0);
	is_duration("9223372036854775807ms", 9223372036854775807LL);
	for (size_t i = 0; i < sizeof no_duration / sizeof *no_duration; i++)
		is_duration(no_duration[i], -1);
	is_size("512", 512);
	is_size("0", 0);
	is_size("5000K", 5120000);
	is_size("100M", 104857600);
	is_size("100mb", 104857600);
	is_size("2G", 2147483648LL);
	is_size("7b", 7);
	for (size_t i = 0; i < sizeof no_size / sizeof *no_size; i++)
		is_size(no_size[i], -1);
	is_str(units_format_duration(10000, buf, sizeof buf), "10s", "10s");
	is_str(units_format_duration(90000, buf, sizeof buf), "90s", "90s");
	is_str(units_format_duration(1500, buf, sizeof buf), "1500ms", "1500ms");
	is_str(units_format_duration(86400000, buf, sizeof buf), "1d", "1d");
	is_str(units_format_duration(0, buf, sizeof buf), "0s", "0s");
	is_str(units_format_size(104857600, buf, sizeof buf), "100M", "100M");
	is_str(units_format_size(5120000, buf, sizeof buf), "5000K", "5000K");
	is_str(units_format_size(1000, buf, sizeof buf), "1000", "1000");
	is_str(units_format_size(0, buf, sizeof buf), "0", "0");
}

static void test_bytes(void)
{
	ok(ascii_equal("Message-ID", "message-id"), "equal but for case");
	ok(!ascii_equal("abc", "abcd") && !ascii_equal("abcd", "abc"), "a beginning is not equal");
	ok(!ascii_equal("[", "{"), "only letters have a case");
	ok(ascii_equal_n("abX", "aBy", 2) && !ascii_equal_n("abX", "aBy", 3), "equal for n bytes");
	ok(!ascii_equal("\xd0", "\xf0"), "bytes above ASCII are compared as they are");
	is_str(bytes_find("a\0bc", 4, "bc", 2), "bc", "found behind a NUL");
	ok(bytes_find("abc", 3, "cd", 2) == NULL, "not found over the end");
}

int main(void)
{
	test_tables();
	test_nearest();
	test_units();
	test_bytes();
	return done_testing();
}
