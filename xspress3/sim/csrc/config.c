/* The two ways in: xsp3_config, and xsp3_config_init that can say more. */
#include <stdio.h>

#include "errors.h"
#include "lifetime.h"
#include "system.h"
#include "xsp3_api.h"

#define INIT_BITS 0x1F0001 /* normal, and what may be left out */
#define READOUT_BITS 0x107 /* scalars, frames, list, passive */

static void copy_text(char *to, size_t size, const char *from, const char *when_null)
{
    snprintf(to, size, "%s", from != NULL ? from : when_null);
}

static sim_arguments arguments_of(int n_cards, int num_tf, const char *base_ip, int base_port, const char *base_mac,
                                  int n_chan, int create_module, const char *module_name, int debug, int card_index)
{
    sim_arguments args = {.n_cards = n_cards,
                          .num_tf = num_tf,
                          .base_port = base_port,
                          .n_chan = n_chan,
                          .create_module = create_module,
                          .debug = debug,
                          .card_index = card_index == -1 ? 0 : card_index};
    copy_text(args.base_ip, sizeof args.base_ip, base_ip, "192.168.0.1");
    copy_text(args.base_mac, sizeof args.base_mac, base_mac, "02.00.00.00.00.00");
    copy_text(args.module_name, sizeof args.module_name, module_name, "xsp3_scope0");
    return args;
}

static int check_init(const char *call, int do_init, int xsp3m_readout, int dummy_system)
{
    if ((do_init & ~INIT_BITS) != 0)
        return sim_fail_in(call, XSP3_ERROR, "do_init=0x%x: allowed are the bits of 0x%x", (unsigned)do_init,
                           INIT_BITS);
    if ((xsp3m_readout & ~READOUT_BITS) != 0)
        return sim_fail_in(call, XSP3_ERROR, "xsp3m_readout=%d: allowed are the bits of 0x%x", xsp3m_readout,
                           READOUT_BITS);
    if (dummy_system != 0)
        return sim_fail_in(call, XSP3_ERROR, "dummy_system=%d: allowed is 0, the simulator has no dummies within",
                           dummy_system);
    return XSP3_OK;
}

XSP3_API int xsp3_config(int ncards, int num_tf, char *baseIPaddress, int basePort, char *baseMACaddress, int nchan,
                         int createmodule, char *modname, int debug, int card_index)
{
    sim_arguments args = arguments_of(ncards, num_tf, baseIPaddress, basePort, baseMACaddress, nchan, createmodule,
                                      modname, debug, card_index);
    return sim_open(__func__, &args);
}

XSP3_API int xsp3_config_init(int ncards, int num_tf, char *baseIPaddress, int basePort, char *baseMACaddress,
                              int num_chan, int create_module, char *modname, int debug, int card_index, int do_init,
                              int xsp3m_readout, int dummy_system)
{
    sim_arguments args = arguments_of(ncards, num_tf, baseIPaddress, basePort, baseMACaddress, num_chan, create_module,
                                      modname, debug, card_index);
    int rc = check_init(__func__, do_init, xsp3m_readout, dummy_system);
    if (rc < 0)
        return rc;
    /* 0: look at the system that is open already, touch nothing */
    return do_init == 0 ? sim_attach(__func__, &args) : sim_open(__func__, &args);
}

