/* Reader of zip files, after PKWARE's APPNOTE, with the zip64 fields of large files. */
#include "zip.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define END_SIZE 22u
#define LOCATOR_SIZE 20u
#define END64_SIZE 56u
#define ENTRY_SIZE 46u
#define LOCAL_SIZE 30u
#define MAX_COMMENT 65535u

typedef struct {
    uint64_t size, packed_size, local_offset;
    unsigned method, flags;
    zip_span name, extra;
} entry;

int zip_fail(zip_problem *problem, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(problem->text, sizeof problem->text, format, values);
    va_end(values);
    return -1;
}

uint64_t zip_number(const unsigned char *bytes, int n)
{
    uint64_t value = 0;
    for (int i = n - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static unsigned u16(const unsigned char *bytes)
{
    return (unsigned)zip_number(bytes, 2);
}

static uint64_t u32(const unsigned char *bytes)
{
    return zip_number(bytes, 4);
}

bool zip_take(zip_span from, uint64_t offset, uint64_t n, zip_span *piece)
{
    if (offset > from.size || n > from.size - offset)
        return false;
    *piece = (zip_span){from.bytes + offset, (size_t)n};
    return true;
}

/* Offset of the end record: the last one whose comment reaches to the end of the file. */
static bool find_end(zip_span all, size_t *offset)
{
    for (size_t comment = 0; comment <= MAX_COMMENT && comment + END_SIZE <= all.size; comment++) {
        const unsigned char *at = all.bytes + all.size - END_SIZE - comment;
        if (u32(at) == 0x06054b50 && u16(at + 20) == comment) {
            *offset = (size_t)(at - all.bytes);
            return true;
        }
    }
    return false;
}

/* The directory of a large file, whose end record stands before the ordinary one. */
static bool find_directory64(zip_span all, size_t end, zip_span *directory)
{
    zip_span locator, end64;
    if (end < LOCATOR_SIZE || !zip_take(all, end - LOCATOR_SIZE, LOCATOR_SIZE, &locator))
        return false;
    if (u32(locator.bytes) != 0x07064b50 || !zip_take(all, zip_number(locator.bytes + 8, 8), END64_SIZE, &end64))
        return false;
    return u32(end64.bytes) == 0x06064b50 &&
           zip_take(all, zip_number(end64.bytes + 48, 8), zip_number(end64.bytes + 40, 8), directory);
}

static bool find_directory(zip_span all, zip_span *directory)
{
    size_t end;
    if (!find_end(all, &end))
        return false;
    const unsigned char *at = all.bytes + end;
    uint64_t size = u32(at + 12), offset = u32(at + 16);
    if (size == UINT32_MAX || offset == UINT32_MAX)
        return find_directory64(all, end, directory);
    return zip_take(all, offset, size, directory);
}

/* Replace the sizes that say "too large for 32 bits" by those of the zip64 extra field. */
static bool widen(entry *found)
{
    uint64_t *wide[] = {&found->size, &found->packed_size, &found->local_offset};
    bool is_wide = false;
    for (int i = 0; i < 3; i++)
        is_wide = is_wide || *wide[i] == UINT32_MAX;
    if (!is_wide)
        return true;
    zip_span field, head;
    for (size_t at = 0; zip_take(found->extra, at, 4, &head); at += 4 + field.size) {
        if (!zip_take(found->extra, at + 4, u16(head.bytes + 2), &field))
            return false;
        if (u16(head.bytes) != 1)
            continue;
        size_t used = 0;
        for (int i = 0; i < 3; i++) {
            if (*wide[i] != UINT32_MAX)
                continue;
            if (used + 8 > field.size)
                return false;
            *wide[i] = zip_number(field.bytes + used, 8);
            used += 8;
        }
        return true;
    }
    return false;
}

/* Read the directory entry at *offset and move past it. */
static bool read_entry(zip_span directory, size_t *offset, entry *found)
{
    zip_span head;
    if (!zip_take(directory, *offset, ENTRY_SIZE, &head) || u32(head.bytes) != 0x02014b50)
        return false;
    unsigned name_size = u16(head.bytes + 28), extra_size = u16(head.bytes + 30), comment_size = u16(head.bytes + 32);
    *found = (entry){.flags = u16(head.bytes + 8),
                     .method = u16(head.bytes + 10),
                     .packed_size = u32(head.bytes + 20),
                     .size = u32(head.bytes + 24),
                     .local_offset = u32(head.bytes + 42)};
    if (!zip_take(directory, *offset + ENTRY_SIZE, name_size, &found->name) ||
        !zip_take(directory, *offset + ENTRY_SIZE + name_size, extra_size, &found->extra))
        return false;
    *offset += (size_t)ENTRY_SIZE + name_size + extra_size + comment_size;
    return widen(found);
}

static bool is_named(const entry *found, const char *name)
{
    size_t length = strlen(name);
    return found->name.size == length + 4 && memcmp(found->name.bytes, name, length) == 0 &&
           memcmp(found->name.bytes + length, ".npy", 4) == 0;
}

/* 1, 0 or -1, as npz_find. */
static int find_entry(zip_span all, const char *name, entry *found, zip_problem *problem)
{
    zip_span directory;
    if (!find_directory(all, &directory))
        return zip_fail(problem, "it is no .npz file: no zip directory");
    for (size_t offset = 0; offset < directory.size;) {
        if (!read_entry(directory, &offset, found))
            return zip_fail(problem, "its zip directory is damaged at byte %zu", offset);
        if (is_named(found, name))
            return 1;
    }
    return 0;
}

/* The bytes of a member: a stored one, within the file. */
static int find_member(zip_span all, const char *name, const entry *found, zip_span *member, zip_problem *problem)
{
    zip_span local;
    if (found->method != 0)
        return zip_fail(problem, "array %s is compressed: convert the file with xspress3.sim.write_playback", name);
    if ((found->flags & 1) != 0)
        return zip_fail(problem, "array %s is encrypted", name);
    if (found->size != found->packed_size)
        return zip_fail(problem, "array %s has two sizes", name);
    if (!zip_take(all, found->local_offset, LOCAL_SIZE, &local) || u32(local.bytes) != 0x04034b50)
        return zip_fail(problem, "array %s has no local header where the directory says", name);
    uint64_t start = found->local_offset + LOCAL_SIZE + u16(local.bytes + 26) + u16(local.bytes + 28);
    if (!zip_take(all, start, found->size, member))
        return zip_fail(problem, "array %s goes beyond the end of the file", name);
    return 1;
}

int zip_find(zip_span all, const char *name, zip_span *member, zip_problem *problem)
{
    entry found;
    int rc = find_entry(all, name, &found, problem);
    return rc == 1 ? find_member(all, name, &found, member, problem) : rc;
}
