#include "base/clock.h"
#include "base/process.h"
#include "testing.h"
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct process_spec spec_of(const char *const *argv)
{
    return (struct process_spec){ .argv = argv, .stdin_fd = PROCESS_NULL, .stdout_fd = PROCESS_NULL, .stderr_fd = PROCESS_NULL };
}

static void test_status(void **unused)
{
    (void)unused;
    struct process p;
    struct error err;
    int status;
    char how[PROCESS_STATUS_MAX];
    const char *const argv[] = { "sh", "-c", "exit 7", NULL };
    struct process_spec spec = spec_of(argv);
    assert_int_equal(process_spawn(&p, &spec, &err), 0);
    assert_true(process_wait(&p, INT64_C(60000000000), &status));
    assert_string_equal(process_describe(status, how), "exited with status 7");
    const char *const killed[] = { "sh", "-c", "kill -ABRT $$", NULL };
    spec = spec_of(killed);
    assert_int_equal(process_spawn(&p, &spec, &err), 0);
    assert_true(process_wait(&p, INT64_C(60000000000), &status));
    assert_string_equal(process_describe(status, how), "was killed by signal 6 (Aborted)");
}

static void test_what_cannot_run(void **unused)
{
    (void)unused;
    struct process p;
    struct error err;
    const char *const missing[] = { "no-such-program-anywhere", NULL };
    struct process_spec spec = spec_of(missing);
    assert_int_equal(process_spawn(&p, &spec, &err), -ENOENT);
    assert_string_equal(err.text, "cannot run no-such-program-anywhere: No such file or directory");
    assert_int_equal(p.pid, 0);
    const char *const directory[] = { "/tmp", NULL };
    spec = spec_of(directory);
    assert_int_equal(process_spawn(&p, &spec, &err), -EACCES);
}

/* A daemon that was started with SIGTERM blocked keeps it blocked: ours are not. */
static void test_signals_are_restored(void **unused)
{
    (void)unused;
    struct process p;
    struct error err;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    signal(SIGINT, SIG_IGN);
    const char *const argv[] = { "sh", "-c", "grep -E '^Sig(Blk|Ign):' /proc/self/status | grep -vq '0000000000000000$' && exit 1 || exit 0", NULL };
    struct process_spec spec = spec_of(argv);
    int status;
    assert_int_equal(process_spawn(&p, &spec, &err), 0);
    assert_true(process_wait(&p, INT64_C(60000000000), &status));
    assert_int_equal(WEXITSTATUS(status), 0);
    signal(SIGINT, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
}

static void test_held_until_released(void **unused)
{
    (void)unused;
    struct process p;
    struct error err;
    int status;
    const char *const argv[] = { "true", NULL };
    struct process_spec spec = spec_of(argv);
    spec.hold = true;
    assert_int_equal(process_spawn(&p, &spec, &err), 0);
    assert_false(process_wait(&p, 50000000, &status));
    assert_int_equal(process_release(&p, "true", &err), 0);
    assert_true(process_wait(&p, INT64_C(60000000000), &status));
    assert_int_equal(status, 0);
    /* One that is never released ends without having run. */
    assert_int_equal(process_spawn(&p, &spec, &err), 0);
    process_stop(&p, INT64_C(60000000000));
    assert_int_equal(p.pid, 0);
}

static void test_stop_is_bounded(void **unused)
{
    (void)unused;
    struct process p;
    struct error err;
    const char *const argv[] = { "sh", "-c", "trap '' TERM; while :; do sleep 1; done", NULL };
    struct process_spec spec = spec_of(argv);
    assert_int_equal(process_spawn(&p, &spec, &err), 0);
    clock_sleep_ns(100000000);
    int64_t begin_ns = clock_monotonic_ns();
    process_stop(&p, 200000000);
    assert_int_equal(p.pid, 0);
    assert_true(clock_monotonic_ns() - begin_ns < INT64_C(30000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),          cmocka_unit_test(test_what_cannot_run),
        cmocka_unit_test(test_signals_are_restored), cmocka_unit_test(test_held_until_released),
        cmocka_unit_test(test_stop_is_bounded),
    };
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
