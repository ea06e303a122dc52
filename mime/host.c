#include "mime/host.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/bytes.h"
#include "util/ip.h"

enum { DECIMAL = 10, OCTAL = 8, HEXADECIMAL = 16, IPV4_PARTS = 4 };

static int digit(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + DECIMAL : HEXADECIMAL;
}

/* Percent encoding undone and lower case; 0 when it is too long, or holds what no host does. */
static size_t tidy(const char *p, size_t n, char out[MIME_HOST_MAX])
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		char c = p[i];

		if (c == '%' && i + 2 < n && digit(p[i + 1]) < HEXADECIMAL && digit(p[i + 2]) < HEXADECIMAL) {
			c = (char)(digit(p[i + 1]) * HEXADECIMAL + digit(p[i + 2]));
			i += 2;
		}
		if (k + 1 == MIME_HOST_MAX || (unsigned char)c <= ' ' || c == 0x7f ||
		    strchr("#/<>?@\\^|%:[]", c) != NULL)
			return 0;
		out[k++] = ascii_lower(c);
	}
	while (k > 0 && out[k - 1] == '.')
		k--;
	out[k] = '\0';
	return k;
}

/* ---- IPv4, in the ways that inet_aton() reads it ---- */

/* A number as C writes it: how long, or 0.  It may be too big: then it is made UINT64_MAX. */
static size_t read_number(const char *p, uint64_t *v)
{
	unsigned base = DECIMAL;
	size_t i = 0;

	if (p[0] == '0' && p[1] == 'x') {
		base = HEXADECIMAL;
		i = 2;
	} else if (p[0] == '0' && ascii_is_digit(p[1])) {
		base = OCTAL;
		i = 1;
	}
	*v = 0;
	for (; p[i] != '\0' && p[i] != '.'; i++) {
		if (digit(p[i]) >= (int)base)
			return 0;
		*v = *v > UINT32_MAX ? UINT64_MAX : *v * base + (uint64_t)digit(p[i]);
	}
	return i;
}

/* Whether its last label is a number: then it is an address, or nothing. */
static bool ends_in_number(const char *host)
{
	const char *dot = strrchr(host, '.'), *last = dot != NULL ? dot + 1 : host;
	bool digits = *last != '\0';
	uint64_t v;

	for (const char *p = last; *p != '\0'; p++)
		digits = digits && ascii_is_digit(*p);
	return digits || read_number(last, &v) > 0;
}

static bool read_ipv4(const char *p, struct ip *ip)
{
	uint64_t parts[IPV4_PARTS], v = 0;
	unsigned n = 0;

	for (;; p++) {
		size_t length = read_number(p, &parts[n]);

		if (length == 0)
			return false;
		p += length;
		n++;
		if (*p == '\0')
			break;
		if (n == IPV4_PARTS)
			return false;
	}
	for (unsigned i = 0; i < n; i++) {
		/* The last number fills what is left. */
		uint64_t most = i + 1 < n ? UINT8_MAX : UINT32_MAX >> (8 * i);

		if (parts[i] > most)
			return false;
		v |= parts[i] << (i + 1 < n ? 8 * (IPV4_PARTS - 1 - i) : 0);
	}
	memset(ip, 0, sizeof *ip);
	ip->family = IP_V4;
	for (unsigned i = 0; i < IPV4_PARTS; i++)
		ip->b[i] = (uint8_t)(v >> (8 * (IPV4_PARTS - 1 - i)));
	return true;
}

static enum mime_host_kind make_literal(const char *p, size_t n, char out[MIME_HOST_MAX])
{
	char text[IP_TEXT_SIZE + 2], canonical[IP_TEXT_SIZE];
	struct ip ip;

	if (n >= sizeof text)
		return MIME_HOST_NONE;
	memcpy(text, p, n);
	text[n] = '\0';
	if (ip_parse(&ip, text) != 0)
		return MIME_HOST_NONE;
	strcpy(out, ip_format(&ip, canonical));
	return MIME_HOST_IP;
}

enum mime_host_kind mime_host_make(const char *p, size_t n, char out[MIME_HOST_MAX])
{
	char canonical[IP_TEXT_SIZE];
	struct ip ip;

	out[0] = '\0';
	if (n > 0 && p[0] == '[')
		return make_literal(p, n, out);
	if (tidy(p, n, out) == 0)
		return MIME_HOST_NONE;
	if (!ends_in_number(out))
		return MIME_HOST_NAME;
	if (!read_ipv4(out, &ip))
		return MIME_HOST_NONE;
	strcpy(out, ip_format(&ip, canonical));
	return MIME_HOST_IP;
}
