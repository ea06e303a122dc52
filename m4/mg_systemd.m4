# MG_SYSTEMD: where the unit is installed; left out: it is not.
AC_DEFUN([MG_SYSTEMD],
[AC_ARG_WITH([systemdsystemunitdir],
	[AS_HELP_STRING([--with-systemdsystemunitdir=DIR], [install the systemd unit there (yes: ask pkg-config)])],
	[], [with_systemdsystemunitdir=no])
# A variable that is set already, such as to "yes", PKG_CHECK_VAR would take for the answer.
AS_IF([test "$with_systemdsystemunitdir" = yes],
	[PKG_CHECK_VAR([SYSTEMD_UNIT_DIR], [systemd], [systemdsystemunitdir],
		[with_systemdsystemunitdir=$SYSTEMD_UNIT_DIR],
		[with_systemdsystemunitdir='${prefix}/lib/systemd/system'])])
AS_CASE([$with_systemdsystemunitdir], [no | /* | \@S|@*], [],
	[AC_MSG_ERROR([--with-systemdsystemunitdir wants an absolute directory, not $with_systemdsystemunitdir])])
AC_SUBST([systemdsystemunitdir], [$with_systemdsystemunitdir])
AM_CONDITIONAL([SYSTEMD], [test "$with_systemdsystemunitdir" != no])])
