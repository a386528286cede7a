/* Names of the SDK functions that can be made to fail, and what each of them touches. */
#ifndef SIM_API_NAMES_H
#define SIM_API_NAMES_H

typedef enum { SIM_TOUCHES_HOST, SIM_TOUCHES_BOX_IF_MINI, SIM_TOUCHES_BOX } sim_touch;

typedef struct {
    const char *name;
    sim_touch touches;
} sim_api;

/* NULL when there is no such function, or it cannot fail. */
const sim_api *sim_find_api(const char *name);

#endif
