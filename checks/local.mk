# checks/: one file per check.

noinst_LIBRARIES += libchecks.a
libchecks_a_SOURCES = \
	checks/dnsbl.c \
	checks/dnsbl.h \
	checks/dnsbl_codes.c \
	checks/dnsbl_codes.h \
	checks/dnsbl_zones.c \
	checks/dnsbl_zones.h \
	checks/fcrdns.c \
	checks/fcrdns.h \
	checks/limits.c \
	checks/limits.h \
	checks/lists.c \
	checks/lists.h \
	checks/options.c \
	checks/options.h \
	checks/rate.c \
	checks/rate.h \
	checks/rates.c \
	checks/rates.h
