# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# check: the second of the README's two commands. Sourced by autogen.sh.

# Formatting and shell scripts, before anything expensive.
check_format() {
    git ls-files -z '*.c' '*.h' | xargs -0 clang-format-14 --dry-run --Werror
    git ls-files -z '*.sh' '*.recipe' .ci/run autogen.sh | xargs -0 shellcheck -x
}

echo "Vedette: checking in build/check and build/sanitized"
steps_begin build/log
step "Packages" install_packages build run test
step "Formatting and scripts" check_format
step "Configuration" configure_in build/check --enable-werror CFLAGS='-O1 -g'
step "Build" build_in build/check
step "Configuration with ASan and UBSan" \
    configure_in build/sanitized --enable-werror --enable-sanitizers CFLAGS='-O1 -g'
step "Build with ASan and UBSan" build_in build/sanitized
step "Unit tests with ASan and UBSan" build_in build/sanitized check TESTS=

VEDETTE_SOURCE=$PWD
VEDETTE_BUILD=$PWD/build/check
VEDETTE_SANITIZED=$PWD/build/sanitized
export VEDETTE_SOURCE VEDETTE_BUILD VEDETTE_SANITIZED
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$PWD/tests/tools/lsan.supp:print_suppressions=0

exec prove --timer tests/unit/*.t tests/tools/*.t tests/*.t tests/e2e/*.t tests/web/*.t
