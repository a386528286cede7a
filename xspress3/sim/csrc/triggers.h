/* The commands `edges N PERIOD`, `gate HIGH LOW N`, `ttl INPUT LEVEL`. */
#ifndef SIM_TRIGGERS_H
#define SIM_TRIGGERS_H

typedef struct {
    char text[160];
} sim_answer;

/* Do what a line says. 0, or -1; the answer is what to tell the sender. Writes no error text. */
int sim_command(int path, char *line, sim_answer *answer);

#endif
