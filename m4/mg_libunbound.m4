# libunbound with its event API (unbound-event.h is an optional part of unbound's build).
AC_DEFUN([MG_LIBUNBOUND],
[MG_PKG([UNBOUND], [libunbound >= 1.9], [libunbound-dev],
	[MG_HEADER([UNBOUND], [unbound-event.h], [libunbound-dev])])])
