#include "util/ip.h"

#include <arpa/inet.h>
#include <string.h>

#include "util/bytes.h"

enum { IP_MAPPED_BITS = 96 }; /* ::ffff:0:0/96 holds IPv4 */

static const uint8_t mapped_prefix[IP_MAPPED_BITS / 8] = { [10] = 0xff, [11] = 0xff };

static unsigned full_bits(const struct ip *ip)
{
	return ip->family == IP_V4 ? 32 : 128;
}

/* Takes "[...]" and "IPv6:" off; answers the length of what is left at *text. */
static size_t unwrap(const char **text)
{
	static const char tag[] = "IPv6:";
	size_t n = strlen(*text);

	if (n >= 2 && (*text)[0] == '[' && (*text)[n - 1] == ']') {
		++*text;
		n -= 2;
	}
	if (n >= sizeof tag - 1 && ascii_equal_n(*text, tag, sizeof tag - 1)) {
		*text += sizeof tag - 1;
		n -= sizeof tag - 1;
	}
	return n;
}

/* Reads n bytes of text.  *mapped: it was an IPv4-mapped IPv6 address. */
static int parse(struct ip *ip, const char *text, size_t n, bool *mapped)
{
	char buf[IP_TEXT_SIZE];

	memset(ip, 0, sizeof *ip);
	*mapped = false;
	if (n >= sizeof buf)
		return -1;
	memcpy(buf, text, n);
	buf[n] = '\0';
	if (memchr(buf, ':', n) == NULL) {
		ip->family = IP_V4;
		return inet_pton(AF_INET, buf, ip->b) == 1 ? 0 : -1;
	}
	ip->family = IP_V6;
	if (inet_pton(AF_INET6, buf, ip->b) != 1)
		return -1;
	if (memcmp(ip->b, mapped_prefix, sizeof mapped_prefix) == 0) {
		*mapped = true;
		ip->family = IP_V4;
		memmove(ip->b, ip->b + sizeof mapped_prefix, 4);
		memset(ip->b + 4, 0, sizeof ip->b - 4);
	}
	return 0;
}

int ip_parse(struct ip *ip, const char *text)
{
	size_t n = unwrap(&text);
	bool mapped;

	if (parse(ip, text, n, &mapped) == 0)
		return 0;
	memset(ip, 0, sizeof *ip);
	return -1;
}

/* A prefix length: digits alone, without leading zeros. */
static int parse_bits(const char *p, unsigned *bits)
{
	size_t n = strlen(p);

	if (n == 0 || n > 3 || (n > 1 && *p == '0'))
		return -1;
	for (*bits = 0; *p != '\0'; p++) {
		if (!ascii_is_digit(*p))
			return -1;
		*bits = *bits * 10 + (unsigned)(*p - '0');
	}
	return 0;
}

int ip_net_parse(struct ip_net *net, const char *text)
{
	const char *slash = strchr(text, '/');
	unsigned bits;
	bool mapped;
	struct ip masked;

	memset(net, 0, sizeof *net);
	if (slash == NULL) {
		if (ip_parse(&net->ip, text) != 0)
			return -1;
		net->bits = (uint8_t)full_bits(&net->ip);
		return 0;
	}
	if (parse(&net->ip, text, (size_t)(slash - text), &mapped) != 0 || parse_bits(slash + 1, &bits) != 0)
		goto none;
	if (bits > (mapped ? 128 : full_bits(&net->ip)))
		goto none;
	if (mapped && bits < IP_MAPPED_BITS) {
		memset(net, 0, sizeof *net);
		return -2; /* the ffff of ::ffff:0:0 are host bits */
	}
	net->bits = (uint8_t)(mapped ? bits - IP_MAPPED_BITS : bits);
	masked = ip_mask(&net->ip, net->bits);
	return ip_equal(&masked, &net->ip) ? 0 : -2;
none:
	memset(net, 0, sizeof *net);
	return -1;
}

/* As inet_ntop() does it by way of sprintf(); each transaction shows its client several times. */
static void format_v4(const uint8_t b[4], char *p)
{
	for (unsigned i = 0; i < 4; i++) {
		if (b[i] >= 100)
			*p++ = (char)('0' + b[i] / 100);
		if (b[i] >= 10)
			*p++ = (char)('0' + b[i] / 10 % 10);
		*p++ = (char)('0' + b[i] % 10);
		*p++ = i < 3 ? '.' : '\0';
	}
}

const char *ip_format(const struct ip *ip, char buf[IP_TEXT_SIZE])
{
	buf[0] = '\0';
	if (ip->family == IP_V4)
		format_v4(ip->b, buf);
	else if (ip->family == IP_V6 && inet_ntop(AF_INET6, ip->b, buf, IP_TEXT_SIZE) == NULL)
		buf[0] = '\0';
	return buf;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->b, b->b, full_bits(a) / 8) == 0;
}

bool ip_in_net(const struct ip *ip, const struct ip_net *net)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (ip->family != net->ip.family || memcmp(ip->b, net->ip.b, whole) != 0)
		return false;
	return rest == 0 || (ip->b[whole] ^ net->ip.b[whole]) >> (8 - rest) == 0;
}

struct ip ip_mask(const struct ip *ip, unsigned bits)
{
	struct ip out = *ip;

	for (unsigned i = 0; i<sizeof out.b; i++, bits = bits> 8 ? bits - 8 : 0)
		if (bits < 8)
			out.b[i] = (uint8_t)(out.b[i] & (0xff00 >> bits));
	return out;
}
