/* Commands from other processes: a unix datagram socket and the one thread of the library, which waits at it.
 *
 *     xsp3_config -- sim_socket_open --> thread: poll(socket, pipe) -> sim_command -> answer
 *     xsp3_close  -- sim_socket_close -> a byte into the pipe, join
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "errors.h"
#include "socket.h"
#include "triggers.h"
#include "xsp3_api.h"

#define MAX_COMMAND 255

struct sim_socket {
    int path; /* system */
    int fd;
    int wake[2]; /* pipe: closing writes to its end 1 */
    struct sockaddr_un address;
    pthread_t thread;
};

/* ---- the thread ---- */

static void answer_one(const sim_socket *at)
{
    char line[MAX_COMMAND + 1], text[200];
    struct sockaddr_un sender;
    socklen_t size = sizeof sender;
    sim_answer answer;
    ssize_t length = recvfrom(at->fd, line, sizeof line, MSG_DONTWAIT, (struct sockaddr *)&sender, &size);
    if (length < 0)
        return;
    if ((size_t)length > MAX_COMMAND || memchr(line, '\0', (size_t)length) != NULL) {
        snprintf(text, sizeof text, "error: more than %d bytes, or a zero among them", MAX_COMMAND);
    } else {
        line[length] = '\0';
        int rc = sim_command(at->path, line, &answer);
        snprintf(text, sizeof text, rc == XSP3_OK ? "ok" : "error: %s", answer.text);
    }
    if (size > sizeof(sa_family_t)) /* who does not listen misses the answer */
        (void)sendto(at->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&sender, size);
}

static void *serve(void *argument)
{
    const sim_socket *at = argument;
    struct pollfd wait[] = {{.fd = at->fd, .events = POLLIN}, {.fd = at->wake[0], .events = POLLIN}};
    while (poll(wait, 2, -1) >= 0 || errno == EINTR) {
        if (wait[1].revents != 0)
            break;
        if (wait[0].revents != 0)
            answer_one(at);
    }
    return NULL;
}

/* Signals are for the threads of the program. */
static int start_thread(sim_socket *at)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&at->thread, NULL, serve, at);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_setname_np(at->thread, "xsp3sim-socket");
    return rc;
}

/* ---- opening ---- */

/* A socket that nobody listens at: left behind by a program that died. */
static bool is_abandoned(const struct sockaddr_un *address)
{
    struct stat about;
    if (lstat(address->sun_path, &about) < 0 || !S_ISSOCK(about.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool is_refused = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    close(fd);
    return is_refused;
}

static int bind_to(int fd, const struct sockaddr_un *address)
{
    int rc = bind(fd, (const struct sockaddr *)address, sizeof *address);
    if (rc < 0 && errno == EADDRINUSE && is_abandoned(address)) {
        unlink(address->sun_path);
        rc = bind(fd, (const struct sockaddr *)address, sizeof *address);
    } else if (rc < 0 && errno != EADDRINUSE) {
        return errno;
    }
    return rc < 0 ? EADDRINUSE : 0;
}

static void dispose(sim_socket *at, bool is_bound)
{
    if (is_bound)
        unlink(at->address.sun_path);
    for (int i = 0; i < 2; i++)
        if (at->wake[i] >= 0)
            close(at->wake[i]);
    if (at->fd >= 0)
        close(at->fd);
    free(at);
}

/* 0 or errno. */
static int begin(sim_socket *at, bool *is_bound)
{
    at->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (at->fd < 0 || pipe2(at->wake, O_CLOEXEC) < 0)
        return errno;
    int error = bind_to(at->fd, &at->address);
    *is_bound = error == 0;
    return error != 0 ? error : start_thread(at);
}

sim_socket *sim_socket_open(const char *call, const char *where, int path)
{
    sim_socket *at = malloc(sizeof *at);
    bool is_bound = false;
    int error = ENOMEM;
    if (at != NULL) {
        *at = (sim_socket){.path = path, .fd = -1, .wake = {-1, -1}, .address = {.sun_family = AF_UNIX}};
        snprintf(at->address.sun_path, sizeof at->address.sun_path, "%s", where);
        error = begin(at, &is_bound);
    }
    if (error == 0)
        return at;
    if (at != NULL)
        dispose(at, is_bound);
    sim_fail_in(call, XSP3_ERROR, "SOCKET=%s: %s", where, strerror(error));
    return NULL;
}

void sim_socket_close(sim_socket *at)
{
    if (at == NULL)
        return;
    while (write(at->wake[1], "", 1) < 0 && errno == EINTR)
        continue;
    pthread_join(at->thread, NULL);
    dispose(at, true);
}
