#include "policyd/path.h"

#include <string.h>

#include "util/bytes.h"

/* What may stand without quotes.  Dots at the wrong place are let pass: clients write them, unquoted, and MTAs take them. */
static bool is_plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c <= ' ' || c == 0x7f || strchr("()<>[]:;@\\,\"", c) != NULL)
			return false;
	}
	return true;
}

void policyd_path(struct sbuf *out, const char *address)
{
	const char *at = strrchr(address, '@');
	size_t n = at != NULL ? (size_t)(at - address) : strlen(address);

	sbuf_addc(out, '<');
	if (is_plain(address, n)) {
		sbuf_addn(out, address, n);
	} else {
		sbuf_addc(out, '"');
		for (size_t i = 0; i < n; i++) {
			if (address[i] == '"' || address[i] == '\\')
				sbuf_addc(out, '\\');
			sbuf_addc(out, address[i]);
		}
		sbuf_addc(out, '"');
	}
	sbuf_add(out, address + n);
	sbuf_addc(out, '>');
}
