/* Members of a zip file that are stored without compression. The file is not trusted. */
#ifndef SIM_ZIP_H
#define SIM_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a function failed. */
typedef struct {
    char text[160];
} zip_problem;

/* A piece of the file. */
typedef struct {
    const unsigned char *bytes;
    size_t size;
} zip_span;

/* Little-endian number of n bytes. */
uint64_t zip_number(const unsigned char *bytes, int n);

/* The n bytes from offset on; false when `from` does not have them. */
bool zip_take(zip_span from, uint64_t offset, uint64_t n, zip_span *piece);

/* The bytes of the member `<name>.npy`. 1, or 0 when there is none, or -1 with the problem. */
int zip_find(zip_span all, const char *name, zip_span *member, zip_problem *problem);

/* Keep the text and return -1. */
int zip_fail(zip_problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
