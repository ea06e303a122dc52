noinst_LIBRARIES += libmilterfront.a
libmilterfront_a_CPPFLAGS = $(AM_CPPFLAGS) $(MILTER_CFLAGS)
libmilterfront_a_SOURCES =
