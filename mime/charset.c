/*
 * Only charsets of the table below are ever given to iconv: mail names what it likes, and glibc has converters that no
 * mail needs and that have had memory errors (CVE-2024-2961, CVE-2021-3326).
 */
#include "mime/charset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "util/bytes.h"
#include "util/utf8.h"

enum {
	NAME_MAX_BYTES = 32, /* of a squeezed name: longer than any of ours */
	CHUNK = 1024,        /* bytes converted at a time */
	ROOM_PER_BYTE =
		4, /* three for U+FFFD or a single byte's character; BIG5-HKSCS has two characters for two bytes */
	ROOM_AT_END = 16
};

struct charset {
	const char *iconv; /* NULL: UTF-8, which needs no conversion */
	const char *names; /* squeezed (lower case, letters and digits only), a blank before and behind each */
};

/* Where mail is known to mislabel a superset, the superset is meant (as in the WHATWG's Encoding standard). */
static const struct charset charsets[] = {
	{ NULL, " utf8 unicode11utf8 utf8mb4 unicodeutf8 " },
	{ "KOI8-R", " koi8r koi8 cskoi8r koi " },
	{ "CP1251", " windows1251 cp1251 win1251 xcp1251 1251 ansi1251 mscyrl " },
	{ "CP1252", " windows1252 cp1252 xcp1252 iso88591 latin1 l1 isoir100 88591 ibm819 cp819 ansi " },
	{ "KOI8-U", " koi8u koi8ru cskoi8u " },
	{ "CP866", " cp866 ibm866 866 csibm866 dos866 xcp866 " },
	{ "ISO-8859-5", " iso88595 cyrillic csisolatincyrillic isoir144 88595 " },
	{ "MAC-CYRILLIC", " xmaccyrillic maccyrillic xmacukrainian " },
	{ "CP1250", " windows1250 cp1250 xcp1250 win1250 " },
	{ "CP1253", " windows1253 cp1253 xcp1253 win1253 " },
	{ "CP1254", " windows1254 cp1254 xcp1254 win1254 iso88599 latin5 l5 88599 " },
	{ "CP1255", " windows1255 cp1255 xcp1255 win1255 " },
	{ "CP1256", " windows1256 cp1256 xcp1256 win1256 " },
	{ "CP1257", " windows1257 cp1257 xcp1257 win1257 " },
	{ "CP1258", " windows1258 cp1258 xcp1258 win1258 " },
	{ "ISO-8859-2", " iso88592 latin2 l2 isoir101 88592 " },
	{ "ISO-8859-3", " iso88593 latin3 l3 isoir109 88593 " },
	{ "ISO-8859-4", " iso88594 latin4 l4 isoir110 88594 " },
	{ "ISO-8859-6", " iso88596 arabic csisolatinarabic iso88596e iso88596i asmo708 ecma114 " },
	{ "ISO-8859-7", " iso88597 greek greek8 csisolatingreek ecma118 elot928 " },
	{ "ISO-8859-8", " iso88598 hebrew visual csisolatinhebrew iso88598e iso88598i logical " },
	{ "ISO-8859-10", " iso885910 latin6 l6 " },
	{ "ISO-8859-13", " iso885913 latin7 " },
	{ "ISO-8859-14", " iso885914 latin8 " },
	{ "ISO-8859-15", " iso885915 latin9 latin0 " },
	{ "ISO-8859-16", " iso885916 latin10 " },
	{ "CP850", " cp850 ibm850 850 " },
	{ "CP852", " cp852 ibm852 852 " },
	{ "CP437", " cp437 ibm437 437 " },
	{ "MACINTOSH", " macintosh mac xmacroman macroman " },
	{ "CP874", " windows874 cp874 tis620 iso885911 dos874 " },
	{ "GB18030", " gb18030 gbk gb2312 xgbk cp936 ms936 windows936 euccn csgb2312 gb231280 isoir58 chinese " },
	{ "BIG5-HKSCS", " big5 big5hkscs cnbig5 xxbig5 csbig5 cp950 windows950 " },
	{ "EUC-TW", " euctw xeuctw " },
	{ "CP932", " shiftjis sjis xsjis mskanji csshiftjis windows31j cp932 ms932 " },
	{ "EUC-JP", " eucjp xeucjp " },
	{ "ISO-2022-JP-2", " iso2022jp csiso2022jp iso2022jp1 iso2022jp2 " },
	{ "CP949", " euckr ksc56011987 ksc5601 ksc56011989 korean cseuckr isoir149 windows949 cp949 uhc " },
	{ "ISO-2022-KR", " iso2022kr csiso2022kr " },
	{ "VISCII", " viscii csviscii " },
	{ "UTF-7", " utf7 unicode11utf7 unicode20utf7 " },
	{ "UTF-16", " utf16 unicode iso10646ucs2 ucs2 " },
	{ "UTF-16BE", " utf16be " },
	{ "UTF-16LE", " utf16le " },
};

const struct charset *mime_charset_find(const char *name, size_t n)
{
	char key[NAME_MAX_BYTES + 3]; /* " name " */
	size_t k = 0;

	key[k++] = ' ';
	for (size_t i = 0; i < n; i++) {
		if (!ascii_is_alpha(name[i]) && !ascii_is_digit(name[i]))
			continue;
		if (k > NAME_MAX_BYTES)
			return NULL;
		key[k++] = ascii_lower(name[i]);
	}
	if (k == 1)
		return NULL;
	key[k++] = ' ';
	key[k] = '\0';
	for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++) {
		if (strstr(charsets[i].names, key) != NULL)
			return &charsets[i];
	}
	return NULL;
}

size_t mime_charset_room(size_t n)
{
	return n * ROOM_PER_BYTE + ROOM_AT_END;
}

static void add_utf8(const char *p, size_t n, struct sbuf *out)
{
	size_t good = 0, length;

	while (n > 0) {
		length = utf8_decode(p + good, n - good, NULL);
		good += length;
		if (length > 0 && good < n)
			continue;
		sbuf_addn(out, p, good);
		p += good;
		n -= good;
		good = 0;
		if (n > 0) {
			length = utf8_bad_length(p, n);
			sbuf_add(out, UTF8_REPLACEMENT);
			p += length;
			n -= length;
		}
	}
}

static void add_converted(iconv_t cd, char *p, size_t n, struct sbuf *out)
{
	char chunk[CHUNK];
	bool flushed = false;

	while (!flushed && !out->cut) {
		char *to = chunk;
		size_t room = sizeof chunk, r;

		flushed = n == 0; /* stateful charsets hold back a character */
		r = iconv(cd, flushed ? NULL : &p, flushed ? NULL : &n, &to, &room);
		sbuf_addn(out, chunk, sizeof chunk - room);
		if (r != (size_t)-1 || errno == E2BIG || n == 0)
			continue;
		sbuf_add(out, UTF8_REPLACEMENT);
		p++;
		n--;
	}
}

bool mime_charset_convert(const struct charset *cs, const char *p, size_t n, struct sbuf *out)
{
	iconv_t cd;

	if (cs == NULL || cs->iconv == NULL) {
		add_utf8(p, n, out);
		return true;
	}
	cd = iconv_open("UTF-8", cs->iconv);
	if (cd == (iconv_t)-1)
		return false;
	add_converted(cd, (char *)p, n, out); /* iconv() reads only, whatever its type says */
	iconv_close(cd);
	return true;
}
