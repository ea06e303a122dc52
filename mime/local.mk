noinst_LIBRARIES += libmime.a
libmime_a_CPPFLAGS = $(AM_CPPFLAGS) $(GMIME_CFLAGS)
libmime_a_SOURCES = mime/header.h
