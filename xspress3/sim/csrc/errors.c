/* The one error text of the process. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "errors.h"
#include "xsp3_api.h"

static pthread_mutex_t text_lock = PTHREAD_MUTEX_INITIALIZER; /* guards writing of text */
static char text[XSP3_MAX_MSG_LEN];

int sim_fail_in(const char *call, int code, const char *format, ...)
{
    char line[XSP3_MAX_MSG_LEN];
    int used = snprintf(line, sizeof line, "%s: ", call);
    va_list values;
    va_start(values, format);
    if (used >= 0 && (size_t)used < sizeof line)
        vsnprintf(line + used, sizeof line - (size_t)used, format, values);
    va_end(values);
    pthread_mutex_lock(&text_lock);
    memcpy(text, line, sizeof line);
    pthread_mutex_unlock(&text_lock);
    return code;
}

XSP3_API char *xsp3_get_error_message(void)
{
    return text;
}
