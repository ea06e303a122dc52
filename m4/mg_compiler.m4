# MG_TRY_CFLAG(VARIABLE, FLAGS): appends FLAGS to VARIABLE when the compiler takes them without a word.
AC_DEFUN([MG_TRY_CFLAG],
[AC_MSG_CHECKING([whether $CC accepts $2])
mg_save_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS -Werror $2"
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>]], [[puts("")]])],
	[AC_MSG_RESULT([yes]); AS_VAR_APPEND([$1], [" $2"])], [AC_MSG_RESULT([no])])
CFLAGS=$mg_save_CFLAGS])

# MG_TRY_LDFLAG(VARIABLE, FLAGS): the same for linking.
AC_DEFUN([MG_TRY_LDFLAG],
[AC_MSG_CHECKING([whether $CC links with $2])
mg_save_LDFLAGS=$LDFLAGS
LDFLAGS="$LDFLAGS $2"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>]], [[puts("")]])],
	[AC_MSG_RESULT([yes]); AS_VAR_APPEND([$1], [" $2"])], [AC_MSG_RESULT([no])])
LDFLAGS=$mg_save_LDFLAGS])

# MG_COMPILER: the language and the warnings; --enable-werror for continuous integration.
AC_DEFUN([MG_COMPILER],
[AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat warnings as errors])], [],
	[enable_werror=no])
WARNING_CFLAGS="-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla"
AC_SUBST([WARNING_CFLAGS])
AS_IF([test "$enable_werror" = yes], [AC_SUBST([WERROR_CFLAGS], [-Werror])])])
