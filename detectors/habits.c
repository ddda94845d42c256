#include "detectors/habits.h"
#include <math.h>

enum { MOST_S = 3600 };
static const int64_t second_ns = 1000000000, day_ns = 86400 * INT64_C(1000000000);
static const int64_t early_ns = 600 * INT64_C(1000000000), forgotten_after_ns = 15 * 86400 * INT64_C(1000000000);
static const double fades = 0.8, more = 1.25;

/* From the time of day at which it began: -12 h to 12 h. */
static int64_t since(const struct habit *habit, int64_t now_ns)
{
    int64_t ns = (now_ns - habit->began_ns) % day_ns;
    return ns > day_ns / 2 ? ns - day_ns : ns;
}

static bool another_day(const struct habit *habit, int64_t now_ns)
{
    return now_ns - habit->began_ns > day_ns / 2;
}

static bool forgotten(const struct habit *habit, int64_t now_ns)
{
    return habit->began_ns == 0 || now_ns < habit->began_ns || now_ns - habit->began_ns > forgotten_after_ns;
}

static bool at_its_time(const struct habit *habit, int64_t now_ns)
{
    int64_t ns = since(habit, now_ns);
    return !forgotten(habit, now_ns) && ns >= -early_ns && ns <= (int64_t)habit->lasts_s * second_ns + early_ns;
}

static void add(struct habit *habit, int64_t began_ns, int64_t now_ns, double distance)
{
    float *most = &habit->today[distance < 0], size = (float)fabs(distance);
    if (another_day(habit, began_ns)) {
        habit->days++;
        habit->began_ns = began_ns;
        for (int i = 0; i < 2; i++) {
            habit->most[i] = fmaxf(habit->most[i] * (float)fades, habit->today[i]);
            habit->today[i] = 0;
        }
    }
    uint32_t lasts_s = now_ns > habit->began_ns ? (uint32_t)((now_ns - habit->began_ns) / second_ns) : 0;
    lasts_s = lasts_s < MOST_S ? lasts_s : MOST_S;
    habit->lasts_s = lasts_s > habit->lasts_s ? lasts_s : habit->lasts_s;
    *most = size > *most ? size : *most;
}

/* What came today or yesterday may come tomorrow: where all places are of such, what is new finds none, else none of them would ever
 * come on three days in a row. */
static bool stays(const struct habit *habit, int64_t now_ns)
{
    return !forgotten(habit, now_ns) && now_ns - habit->began_ns < day_ns + day_ns / 2;
}

/* Forgotten ones go first, then those that came on the fewest days, of these the oldest. */
static bool goes_before(const struct habit *a, const struct habit *b, int64_t now_ns)
{
    if (forgotten(a, now_ns) != forgotten(b, now_ns))
        return forgotten(a, now_ns);
    if (stays(a, now_ns) != stays(b, now_ns))
        return stays(b, now_ns);
    return a->days != b->days ? a->days < b->days : a->began_ns < b->began_ns;
}

void habits_note(struct habits *h, int64_t began_ns, int64_t now_ns, double distance)
{
    struct habit *place = &h->list[0];
    for (int i = 0; i < HABITS; i++) {
        if (at_its_time(&h->list[i], began_ns)) {
            add(&h->list[i], began_ns, now_ns, distance);
            return;
        }
        if (goes_before(&h->list[i], place, now_ns))
            place = &h->list[i];
    }
    if (stays(place, began_ns))
        return;
    *place = (struct habit){ .began_ns = began_ns, .days = 1 };
    add(place, began_ns, now_ns, distance);
}

bool habits_usual(struct habits *h, int64_t now_ns, double distance, double noise)
{
    for (int i = 0; i < HABITS; i++) {
        struct habit *habit = &h->list[i];
        if (!at_its_time(habit, now_ns) || habit->days + another_day(habit, now_ns) <= HABIT_DAYS)
            continue;
        float before = another_day(habit, now_ns) ? fmaxf(habit->most[distance < 0], habit->today[distance < 0]) : habit->most[distance < 0];
        if (fabs(distance) > more * (double)before + noise)
            continue;
        add(habit, now_ns, now_ns, distance);
        return true;
    }
    return false;
}
