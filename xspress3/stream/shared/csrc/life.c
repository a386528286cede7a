/* Which processes and seats are alive.
 *
 * Two signs, and one is enough to say that somebody is gone. A lock on a file is given back by the kernel however its
 * holder ends, and is right across containers, but a forked child keeps it. The number of a process with the time at
 * which it began is right for forked children, but means nothing in another PID namespace.
 */
#include "slot_ring.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAT_CHARS 1024

static uint64_t pid_namespace(void)
{
    struct stat status;
    return stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

/* Text of /proc/pid/stat from the state on, behind the name (which may hold anything); NULL when there is none. */
static char *stat_of(uint64_t pid, char *text)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    ssize_t n = read(fd, text, STAT_CHARS - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    char *behind = strrchr(text, ')');
    return behind != NULL && behind[1] == ' ' ? behind + 2 : NULL;
}

/* Field 22 of the file, in clock ticks since the system began; 0 for a process that is gone or waits for its parent. */
static uint64_t start_time_of(uint64_t pid)
{
    char text[STAT_CHARS];
    char *rest = stat_of(pid, text);
    if (rest == NULL || *rest == 'Z' || *rest == 'X')
        return 0;
    for (int field = 3; field < 22 && rest != NULL; field++) {
        rest = strchr(rest, ' ');
        rest = rest != NULL ? rest + 1 : NULL;
    }
    return rest != NULL ? strtoull(rest, NULL, 10) : 0;
}

void ring_note_process(ring_process *process)
{
    uint64_t pid = (uint64_t)getpid();
    atomic_store(&process->pid, pid);
    atomic_store(&process->start_time, start_time_of(pid));
    atomic_store(&process->pid_namespace, pid_namespace());
}

bool ring_process_is_gone(const ring_process *process)
{
    uint64_t space = atomic_load(&process->pid_namespace), start_time = atomic_load(&process->start_time);
    if (space == 0 || start_time == 0 || space != pid_namespace())
        return false; /* cannot be told from here */
    return start_time_of(atomic_load(&process->pid)) != start_time;
}

static struct flock seat_lock(short type, unsigned seat)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)seat, .l_len = 1};
}

bool ring_take_seat_lock(int control_fd, unsigned seat)
{
    struct flock lock = seat_lock(F_WRLCK, seat);
    return fcntl(control_fd, F_OFD_SETLK, &lock) == 0;
}

void ring_give_seat_lock(int control_fd, unsigned seat)
{
    struct flock lock = seat_lock(F_UNLCK, seat);
    fcntl(control_fd, F_OFD_SETLK, &lock);
}

bool ring_seat_is_left(int control_fd, const ring_seat *seat, unsigned index)
{
    struct flock lock = seat_lock(F_WRLCK, index);
    if (fcntl(control_fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK)
        return true;
    return ring_process_is_gone(&seat->reader);
}

bool ring_writer_is_gone(int data_fd, const ring_head *head)
{
    if (flock(data_fd, LOCK_SH | LOCK_NB) == 0) {
        flock(data_fd, LOCK_UN);
        return true;
    }
    return ring_process_is_gone(&head->writer);
}
