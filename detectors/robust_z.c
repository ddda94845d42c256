#include "detectors/robust_z.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double reach = 10; /* deviations as which anything beyond is learned */

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double robust_z_deviation(const struct robust_z *z, double floor)
{
    return sqrt(z->variance) + 1e-3 * fabs(z->mean) + floor;
}

static void learn(struct robust_z *z, double distance, double memory, double floor)
{
    double most = reach * robust_z_deviation(z, floor);
    distance = fmax(-most, fmin(most, distance));
    z->weight = fminf(z->weight + 1, (float)memory);
    double share = 1 / (double)z->weight;
    z->mean += share * distance;
    z->variance = (1 - share) * (z->variance + share * distance * distance);
}

/* The deviation is the larger one of what the middle and what the 80th percentile say of a normal distribution. */
static void start(struct robust_z *z, double memory, double floor)
{
    float sorted[ROBUST_Z_START];
    memcpy(sorted, z->first, sizeof(sorted));
    qsort(sorted, ROBUST_Z_START, sizeof(*sorted), compare);
    z->mean = (double)sorted[ROBUST_Z_START / 2];
    for (int i = 0; i < ROBUST_Z_START; i++)
        sorted[i] = fabsf(z->first[i] - (float)z->mean);
    qsort(sorted, ROBUST_Z_START, sizeof(*sorted), compare);
    double deviation = fmax(1.4826 * (double)sorted[ROBUST_Z_START / 2], (double)sorted[ROBUST_Z_START * 3 / 4] / 1.28);
    z->variance = deviation * deviation;
    z->weight = 4;
    for (int i = 0; i < ROBUST_Z_START; i++)
        learn(z, (double)z->first[i] - z->mean, memory, floor);
}

double robust_z(struct robust_z *z, double value, double memory, double floor)
{
    if (z->started < ROBUST_Z_START) {
        z->first[z->started++] = (float)value;
        if (z->started == ROBUST_Z_START)
            start(z, memory, floor);
        return 0;
    }
    double distance = value - z->mean, deviation = robust_z_deviation(z, floor);
    learn(z, distance, memory, floor);
    return distance / deviation;
}
