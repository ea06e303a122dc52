noinst_LIBRARIES += libutil.a
libutil_a_SOURCES = util/arena.h util/bytes.h util/clock.h util/error.h util/fold.h util/id.h util/ip.h util/log.h util/names.h util/sbuf.h util/strmap.h util/units.h util/utf8.h
