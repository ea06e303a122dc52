# greylist/: greylisting, its script in Redis, and its administration.

noinst_LIBRARIES += libgreylist.a
libgreylist_a_SOURCES = \
	greylist/admin.c \
	greylist/admin.h \
	greylist/greylist.c \
	greylist/greylist.h \
	greylist/key.c \
	greylist/key.h \
	greylist/pattern.c \
	greylist/pattern.h \
	greylist/print.c \
	greylist/script.c \
	greylist/script.h
