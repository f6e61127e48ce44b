/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_FUZZ_H
#define VEDETTE_FUZZ_H

/* fuzz: the one function of a target, called by libFuzzer or by replay-main.c. Returns 0. */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
