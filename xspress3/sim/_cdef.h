/* Controls of the simulator, as csrc/xsp3_api.h describes them; read by cffi (see _build.py). */

int xsp3sim_set(const char *key, const char *value);
int xsp3sim_advance(double seconds);
int xsp3sim_fault(const char *what);
int xsp3sim_ttl(int input, int level);
int xsp3sim_edges(int n, double period);
int xsp3sim_gates(double high, double low, int n);
int xsp3sim_truth(int path, int chan, int64_t frame, uint32_t *spectrum, uint32_t *scalers);
char *xsp3_get_error_message(void);
