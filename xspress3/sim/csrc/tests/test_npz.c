/* The .npz reader on whole, cut and damaged files: an answer each time, never an access outside. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include "npz.h"
#include "zip.h"

#define MAX_FILE 4096

typedef struct {
    unsigned char bytes[MAX_FILE];
    size_t size;
} image;

static char file_name[] = "/tmp/xsp3sim_test_npz_XXXXXX";

static void put(image *im, uint64_t value, int n)
{
    for (int i = 0; i < n; i++)
        im->bytes[im->size++] = (unsigned char)(value >> (8 * i));
}

static void put_zeros(image *im, size_t n)
{
    im->size += n; /* an image begins as zeros */
}

static void put_bytes(image *im, const void *bytes, size_t n)
{
    memcpy(im->bytes + im->size, bytes, n);
    im->size += n;
}

/* A file with one array, `histogram`, of 2 frames, 1 channel and 4 bins, with this header text. */
static image make_file(const char *header, bool is_zip64)
{
    static const char name[] = "histogram.npy";
    image im = {0};
    uint64_t size = 10 + strlen(header) + 32, name_size = strlen(name);
    put(&im, 0x04034b50, 4);
    put_zeros(&im, 22);
    put(&im, name_size, 2);
    put(&im, 0, 2);
    put_bytes(&im, name, name_size);
    put_bytes(&im, "\x93NUMPY\x01\x00", 8);
    put(&im, strlen(header), 2);
    put_bytes(&im, header, strlen(header));
    for (unsigned i = 0; i < 8; i++)
        put(&im, 100 + i, 4);
    size_t directory = im.size;
    put(&im, 0x02014b50, 4);
    put_zeros(&im, 16);
    put(&im, is_zip64 ? UINT32_MAX : size, 4);
    put(&im, is_zip64 ? UINT32_MAX : size, 4);
    put(&im, name_size, 2);
    put(&im, is_zip64 ? 28 : 0, 2);
    put_zeros(&im, 10);
    put(&im, is_zip64 ? UINT32_MAX : 0, 4);
    put_bytes(&im, name, name_size);
    if (is_zip64) {
        put(&im, 1, 2);
        put(&im, 24, 2);
        put(&im, size, 8);
        put(&im, size, 8);
        put(&im, 0, 8);
    }
    size_t directory_size = im.size - directory, end64 = im.size;
    if (is_zip64) {
        put(&im, 0x06064b50, 4);
        put(&im, 44, 8);
        put_zeros(&im, 28);
        put(&im, directory_size, 8);
        put(&im, directory, 8);
        put(&im, 0x07064b50, 4);
        put(&im, 0, 4);
        put(&im, end64, 8);
        put(&im, 1, 4);
    }
    put(&im, 0x06054b50, 4);
    put(&im, 0, 8);
    put(&im, is_zip64 ? UINT32_MAX : directory_size, 4);
    put(&im, is_zip64 ? UINT32_MAX : directory, 4);
    put(&im, 0, 2);
    return im;
}

#define GOOD "{'descr': '<u4', 'fortran_order': False, 'shape': (2, 1, 4), }"

/* What npz_find says of this file; the array's words are read when it says yes. */
static int look(const image *im, npz_array *array, zip_problem *problem)
{
    /* From a heap block of just the right size, so that the sanitizer sees one byte too many. */
    unsigned char *bytes = malloc(im->size > 0 ? im->size : 1);
    npz_file file = {bytes, im->size};
    memcpy(bytes, im->bytes, im->size);
    int rc = npz_find(&file, "histogram", array, problem);
    volatile unsigned sum = 0;
    uint64_t n = 4;
    for (int i = 0; rc == 1 && i < array->n_dims; i++)
        n *= array->shape[i];
    for (uint64_t i = 0; rc == 1 && i < n; i++)
        sum += array->bytes[i];
    (void)sum;
    free(bytes);
    return rc;
}

static void whole_files_are_read(void)
{
    npz_array array;
    zip_problem problem;
    for (int is_zip64 = 0; is_zip64 < 2; is_zip64++) {
        image im = make_file(GOOD, is_zip64 != 0);
        CHECK_EQUAL(look(&im, &array, &problem), 1);
        CHECK_EQUAL(array.n_dims, 3);
        CHECK_EQUAL(array.shape[0] * 100 + array.shape[1] * 10 + array.shape[2], 214);
        CHECK_EQUAL(array.kind, 'u');
    }
}

static void cut_files_are_refused(void)
{
    npz_array array;
    zip_problem problem;
    for (int is_zip64 = 0; is_zip64 < 2; is_zip64++) {
        image im = make_file(GOOD, is_zip64 != 0);
        size_t size = im.size;
        for (im.size = 0; im.size < size; im.size++)
            CHECK_EQUAL(look(&im, &array, &problem), -1);
    }
}

static void damaged_files_do_no_harm(void)
{
    static const unsigned char values[] = {0, 1, 0x7F, 0x80, 0xFF, '9', '\''};
    npz_array array;
    zip_problem problem;
    for (int is_zip64 = 0; is_zip64 < 2; is_zip64++) {
        image im = make_file(GOOD, is_zip64 != 0);
        for (size_t i = 0; i < im.size; i++) {
            unsigned char kept = im.bytes[i];
            for (size_t k = 0; k < sizeof values; k++) {
                im.bytes[i] = values[k];
                (void)look(&im, &array, &problem);
            }
            for (size_t k = 0; k < 40 && i + 1 < im.size; k++) { /* two bytes at a time */
                unsigned char other = im.bytes[i + 1];
                im.bytes[i] = im.bytes[i + 1] = (unsigned char)(k * 7);
                (void)look(&im, &array, &problem);
                im.bytes[i + 1] = other;
            }
            im.bytes[i] = kept;
        }
    }
}

static void a_piece_is_within_the_whole_or_refused(void)
{
    static const struct {
        uint64_t offset, n;
        bool is_within;
    } pieces[] = {
        {0, 8, true},          {8, 0, true},          {7, 1, true},           {0, 9, false},
        {8, 1, false},         {9, 0, false},         {UINT64_MAX, 1, false}, {1, UINT64_MAX, false},
        {UINT64_MAX, 2, false}, {4, UINT64_MAX - 3, false},
    };
    static const unsigned char bytes[8];
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        zip_span piece;
        CHECK_EQUAL(zip_take((zip_span){bytes, 8}, pieces[i].offset, pieces[i].n, &piece), pieces[i].is_within);
    }
}

/* Three wide numbers need 24 bytes; the field here says that it has fewer, though more follow. */
static void a_zip64_field_that_is_too_short_is_refused(void)
{
    for (unsigned char size = 0; size < 24; size++) {
        npz_array array;
        zip_problem problem = {""};
        image im = make_file(GOOD, true);
        for (size_t i = 0; i + 4 < im.size; i++)
            if (memcmp(im.bytes + i, "\x01\x00\x18\x00", 4) == 0)
                im.bytes[i + 2] = size;
        CHECK_EQUAL(look(&im, &array, &problem), -1);
        CHECK(strstr(problem.text, "directory is damaged") != NULL);
    }
}

static void headers_that_lie_are_refused(void)
{
    static const struct {
        const char *header, *words;
    } lies[] = {
        {"{'descr': '<u4', 'fortran_order': False, 'shape': (3, 1, 4), }", "shorter than its shape"},
        {"{'descr': '<u4', 'fortran_order': False, 'shape': (1, 1, 4), }", "its shape says"},
        {"{'descr': '<u4', 'fortran_order': False, 'shape': (4294967295, 4294967295, 4294967295), }", "shorter"},
        {"{'descr': '<u4', 'fortran_order': False, 'shape': (99999999999999999999, 1, 4), }", "shape"},
        {"{'descr': '<u4', 'fortran_order': False, 'shape': (1, 1, 1, 8), }", "shape"},
        {"{'descr': '<u4', 'fortran_order': False, 'shape': (-1, 1, 4), }", "shape"},
        {"{'descr': '<u4', 'fortran_order': True, 'shape': (2, 1, 4), }", "Fortran"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 4), }", "type"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1, 1, 4), }", "type"},
        {"{'descr': '<u4', 'shape': (2, 1, 4), }", "incomplete"},
        {"{'descr': '<u4', 'descr': '<u4', 'fortran_order': False, 'shape': (2, 1, 4), }", "damaged"},
        {"{'descr': '<u4', 'fortran_order': False, 'shape': (2, 1, 4)", "damaged"},
        {"import os", "damaged"},
        {"", "damaged"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        npz_array array;
        zip_problem problem = {""};
        image im = make_file(lies[i].header, false);
        CHECK_EQUAL(look(&im, &array, &problem), -1);
        if (strstr(problem.text, lies[i].words) == NULL) {
            fprintf(stderr, "header %s gives: %s\n", lies[i].header, problem.text);
            exit(1);
        }
    }
}

static void compressed_members_name_the_converter(void)
{
    npz_array array;
    zip_problem problem;
    image im = make_file(GOOD, false);
    for (size_t i = 0; i + 12 < im.size; i++)
        if (memcmp(im.bytes + i, "PK\x01\x02", 4) == 0)
            im.bytes[i + 10] = 8;
    CHECK_EQUAL(look(&im, &array, &problem), -1);
    CHECK(strstr(problem.text, "xspress3.sim.write_playback") != NULL);
}

static void a_system_plays_a_file_and_refuses_others(void)
{
    uint32_t bins[8], scalers[9];
    image im = make_file(GOOD, false);
    int descriptor = mkstemp(file_name);
    FILE *file = fdopen(descriptor, "wb");
    CHECK(file != NULL && fwrite(im.bytes, 1, im.size, file) == im.size && fclose(file) == 0);
    CHECK_EQUAL(xsp3sim_set("PLAYBACK", file_name), 0);
    int path = check_open("playback", "demand", 8);
    CHECK_EQUAL(xsp3_get_num_chan(path), 1);
    check_timing(path, 3, 77, XSP3_ITFG_BURST);
    xsp3_histogram_start(path, -1);
    CHECK_EQUAL(xsp3_histogram_read3d(path, bins, 2, 0, 1, 4, 1, 2), 0);
    CHECK_EQUAL(bins[0], 106);
    CHECK_EQUAL(bins[1], 107);
    CHECK_EQUAL(bins[2], 0); /* beyond what is recorded */
    CHECK_EQUAL(bins[4], 102); /* frame 2 plays frame 0 again */
    CHECK_EQUAL(xsp3_scaler_read(path, scalers, 0, 0, 0, 9, 1, 1), 0);
    CHECK_EQUAL(scalers[XSP3_SCALER_ALL_GOOD], 100 + 101 + 102 + 103);
    CHECK_EQUAL(scalers[XSP3_SCALER_TOTAL_TICKS], 77);
    xsp3_close(path, 0);

    CHECK_EQUAL(xsp3sim_set("CHANNELS", "2"), 0);
    CHECK_FAILS(xsp3_config(1, 8, NULL, -1, NULL, -1, 1, NULL, 0, 0), -1, "CHANNELS=2, but");
    CHECK_EQUAL(xsp3sim_set("CHANNELS", NULL), 0);
    CHECK_EQUAL(xsp3sim_set("PLAYBACK", "/dev/zero"), 0);
    CHECK_FAILS(xsp3_config(1, 8, NULL, -1, NULL, -1, 1, NULL, 0, 0), -1, "no regular file");
    CHECK_EQUAL(xsp3sim_set("PLAYBACK", "/nowhere/x.npz"), 0);
    CHECK_FAILS(xsp3_config(1, 8, NULL, -1, NULL, -1, 1, NULL, 0, 0), -1, "Cannot open input file /nowhere/x.npz");
    CHECK_EQUAL(xsp3sim_set("PLAYBACK", NULL), 0);
    CHECK_FAILS(xsp3_config(1, 8, NULL, -1, NULL, -1, 1, NULL, 0, 0), -1, "needs PLAYBACK");
    remove(file_name);
}

int main(void)
{
    whole_files_are_read();
    cut_files_are_refused();
    damaged_files_do_no_harm();
    a_piece_is_within_the_whole_or_refused();
    a_zip64_field_that_is_too_short_is_refused();
    headers_that_lie_are_refused();
    compressed_members_name_the_converter();
    a_system_plays_a_file_and_refuses_others();
    return 0;
}
