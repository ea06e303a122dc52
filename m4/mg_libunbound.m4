# libunbound with its event API (an optional part of unbound's build).  Not by pkg-config: Debian's .pc file wants
# packages that only static linking needs.
AC_DEFUN([MG_LIBUNBOUND],
[AC_CHECK_HEADER([unbound-event.h],
	[AC_CHECK_LIB([unbound], [ub_ctx_create_event], [AC_SUBST([UNBOUND_LIBS], [-lunbound])],
		[MG_MISSING([libunbound-dev])])],
	[MG_MISSING([libunbound-dev])])
AC_SUBST([UNBOUND_CFLAGS])])
