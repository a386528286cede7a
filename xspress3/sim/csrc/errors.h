/* The one error text of the process, and how a function says that it failed. */
#ifndef SIM_ERRORS_H
#define SIM_ERRORS_H

/* Keep "call: text" for xsp3_get_error_message and return code. */
int sim_fail_in(const char *call, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same in the name of the API call that locked sys. */
#define sim_fail(sys, ...) sim_fail_in((sys)->call, __VA_ARGS__)

#endif
