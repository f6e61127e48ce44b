# SPDX-License-Identifier: Apache-2.0
# VEDETTE_CFLAG(FLAG): adds FLAG to WARN_CFLAGS where the compiler knows it.
AC_DEFUN([VEDETTE_CFLAG],
  [AC_MSG_CHECKING([whether $CC takes $1])
   vedette_saved_CFLAGS="$CFLAGS"
   CFLAGS="$CFLAGS -Werror $1"
   AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
     [AC_MSG_RESULT([yes]); WARN_CFLAGS="$WARN_CFLAGS $1"],
     [AC_MSG_RESULT([no])])
   CFLAGS="$vedette_saved_CFLAGS"])
