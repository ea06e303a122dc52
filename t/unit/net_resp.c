/* Redis commands as they go over the wire, and the names of scripts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/resp.h"
#include "net/sha1.h"
#include "t/lib/tap.h"

static void test_words(void)
{
	static const char want[] = "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$13\r\na\r\nb\0c 123456\r\n";
	const struct redis_word words[] = { { "SET", 3 }, { NULL, 0 }, { "a\r\nb\0c 123456", 13 } };
	size_t n = resp_head_size(3) + resp_words_size(words, 3);
	char *p = malloc(n), *end;

	is_int(n, sizeof(want) - 1, "the size is known before");
	end = resp_words(resp_head(p, 3), words, 3);
	is_int(end - p, n, "and kept");
	is_mem(p, want, n, "words are binary-safe, empty ones too");
	free(p);
	for (size_t count = 1; count <= 1000000; count *= 10) {
		char head[16];

		is_int(resp_head(head, count) - head, resp_head_size(count), "a head of %zu words", count);
	}
}

static void is_digest(const char *p, size_t n, const char *want, const char *what)
{
	char hex[SHA1_HEX_SIZE];

	sha1_hex(p, n, hex);
	is_str(hex, want, "SHA-1 of %s", what);
}

/* RFC 3174, section 7.3, and the lengths at which the padding takes another block. */
static void test_sha1(void)
{
	static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	static const struct {
		size_t n;
		const char *digest;
	} lengths[] = {
		{ 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a" }, { 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699" },
		{ 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5" }, { 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d" },
		{ 65, "11655326c708d70319be2610e8a57d9a5b959d3b" },
	};
	char *many = malloc(1000000), what[32];

	memset(many, 'a', 1000000);
	is_digest("", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709", "nothing");
	is_digest("abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d", "abc");
	is_digest(two, sizeof(two) - 1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1", "two blocks");
	is_digest(many, 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f", "a million times a");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		snprintf(what, sizeof(what), "%zu times a", lengths[i].n);
		is_digest(many, lengths[i].n, lengths[i].digest, what);
	}
	free(many);
}

int main(void)
{
	test_words();
	test_sha1();
	return done_testing();
}
