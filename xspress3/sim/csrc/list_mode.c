/* List mode: the files are made, and stay empty. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "acquire.h"
#include "errors.h"
#include "sizes.h"
#include "system.h"
#include "xsp3_api.h"

static int make_file(const sim_system *sys, const char *root, int chan)
{
    char name[SIM_PATH_CHARS];
    int length = snprintf(name, sizeof name, "%s_ch%02d.dat", root, chan);
    if (length < 0 || (size_t)length >= sizeof name)
        return sim_fail(sys, XSP3_ERROR, "file names are longer than %d bytes", SIM_PATH_CHARS - 1);
    FILE *file = fopen(name, "wbe");
    if (file == NULL)
        return sim_fail(sys, XSP3_ERROR, "Cannot create %.800s: %s", name, strerror(errno));
    fclose(file);
    return XSP3_OK;
}

static int check_chan_or_all(const sim_system *sys, int chan)
{
    return chan == -1 ? XSP3_OK : sim_check_chan(sys, chan);
}

XSP3_API int xsp3_histogram_start_list_mode(int path, int chan, char *root_name)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = check_chan_or_all(sys, chan);
    if (rc == XSP3_OK && root_name == NULL)
        rc = sim_fail(sys, XSP3_ERROR, "root_name is NULL");
    for (int i = 0; rc == XSP3_OK && i < sys->n_channels; i++)
        if (chan == -1 || chan == i)
            rc = make_file(sys, root_name, i);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_histogram_stop_list_mode(int path, int chan)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = check_chan_or_all(sys, chan);
    sim_release(sys);
    return rc;
}
