/* Temperatures, supplies and fans: plausible and steady. */
#include "acquire.h"
#include "errors.h"
#include "housekeeping.h"
#include "system.h"
#include "xsp3_api.h"

/* ---- temperatures in degrees Celsius ---- */

typedef struct {
    int generation; /* the only one that has it, or -1 */
    float base;
    int n;
} sensors;

static int read_temperatures(sim_system *sys, int card, const sensors *what, float *temp)
{
    int rc = sim_check_card(sys, card);
    if (rc < 0)
        return rc;
    if (what->generation >= 0 && sys->about.generation != what->generation)
        return sim_fail(sys, XSP3_ERROR, "generation %d has no such sensors, only generation %d has",
                        sys->about.generation, what->generation);
    if (temp == NULL)
        return sim_fail(sys, XSP3_ERROR, "temp is NULL");
    for (int i = 0; i < what->n; i++)
        temp[i] = what->base + 0.5f * (float)i + 0.25f * (float)card;
    return XSP3_OK;
}

XSP3_API int xsp3_i2c_read_adc_temp(int path, int card, float *temp)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    sensors adc = {.generation = -1, .base = 38.0f, .n = sys->about.generation == XSP3_GEN_4 ? 5 : 4};
    int rc = read_temperatures(sys, card, &adc, temp);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_i2c_read_fem_temp(int path, int card, float *temp)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = read_temperatures(sys, card, &(sensors){.generation = XSP3_GEN_3, .base = 45.0f, .n = 2}, temp);
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_i2c_read_mid_plane_temp(int path, float *temp)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = read_temperatures(sys, 0, &(sensors){.generation = XSP3_GEN_4, .base = 30.0f, .n = 3}, temp);
    sim_release(sys);
    return rc;
}

/* Checked and forgotten: nothing here gets that hot. */
XSP3_API int xsp3_i2c_set_adc_temp_limit(int path, int card, int critTemp)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = sim_check_card(sys, card);
    if (rc == XSP3_OK && (critTemp < 0 || critTemp > 125))
        rc = sim_fail(sys, XSP3_ERROR, "critTemp=%d out of range 0..125", critTemp);
    sim_release(sys);
    return rc;
}

/* ---- supplies ---- */

static int read_xadc(sim_system *sys, int card, int first, int num, uint32_t *data)
{
    /* m°C of two chips, then mV */
    static const uint32_t values[] = {46000, 52000, 1000, 1800, 1000, 1000, 1800, 1500, 1000, 1800, 1000};
    const int n = (int)(sizeof values / sizeof values[0]);
    int rc = sim_check_card(sys, card);
    if (rc < 0)
        return rc;
    if (sys->about.generation == XSP3_GEN_3)
        return sim_fail(sys, XSP3_ERROR, "generation %d has no such monitor", sys->about.generation);
    if (first < 0 || num < 0 || (int64_t)first + num > n)
        return sim_fail(sys, XSP3_RANGE_CHECK, "first=%d num=%d out of range 0..%d", first, num, n - 1);
    if (data == NULL)
        return sim_fail(sys, XSP3_ERROR, "data is NULL");
    for (int i = 0; i < num; i++)
        data[i] = values[first + i];
    return XSP3_OK;
}

XSP3_API int xsp3_read_xadc(int path, int card, int first, int num, uint32_t *data)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = read_xadc(sys, card, first, num, data);
    sim_release(sys);
    return rc;
}

/* ---- fan controllers: words, temperatures in 0.5 degrees ---- */

enum { FAN_TEMPERATURE = 2, FAN_MAXIMUM = 6, FAN_SET_POINT, FAN_P, FAN_I };

void sim_fan_reset(sim_system *sys)
{
    for (int card = 0; card < XSP3_MAX_CARDS; card++) {
        uint32_t *fan = sys->fan[card];
        fan[FAN_TEMPERATURE] = 80;
        fan[FAN_MAXIMUM] = 140;
        fan[FAN_SET_POINT] = 80;
        fan[FAN_P] = 10;
        fan[FAN_I] = 1;
    }
}

static int check_fan(const sim_system *sys, int card, int offset, int size, const uint32_t *value)
{
    int rc = sim_check_card(sys, card);
    if (rc < 0)
        return rc;
    if (offset < 0 || size < 0 || (int64_t)offset + size > SIM_FAN_WORDS)
        return sim_fail(sys, XSP3_RANGE_CHECK, "offset=%d size=%d out of range 0..%d", offset, size,
                        SIM_FAN_WORDS - 1);
    if (value == NULL)
        return sim_fail(sys, XSP3_ERROR, "value is NULL");
    return XSP3_OK;
}

XSP3_API int xsp3_read_fan_cont(int path, int card, int offset, int size, uint32_t *value)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = check_fan(sys, card, offset, size, value);
    for (int i = 0; rc == XSP3_OK && i < size; i++)
        value[i] = sys->fan[card][offset + i];
    sim_release(sys);
    return rc;
}

XSP3_API int xsp3_write_fan_cont(int path, int card, int offset, int size, uint32_t *value)
{
    sim_system *sys = sim_acquire(path, __func__);
    if (sys == NULL)
        return sim_refused(XSP3_INVALID_PATH);
    int rc = check_fan(sys, card, offset, size, value);
    for (int i = 0; rc == XSP3_OK && i < size; i++)
        if (offset + i != FAN_TEMPERATURE) /* that one is measured */
            sys->fan[card][offset + i] = value[i];
    sim_release(sys);
    return rc;
}
