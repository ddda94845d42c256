/* How far a collector has come, in a file that outlives it. */
#include "collector/positions.h"
#include "testing.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[64];

static int set_up(void **unused)
{
    (void)unused;
    snprintf(path, sizeof(path), "/tmp/foretrace-test-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd) + unlink(path);
}

static int tear_down(void **unused)
{
    (void)unused;
    return unlink(path);
}

static struct positions *open_quietly(void)
{
    struct positions *p = NULL;
    struct error err;
    assert_int_equal(positions_open(path, &p, &err), 0);
    assert_string_equal(err.text, "");
    return p;
}

static void set_stream(struct positions *p, uint8_t trace, const char *channel, uint64_t sequence, int64_t end_ns)
{
    const uint8_t uuid[16] = { trace };
    positions_set_stream(p, uuid, channel, &(struct stream_position){ .sequence = sequence, .end_ns = end_ns });
}

static bool get_stream(const struct positions *p, uint8_t trace, const char *channel, struct stream_position *ret)
{
    const uint8_t uuid[16] = { trace };
    return positions_stream(p, uuid, channel, ret);
}

static void test_reopened(void **unused)
{
    (void)unused;
    struct stream_position s;
    struct positions *p = open_quietly();
    assert_int_equal(positions_window(p, "h", "s"), INT64_MIN);
    assert_false(get_stream(p, 1, "c_0", &s));
    positions_set_window(p, "h", "s", 10);
    positions_set_window(p, "h", "s", 20);
    positions_set_window(p, "hs", "", 30); /* not the same name */
    set_stream(p, 1, "c_0", 7, 100);
    set_stream(p, 1, "c_1", 8, 200);
    set_stream(p, 2, "c_0", 9, -300);
    set_stream(p, 1, "c_0", 10, 400);
    positions_close(p);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    p = open_quietly();
    assert_int_equal(positions_window(p, "h", "s"), 20);
    assert_int_equal(positions_window(p, "hs", ""), 30);
    assert_int_equal(positions_window(p, "", "hs"), INT64_MIN);
    assert_true(get_stream(p, 1, "c_0", &s));
    assert_int_equal(s.sequence, 10);
    assert_int_equal(s.end_ns, 400);
    assert_true(get_stream(p, 2, "c_0", &s));
    assert_int_equal(s.end_ns, -300);
    assert_false(get_stream(p, 2, "c_1", &s));
    positions_close(p);
}

/* Whoever is killed leaves what it wrote. */
static void test_killed(void **unused)
{
    (void)unused;
    struct stream_position s;
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct positions *p;
        struct error err;
        if (positions_open(path, &p, &err) == 0)
            set_stream(p, 3, "c", 5, 50);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    struct positions *p = open_quietly();
    assert_true(get_stream(p, 3, "c", &s));
    assert_int_equal(s.sequence, 5);
    positions_close(p);
}

/* Those that ended first make room; what is written is always had. */
static void test_full(void **unused)
{
    (void)unused;
    enum { MANY = 4 * POSITIONS_MAX };
    struct positions *p = open_quietly();
    struct stream_position s;
    char name[32];
    unsigned old = 0, new = 0;
    positions_set_window(p, "h", "s", INT64_MAX);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "c_%d", i);
        set_stream(p, 1, name, (uint64_t)i, i);
        assert_true(get_stream(p, 1, name, &s));
        assert_int_equal(s.sequence, i);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "c_%d", i);
        if (!get_stream(p, 1, name, &s))
            continue;
        assert_int_equal(s.sequence, i); /* nobody else's */
        old += i < MANY / 2;
        new += i >= MANY - POSITIONS_MAX / 2;
    }
    assert_int_equal(old, 0);
    assert_true(new > POSITIONS_MAX / 2 * 95 / 100);
    assert_int_equal(positions_window(p, "h", "s"), INT64_MAX);
    positions_close(p);
}

static void test_second_opener(void **unused)
{
    (void)unused;
    struct positions *p = open_quietly(), *second = NULL;
    struct error err = { "" };
    set_stream(p, 1, "c", 1, 1);
    assert_int_equal(positions_open(path, &second, &err), -EBUSY);
    assert_null(second);
    assert_non_null(strstr(err.text, "another collector"));
    struct stream_position s;
    assert_true(get_stream(p, 1, "c", &s));
    positions_close(p);
    positions_close(open_quietly());
}

static const struct {
    const char *what;
    off_t size, at; /* the size it is given; where a byte is changed, -1: nowhere */
} damages[] = {
    { "cut short", 1000, -1 },
    { "longer", 10000000, -1 },
    { "another version", 0, 6 },
    { "another size of table", 0, 9 },
    { "a few bytes", 5, -1 },
};

static void test_damaged(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(damages); i++) {
        struct positions *p = open_quietly();
        struct stream_position s;
        struct error err = { "" };
        print_message("  %s\n", damages[i].what);
        set_stream(p, 1, "c", 1, 1);
        positions_close(p);
        int fd = open(path, O_RDWR);
        if (damages[i].size > 0)
            assert_int_equal(ftruncate(fd, damages[i].size), 0);
        if (damages[i].at >= 0)
            assert_int_equal(pwrite(fd, "x", 1, damages[i].at), 1);
        close(fd);
        assert_int_equal(positions_open(path, &p, &err), 0);
        assert_non_null(strstr(err.text, "made anew"));
        assert_false(get_stream(p, 1, "c", &s));
        set_stream(p, 1, "c", 2, 2);
        positions_close(p);
        p = open_quietly();
        assert_true(get_stream(p, 1, "c", &s));
        positions_close(p);
    }
}

static void test_refused(void **unused)
{
    (void)unused;
    struct positions *p = NULL;
    struct error err = { "" };
    assert_int_equal(positions_open("/nonexistent/positions", &p, &err), -ENOENT);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(positions_open(path, &p, &err), -ELOOP);
    assert_null(p);
    positions_close(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_reopened), TEST(test_killed), TEST(test_full), TEST(test_second_opener), TEST(test_damaged), TEST(test_refused) };
    return cmocka_run_group_tests_name("positions", tests, NULL, NULL);
}
