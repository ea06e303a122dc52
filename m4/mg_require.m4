# MG_MISSING(DEBIAN-PACKAGE): notes a package whose absence MG_REQUIRE reports.
AC_DEFUN([MG_MISSING], [AS_VAR_APPEND([mg_missing], [" $1"])])

# MG_PKG(VARIABLE-PREFIX, PKG-CONFIG-MODULES, DEBIAN-PACKAGE, [IF-FOUND]): PREFIX_CFLAGS and PREFIX_LIBS, or MG_MISSING.
AC_DEFUN([MG_PKG], [PKG_CHECK_MODULES([$1], [$2], [$4], [MG_MISSING([$3])])])

# MG_REQUIRE: ends configure when anything was missing.
AC_DEFUN([MG_REQUIRE],
[AS_IF([test -n "$mg_missing"],
	[AC_MSG_ERROR([libraries are missing or too old; on Debian:

    apt-get install$mg_missing
])])])
