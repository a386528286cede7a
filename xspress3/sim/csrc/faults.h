/* The list of faults on request, one for the process. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api_names.h"

typedef enum {
    SIM_FAULT_FAIL,
    SIM_FAULT_DROP,
    SIM_FAULT_STICK,
    SIM_FAULT_SLOW_CLEAR,
    SIM_FAULT_RACE,
    SIM_FAULT_LOSE_LINK,
    SIM_FAULT_REFUSE_CONFIG
} sim_fault_kind;

#define SIM_MAX_FAULTS 32
#define SIM_FAULT_TEXT_CHARS 512

typedef struct {
    sim_fault_kind kind;
    bool is_described; /* by the key FAULTS, not by xsp3sim_fault */
    bool is_spent;     /* has struck and will not again; of lose-link: is lost */
    const sim_api *function;
    int chan, code;
    int64_t n, frame, ticks; /* calls until it strikes, or frames; first frame; ticks lost */
    double seconds;
    char text[SIM_FAULT_TEXT_CHARS];
} sim_fault;

bool sim_faults_are_valid(const char *list);

/* Take up a list from FAULTS unless it is the one taken up last. Called with table_lock of lifetime.c held. */
int sim_faults_describe(const char *call, const char *list);

/* The list, locked until sim_faults_unlock; NULL, and not locked, when it is empty. */
sim_fault *sim_faults_lock(size_t *n);
void sim_faults_unlock(void);

#endif
