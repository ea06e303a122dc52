noinst_LIBRARIES += libutil.a
libutil_a_SOURCES = \
	util/arena.c util/arena.h \
	util/bytes.c util/bytes.h \
	util/clock.c util/clock.h \
	util/error.c util/error.h \
	util/fold.c util/fold.h \
	util/id.c util/id.h \
	util/ip.c util/ip.h util/ipset.c \
	util/log.c util/log.h \
	util/names.c util/names.h \
	util/sbuf.c util/sbuf.h \
	util/strmap.c util/strmap.h \
	util/units.c util/units.h \
	util/utf8.c util/utf8.h
