#include "stream/kernel_calls.h"
#include "stream/kernel_tables.h"
#include "testing.h"

static struct value text(const char *s)
{
    return (struct value){ .kind = VALUE_TEXT, .size = (uint32_t)strlen(s), .text = s };
}

static void put(struct file_tables *all, struct file_table *t, int64_t fd, const char *path, bool cloexec)
{
    file_table_open(all, t, fd, paths_take(&all->paths, text(path)), cloexec);
}

static void assert_path(const struct file_table *t, int64_t fd, const char *wanted)
{
    const struct open_file *o = file_table_find(t, fd);
    if (!wanted) {
        assert_null(o);
        return;
    }
    assert_non_null(o);
    assert_int_equal(o->path->size, strlen(wanted));
    assert_memory_equal(o->path->text, wanted, o->path->size);
}

static void test_kinds(void **unused)
{
    static const struct {
        const char *path;
        enum file_kind kind;
    } rows[] = { { "/var/x", FILE_DISK },      { "relative", FILE_DISK },      { "/devices", FILE_DISK },         { "/dev/shm/x", FILE_DISK }, { "/dev/null", FILE_OTHER },
                 { "/proc/1/stat", FILE_OTHER }, { "/sys/x", FILE_OTHER },     { "socket:[5]", FILE_SOCKET },     { "pipe:", FILE_PIPE },      { "anon_inode:[eventpoll]", FILE_OTHER },
                 { "/memfd:x", FILE_OTHER },   { "", FILE_UNKNOWN } };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(path_kind(rows[i].path, strlen(rows[i].path)), rows[i].kind);
}

static void test_open_close_copy(void **unused)
{
    struct file_tables all;
    (void)unused;
    file_tables_init(&all);
    struct file_table *a = file_table_new(&all);
    put(&all, a, 3, "/x", false);
    put(&all, a, 4, "/y", true);
    put(&all, a, 100, "/x", false); /* far: the array grows, and what was there stays */
    assert_path(a, 3, "/x");
    assert_path(a, 100, "/x");
    assert_path(a, 5, NULL);
    assert_path(a, -1, NULL);
    assert_path(a, 1000000000, NULL);
    assert_ptr_equal(file_table_find(a, 3)->path, file_table_find(a, 100)->path);
    put(&all, a, 3, "/z", false); /* what was open there is closed */
    assert_path(a, 3, "/z");
    struct file_table *b = file_table_new(&all);
    put(&all, b, 3, "/own", false);
    all.epoch++;
    file_table_copy(&all, b, a);
    assert_path(b, 3, "/own");
    assert_path(b, 4, "/y");
    assert_int_equal(file_table_find(b, 4)->epoch, 0); /* copied, not told again */
    file_table_close_on_exec(&all, b);
    assert_path(b, 4, NULL);
    assert_path(a, 4, "/y");
    file_table_close(&all, a, 4, INT64_MAX);
    assert_path(a, 3, "/z");
    assert_path(a, 100, NULL);
    file_table_release(&all, a);
    file_table_release(&all, b);
    assert_int_equal(all.paths.index.count, 0); /* no use was forgotten */
    file_tables_done(&all);
}

static void test_addresses(void **unused)
{
    struct file_tables all;
    (void)unused;
    file_tables_init(&all);
    struct file_table *leader = file_table_at(&all, 0x1000);
    put(&all, leader, 1, "/dev/pts/0", false);
    assert_ptr_equal(file_table_at(&all, 0x1000), leader); /* a thread's */
    assert_int_equal(leader->uses, 2);
    struct file_table *early = file_table_new(&all); /* known by events before the statedump */
    put(&all, early, 2, "/log", false);
    assert_ptr_equal(file_table_join(&all, early, 0x2000), early);
    assert_ptr_equal(file_table_join(&all, early, 0x2000), early);
    struct file_table *other = file_table_new(&all);
    put(&all, other, 7, "/seven", false);
    assert_ptr_equal(file_table_join(&all, other, 0x1000), leader);
    assert_path(leader, 7, "/seven");
    assert_int_equal(leader->uses, 3);
    for (int i = 0; i < 3; i++)
        file_table_release(&all, leader);
    struct file_table *anew = file_table_at(&all, 0x1000); /* the kernel gives addresses again */
    assert_path(anew, 1, NULL);
    file_tables_done(&all);
}

static void test_bounds(void **unused)
{
    struct file_tables all;
    char name[32];
    (void)unused;
    file_tables_init(&all);
    struct file_table *t = file_table_new(&all);
    for (uint32_t i = 0; i < PATHS_MAX + 1000; i++) {
        snprintf(name, sizeof(name), "/f/%u", i);
        put(&all, t, i, name, false);
    }
    assert_int_equal(all.paths.refused, 1000);
    assert_null(file_table_find(t, PATHS_MAX)->path); /* open, but its name is not known */
    file_table_close(&all, t, 0, 9);
    put(&all, t, 5, "/again", false);
    assert_path(t, 5, "/again");
    put(&all, t, DESCRIPTOR_MAX + 1, "/far", false);
    assert_int_equal(all.refused, 1);
    struct file_table *more[8];
    for (size_t i = 0; i < COUNT(more); i++) {
        more[i] = file_table_new(&all);
        put(&all, more[i], DESCRIPTOR_MAX, "/x", false);
    }
    assert_true(all.slots <= SLOTS_MAX);
    assert_int_equal(all.refused, 1 + COUNT(more) - 3);
    file_table_release(&all, more[0]); /* its room is for others now */
    put(&all, more[7], DESCRIPTOR_MAX, "/x", false);
    assert_path(more[7], DESCRIPTOR_MAX, "/x");
    file_tables_done(&all);
}

static void test_calls(void **unused)
{
    static const struct {
        int64_t ret;
        const char *name; /* NULL: no error */
    } rows[] = { { 0, NULL }, { 7, NULL }, { -2, "ENOENT" }, { -512, "ERESTARTSYS" }, { -4096, NULL }, { INT64_MIN, NULL } };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct value v = call_errno(rows[i].ret);
        assert_int_equal(v.kind, rows[i].name ? VALUE_TEXT : VALUE_NONE);
        if (rows[i].name)
            assert_memory_equal(v.text, rows[i].name, v.size);
    }
    assert_int_equal(call_errno(-4000).i, 4000);
    assert_int_equal(call_kind("pread64").family, IO_READ);
    assert_int_equal(call_kind("mmap").family, IO_NONE);
}

static void test_what_waits(void **unused)
{
    struct path socket = { .kind = FILE_SOCKET }, disk = { .kind = FILE_DISK };
    struct task reader = { .call_path = &socket, .call_begin_ns = 100, .left_ns = INT64_MIN };
    (void)unused;
    assert_true(call_waits(call_kind("read").waits, &reader, 200));
    reader.call_path = &disk;
    assert_false(call_waits(call_kind("read").waits, &reader, 200));
    assert_true(call_waits(call_kind("epoll_wait").waits, &reader, 200));
    assert_false(call_waits(call_kind("fsync").waits, &reader, 200));
    static const struct {
        const char *why;
        enum task_state state;
        int64_t left_ns, slept_ns;
        bool waits;
    } rows[] = {
        { "it runs", STATE_UNKNOWN, INT64_MIN, 0, false },
        { "it is asleep", STATE_INTERRUPTIBLE, 110, 0, true },
        { "but not for long", STATE_INTERRUPTIBLE, 160, 0, false },
        { "again", STATE_INTERRUPTIBLE, 160, 20, true },
        { "it has been", STATE_UNKNOWN, INT64_MIN, 51, true },
        { "for half the time", STATE_UNKNOWN, INT64_MIN, 50, false },
        { "it waits for a disk", STATE_UNINTERRUPTIBLE, 101, 0, false },
        { "for a cpu", STATE_RUNNABLE, 101, 0, false },
        { "it left in the call before", STATE_INTERRUPTIBLE, 90, 0, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct task t = { .call_path = &disk, .call_begin_ns = 100, .call_slept_ns = rows[i].slept_ns, .state = rows[i].state, .left_ns = rows[i].left_ns };
        if (call_waits(call_kind("openat").waits, &t, 200) != rows[i].waits)
            fail_msg("%s", rows[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_open_close_copy),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
