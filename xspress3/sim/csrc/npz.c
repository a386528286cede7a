/* Reader of .npz files: the mapped file, and .npy headers after NumPy's format description. */
#define _POSIX_C_SOURCE 200809L

#include "npz.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zip.h"

#define MIN_SIZE 22 /* of an empty zip file */
#define MAX_HEADER 4096u

/* ---- file ---- */

static int map(npz_file *file, int descriptor, const char *path, zip_problem *problem)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
        return zip_fail(problem, "%.100s is no regular file", path);
    if (status.st_size < MIN_SIZE)
        return zip_fail(problem, "%.100s is no .npz file: too short", path);
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED)
        return zip_fail(problem, "cannot map %.100s: errno %d", path, errno);
    *file = (npz_file){bytes, (size_t)status.st_size};
    return 0;
}

int npz_open(npz_file *file, const char *path, zip_problem *problem)
{
    *file = (npz_file){0};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return zip_fail(problem, "Cannot open input file %.100s", path);
    int rc = map(file, descriptor, path, problem);
    close(descriptor);
    return rc;
}

void npz_close(npz_file *file)
{
    if (file->bytes != NULL)
        munmap((void *)(uintptr_t)file->bytes, file->size);
    *file = (npz_file){0};
}

/* ---- npy header: {'descr': '<u4', 'fortran_order': False, 'shape': (2, 4), } in any order ---- */

static void skip_blanks(const char **at)
{
    *at += strspn(*at, " \t\n");
}

/* Whether text comes next; if so, move past it. */
static bool accept(const char **at, const char *text)
{
    skip_blanks(at);
    if (strncmp(*at, text, strlen(text)) != 0)
        return false;
    *at += strlen(text);
    return true;
}

static bool read_shape(const char **at, npz_array *array)
{
    if (!accept(at, "("))
        return false;
    while (!accept(at, ")")) {
        uint64_t value = 0;
        skip_blanks(at);
        if (array->n_dims == NPZ_MAX_DIMS || **at < '0' || **at > '9')
            return false;
        for (; **at >= '0' && **at <= '9'; ++*at) {
            if (value > UINT32_MAX)
                return false;
            value = value * 10 + (uint64_t)(**at - '0');
        }
        array->shape[array->n_dims++] = value;
        if (!accept(at, ",") && !accept(at, ")"))
            return false;
        if ((*at)[-1] == ')')
            return true;
    }
    return true;
}

static bool read_type(const char **at, npz_array *array)
{
    bool is_unsigned = accept(at, "'<u4'");
    if (!is_unsigned && !accept(at, "'<i4'"))
        return false;
    array->kind = is_unsigned ? 'u' : 'i';
    return true;
}

static int parse_header(const char *at, const char *name, npz_array *array, zip_problem *problem)
{
    bool has_type = false, has_order = false, has_shape = false;
    if (!accept(&at, "{"))
        return zip_fail(problem, "array %s has a damaged header", name);
    while (!accept(&at, "}")) {
        if (!has_type && accept(&at, "'descr':")) {
            if (!(has_type = read_type(&at, array)))
                return zip_fail(problem, "array %s has type %.20s: allowed is '<u4' or '<i4'; see "
                                     "xspress3.sim.write_playback", name, at);
        } else if (!has_order && accept(&at, "'fortran_order':")) {
            if (!(has_order = accept(&at, "False")))
                return zip_fail(problem, "array %s is in Fortran order: see xspress3.sim.write_playback", name);
        } else if (!has_shape && accept(&at, "'shape':")) {
            if (!(has_shape = read_shape(&at, array)))
                return zip_fail(problem, "array %s has a shape that is not one to %d numbers", name, NPZ_MAX_DIMS);
        } else
            return zip_fail(problem, "array %s has a damaged header", name);
        (void)accept(&at, ",");
    }
    if (!has_type || !has_order || !has_shape)
        return zip_fail(problem, "array %s has an incomplete header", name);
    return 1;
}

static int read_header(zip_span member, const char *name, npz_array *array, size_t *data_offset, zip_problem *problem)
{
    static const unsigned char magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    zip_span start, text;
    char header[MAX_HEADER + 1];
    if (!zip_take(member, 0, 12, &start) || memcmp(start.bytes, magic, sizeof magic) != 0)
        return zip_fail(problem, "array %s has no .npy header", name);
    unsigned major = start.bytes[6];
    if (major < 1 || major > 3)
        return zip_fail(problem, "array %s has .npy version %u: allowed is 1..3", name, major);
    size_t prefix = major == 1 ? 10 : 12;
    uint64_t length = major == 1 ? zip_number(start.bytes + 8, 2) : zip_number(start.bytes + 8, 4);
    if (length > MAX_HEADER || !zip_take(member, prefix, length, &text))
        return zip_fail(problem, "array %s has a header of %llu bytes", name, (unsigned long long)length);
    memcpy(header, text.bytes, text.size);
    header[text.size] = '\0';
    *data_offset = prefix + text.size;
    return parse_header(header, name, array, problem);
}

/* Shape and bytes must agree exactly. */
static int check_size(zip_span member, const char *name, npz_array *array, size_t data_offset, zip_problem *problem)
{
    uint64_t room = (member.size - data_offset) / 4, n_items = 1;
    for (int i = 0; i < array->n_dims; i++) {
        if (array->shape[i] != 0 && n_items > room / array->shape[i])
            return zip_fail(problem, "array %s is shorter than its shape says", name);
        n_items *= array->shape[i];
    }
    if (n_items * 4 != member.size - data_offset)
        return zip_fail(problem, "array %s has %zu bytes of data, its shape says %llu", name, member.size - data_offset,
                    (unsigned long long)n_items * 4);
    array->bytes = member.bytes + data_offset;
    return 1;
}

int npz_find(const npz_file *file, const char *name, npz_array *array, zip_problem *problem)
{
    zip_span all = {file->bytes, file->size}, member;
    size_t data_offset;
    *array = (npz_array){0};
    int rc = zip_find(all, name, &member, problem);
    if (rc == 1)
        rc = read_header(member, name, array, &data_offset, problem);
    if (rc == 1)
        rc = check_size(member, name, array, data_offset, problem);
    return rc;
}
