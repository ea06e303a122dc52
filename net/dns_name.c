#include "net/dns_name.h"

#include <stdio.h>
#include <string.h>

#include "net/dns.h"
#include "net/limits.h"
#include "util/bytes.h"

enum { BITS_PER_NIBBLE = 4, NIBBLE_MASK = 0xf, V6_BYTES = 16 };

static char *escape_byte(char *to, char c)
{
	if (ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_') {
		*to++ = c;
		return to;
	}
	*to++ = '\\';
	*to++ = (char)('0' + (unsigned char)c / 100);
	*to++ = (char)('0' + (unsigned char)c / 10 % 10);
	*to++ = (char)('0' + (unsigned char)c % 10);
	return to;
}

size_t dns_name_escape(const char *name, char out[DNS_ESCAPED_SIZE])
{
	size_t n = strlen(name), label = 0;
	char *to = out;

	if (n > 0 && name[n - 1] == '.')
		n--;
	/* On the wire each label has a length byte before it, and the root's 0 is behind the last. */
	if (n == 0 || n + 2 > DNS_MAX_WIRE_NAME)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (name[i] != '.') {
			if (++label > DNS_MAX_LABEL)
				return 0;
			to = escape_byte(to, name[i]);
			continue;
		}
		if (label == 0)
			return 0;
		label = 0;
		*to++ = '.';
	}
	if (label == 0)
		return 0;
	*to = '\0';
	return (size_t)(to - out);
}

int dns_reverse_name(const struct ip *ip, const char *suffix, char *out, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	char nibbles[4 * V6_BYTES + 1], *p = nibbles;
	int n;

	if (ip->family == IP_V4) {
		n = snprintf(out, size, "%u.%u.%u.%u.%s", ip->b[3], ip->b[2], ip->b[1], ip->b[0],
			     suffix != NULL ? suffix : "in-addr.arpa");
	} else if (ip->family == IP_V6) {
		for (int i = V6_BYTES - 1; i >= 0; i--) {
			*p++ = hex[ip->b[i] & NIBBLE_MASK];
			*p++ = '.';
			*p++ = hex[ip->b[i] >> BITS_PER_NIBBLE];
			*p++ = '.';
		}
		*p = '\0';
		n = snprintf(out, size, "%s%s", nibbles, suffix != NULL ? suffix : "ip6.arpa");
	} else {
		return -1;
	}
	return n >= 0 && (size_t)n < size ? 0 : -1;
}
