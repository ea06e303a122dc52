#include "net/resp.h"

#include <string.h>

/* Most are the lengths of short words. */
static inline size_t digits(size_t n)
{
	size_t d = 1;

	if (n < 100)
		return n < 10 ? 1 : 2;
	for (; n >= 10; n /= 10)
		d++;
	return d;
}

/* "<mark><n>\r\n" */
static inline char *put_count(char *p, char mark, size_t n)
{
	size_t d = digits(n);

	*p++ = mark;
	if (d == 1) {
		*p = (char)('0' + n);
	} else if (d == 2) {
		p[0] = (char)('0' + n / 10);
		p[1] = (char)('0' + n % 10);
	} else {
		for (size_t i = d; i-- > 0; n /= 10)
			p[i] = (char)('0' + n % 10);
	}
	p += d;
	*p++ = '\r';
	*p++ = '\n';
	return p;
}

enum { MARK_AND_CRLF = 3, CRLF = 2 };

size_t resp_head_size(size_t n)
{
	return digits(n) + MARK_AND_CRLF;
}

size_t resp_words_size(const struct redis_word *words, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += digits(words[i].n) + MARK_AND_CRLF + words[i].n + CRLF;
	return size;
}

char *resp_head(char *p, size_t n)
{
	return put_count(p, '*', n);
}

char *resp_words(char *p, const struct redis_word *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		p = put_count(p, '$', words[i].n);
		if (words[i].n > 0)
			memcpy(p, words[i].p, words[i].n);
		p += words[i].n;
		*p++ = '\r';
		*p++ = '\n';
	}
	return p;
}
