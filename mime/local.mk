# mime/: decoded header fields.

noinst_LIBRARIES += libmime.a
libmime_a_CPPFLAGS = $(AM_CPPFLAGS) $(GMIME_CFLAGS)
libmime_a_SOURCES = \
	mime/addresses.c \
	mime/charset.c mime/charset.h \
	mime/decode.c \
	mime/header.h \
	mime/words.c mime/words.h
