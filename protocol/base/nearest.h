/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_BASE_NEAREST_H
#define VEDETTE_BASE_NEAREST_H

/* nearest: what a person probably meant by a misspelt word. */

#define VD_NEAREST_MAX 64u /* bytes; longer words have no neighbour */

/*
 * Returns the candidate with the smallest edit distance to word (letters' case is ignored, two
 * swapped neighbours count as one edit), or NULL when none is near enough to be a likely slip.
 * candidates ends with NULL; the result is one of its pointers.
 */
const char *vd_nearest(const char *word, const char *const *candidates);

#endif
