#include "net/sha1.h"

#include <stdint.h>
#include <string.h>

enum { BLOCK = 64, WORDS = 5, ROUNDS = 80, LENGTH_SIZE = 8, BLOCK_WORDS = 16 };

static uint32_t rotl(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
	switch (round / 20) {
	case 0:
		return ((b & c) | (~b & d)) + 0x5a827999;
	case 1:
		return (b ^ c ^ d) + 0x6ed9eba1;
	case 2:
		return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
	default:
		return (b ^ c ^ d) + 0xca62c1d6;
	}
}

static void add_block(uint32_t h[WORDS], const uint8_t *p)
{
	uint32_t w[ROUNDS], s[WORDS];

	for (unsigned i = 0; i < BLOCK_WORDS; i++)
		w[i] = get32(p + 4 * i);
	for (unsigned i = BLOCK_WORDS; i < ROUNDS; i++)
		w[i] = rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	memcpy(s, h, sizeof(s));
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint32_t t = rotl(s[0], 5) + mix(i, s[1], s[2], s[3]) + s[4] + w[i];

		s[4] = s[3];
		s[3] = s[2];
		s[2] = rotl(s[1], 30);
		s[1] = s[0];
		s[0] = t;
	}
	for (unsigned i = 0; i < WORDS; i++)
		h[i] += s[i];
}

void sha1_hex(const char *p, size_t n, char hex[SHA1_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint32_t h[WORDS] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	uint8_t last[2 * BLOCK] = { 0x80 };
	uint64_t bits = (uint64_t)n * 8;
	size_t rest = n % BLOCK, end;

	for (size_t i = 0; i + BLOCK <= n; i += BLOCK)
		add_block(h, (const uint8_t *)p + i);
	/* What is left, 0x80, zeros, and the length in bits at the end of a block. */
	memmove(last + rest, last, 1);
	memcpy(last, p + n - rest, rest);
	end = rest + 1 + LENGTH_SIZE <= BLOCK ? BLOCK : 2 * BLOCK;
	for (unsigned i = 0; i < LENGTH_SIZE; i++)
		last[end - 1 - i] = (uint8_t)(bits >> (8 * i));
	for (size_t i = 0; i < end; i += BLOCK)
		add_block(h, last + i);
	for (unsigned i = 0; i < SHA1_HEX_SIZE - 1; i++)
		hex[i] = digits[h[i / 8] >> (28 - 4 * (i % 8)) & 0xf];
	hex[SHA1_HEX_SIZE - 1] = '\0';
}
