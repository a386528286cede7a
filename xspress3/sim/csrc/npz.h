/* Arrays in an uncompressed .npz file, read where they lie in the mapped file.
 *
 * The file is not trusted: every offset and length is checked against its size before use. Not
 * checked: the checksums of the zip container. The file must not be cut short while it is open.
 */
#ifndef SIM_NPZ_H
#define SIM_NPZ_H

#include <stddef.h>
#include <stdint.h>

#include "zip.h"

#define NPZ_MAX_DIMS 3

typedef struct {
    const unsigned char *bytes; /* NULL: not open */
    size_t size;
} npz_file;

typedef struct {
    const unsigned char *bytes; /* C order, little endian, 4 bytes each; need not be aligned */
    char kind;                  /* 'u' or 'i' */
    int n_dims;
    uint64_t shape[NPZ_MAX_DIMS];
} npz_array;

/* Map a file. 0, or -1 with the problem. */
int npz_open(npz_file *file, const char *path, zip_problem *problem);
void npz_close(npz_file *file);

/* Find the array saved under a name. 1, or 0 when there is none, or -1 with the problem. */
int npz_find(const npz_file *file, const char *name, npz_array *array, zip_problem *problem);

#endif
