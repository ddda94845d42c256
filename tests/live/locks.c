/* locks.c - a program with known waits: THREADS threads take one lock ROUNDS times each and hold it for HOLD_US in work(); then one
 * waits three times for a condition that never comes, 20 ms each.
 *
 *     locks THREADS ROUNDS HOLD_US */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long rounds, hold_us;

long work(long us);

__attribute__((noinline)) long work(long us)
{
    struct timespec t = { .tv_nsec = us * 1000 };
    nanosleep(&t, NULL);
    return us + 1;
}

static void *run(void *unused)
{
    (void)unused;
    for (long i = 0; i < rounds; i++) {
        pthread_mutex_lock(&mutex);
        hold_us = work(hold_us) - 1;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static int wait_in_vain(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 20000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    pthread_mutex_lock(&mutex);
    int r = pthread_cond_timedwait(&condition, &mutex, &t);
    pthread_mutex_unlock(&mutex);
    return r;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    long count = argc == 4 ? atol(argv[1]) : 0;
    if (count < 1 || count > 64)
        return 2;
    rounds = atol(argv[2]);
    hold_us = atol(argv[3]);
    for (long i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, run, NULL);
    for (long i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 3; i++)
        if (wait_in_vain() != ETIMEDOUT)
            return 1;
    return 0;
}
