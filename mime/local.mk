# mime/: decoded header fields, and the parts of a body.

noinst_LIBRARIES += libmime.a
libmime_a_SOURCES = \
	mime/addresses.c \
	mime/charset.c mime/charset.h \
	mime/decode.c \
	mime/field.c mime/field.h \
	mime/head.c mime/head.h \
	mime/header.h \
	mime/host.c mime/host.h \
	mime/html.c mime/html.h \
	mime/limits.h \
	mime/links.c mime/links.h \
	mime/texts.c mime/texts.h \
	mime/transfer.c mime/transfer.h \
	mime/urls.c mime/urls.h \
	mime/walk.c mime/walk.h \
	mime/words.c mime/words.h

MIME_TESTS = \
	t/unit/mime_addresses \
	t/unit/mime_charset \
	t/unit/mime_decode \
	t/unit/mime_links \
	t/unit/mime_parts
check_PROGRAMS += $(MIME_TESTS) t/unit/mime_decode_lines t/unit/mime_texts_lines
TESTS += $(MIME_TESTS) t/unit/mime_corpus.py t/unit/mime_python.py
EXTRA_DIST += t/unit/mime_corpus.py t/unit/mime_python.py
MIME_TEST_LIBS = libtap.a libmime.a libmail.a libutil.a $(PSL_LIBS) $(UNISTRING_LIBS)
t_unit_mime_addresses_SOURCES = t/unit/mime_addresses.c
t_unit_mime_addresses_LDADD = $(MIME_TEST_LIBS)
t_unit_mime_charset_SOURCES = t/unit/mime_charset.c
t_unit_mime_charset_LDADD = $(MIME_TEST_LIBS)
t_unit_mime_decode_SOURCES = t/unit/mime_decode.c
t_unit_mime_decode_LDADD = $(MIME_TEST_LIBS)
t_unit_mime_links_SOURCES = t/unit/mime_links.c
t_unit_mime_links_LDADD = $(MIME_TEST_LIBS)
t_unit_mime_parts_SOURCES = t/unit/mime_parts.c
t_unit_mime_parts_LDADD = $(MIME_TEST_LIBS)
t_unit_mime_texts_lines_SOURCES = t/unit/mime_texts_lines.c
t_unit_mime_texts_lines_LDADD = $(MIME_TEST_LIBS)
t_unit_mime_decode_lines_SOURCES = t/unit/mime_decode_lines.c
t_unit_mime_decode_lines_LDADD = $(MIME_TEST_LIBS)

# By hand: configure CC=clang CFLAGS='-g -O1 -fsanitize=fuzzer-no-link' --with-sanitizer=address,undefined,
# make t/fuzz/fuzz_header, t/fuzz/fuzz_header -max_total_time=180.
EXTRA_PROGRAMS += t/fuzz/fuzz_header t/fuzz/fuzz_mime
t_fuzz_fuzz_header_SOURCES = t/fuzz/fuzz_header.c
t_fuzz_fuzz_header_LDADD = libmime.a libmail.a libutil.a $(PSL_LIBS) $(UNISTRING_LIBS)
t_fuzz_fuzz_header_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
t_fuzz_fuzz_mime_SOURCES = t/fuzz/fuzz_mime.c
t_fuzz_fuzz_mime_LDADD = libmime.a libmail.a libutil.a $(PSL_LIBS) $(UNISTRING_LIBS)
t_fuzz_fuzz_mime_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
