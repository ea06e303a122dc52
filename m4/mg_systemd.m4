# MG_SYSTEMD: where the unit is installed; left out: it is not.
AC_DEFUN([MG_SYSTEMD],
[AC_ARG_WITH([systemdsystemunitdir],
	[AS_HELP_STRING([--with-systemdsystemunitdir=DIR], [install the systemd unit there (yes: ask pkg-config)])],
	[], [with_systemdsystemunitdir=no])
AS_IF([test "$with_systemdsystemunitdir" = yes],
	[PKG_CHECK_VAR([with_systemdsystemunitdir], [systemd], [systemdsystemunitdir], [],
		[with_systemdsystemunitdir='${prefix}/lib/systemd/system'])])
AC_SUBST([systemdsystemunitdir], [$with_systemdsystemunitdir])
AM_CONDITIONAL([SYSTEMD], [test "$with_systemdsystemunitdir" != no])])
