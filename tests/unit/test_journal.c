/* What survives: the state is the sum of records, and whatever is done to the files short of
 * the lock, a start gives the state of some prefix of them, or says that it starts fresh. */
#include "base/dirs.h"
#include "base/journal.h"
#include "seed.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* The state: how many records, which are 1, 2, 3 ... each followed by so many bytes. */
static struct {
    uint64_t count, replayed, marked;
    char told[4096];
    bool refuse;
} s;
enum { HEAD_SIZE = 56 }; /* of a journal */
static char root[64], dir[128];

static void save(void *self, struct bytes *b)
{
    (void)self;
    bytes_append(b, &s.count, sizeof(s.count));
}

static bool load(void *self, const void *data, size_t size)
{
    (void)self;
    if (size != sizeof(s.count) || s.refuse)
        return false;
    memcpy(&s.count, data, size);
    return true;
}

static void marked(void *self, uint64_t mark)
{
    (void)self;
    assert_int_equal(s.replayed, 0);
    s.marked = mark;
}

static bool replay(void *self, const void *record, size_t size)
{
    uint64_t number;
    (void)self;
    memcpy(&number, record, sizeof(number));
    assert_int_equal(number, s.count + 1);
    assert_int_equal(size, sizeof(number) + number % 40);
    s.count = number;
    s.replayed++;
    return true;
}

static void notice(void *self, bool warning, const char *text)
{
    (void)self;
    assert_true(warning);
    size_t n = strlen(s.told);
    snprintf(s.told + n, sizeof(s.told) - n, "%s\n", text);
}

static const struct journal_owner owner = { .save = save, .load = load, .marked = marked, .replay = replay, .notice = notice };

static uint64_t config = 7, boot = 1;

static int open_journal(const char *path, uint64_t size, struct journal **ret_journal)
{
    struct journal_setup setup = { .dir = path, .size_bytes = size, .config = config, .boot = boot, .owner = &owner };
    struct error err;
    s.count = s.replayed = s.marked = 0;
    s.told[0] = '\0';
    return journal_open(&setup, ret_journal, &err);
}

static int append(struct journal *j)
{
    uint8_t record[64] = { 0 };
    uint64_t number = s.count + 1;
    memcpy(record, &number, sizeof(number));
    int r = journal_append(j, record, sizeof(number) + number % 40);
    s.count += r == 0;
    return r;
}

static void read_all(const char *path, struct bytes *b)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    bytes_reset(b);
    size_t n = fread(bytes_reserve(b, 1 << 16), 1, 1 << 16, f);
    b->size = n;
    fclose(f);
}

static void write_all(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

static const char *file(const char *name)
{
    static char paths[4][256];
    static unsigned n;
    snprintf(paths[++n % 4], sizeof(paths[0]), "%s/%s", dir, name);
    return paths[n % 4];
}

static int begin(void **unused)
{
    (void)unused;
    strcpy(root, "/tmp/ft-journal-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(dir, sizeof(dir), "%s/state", root);
    memset(&s, 0, sizeof(s));
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    dirs_remove(root);
    return 0;
}

static void test_what_was_written_is_there(void **unused)
{
    struct journal *j;
    (void)unused;
    for (uint64_t lives = 0, before = 0; lives < 20; lives++) {
        assert_int_equal(open_journal(dir, 4096, &j), 0);
        assert_int_equal(s.count, before);
        assert_int_equal(journal_recovered(j), lives > 0);
        assert_int_equal(journal_mark(j), before);
        assert_int_equal(s.marked, before);
        for (uint64_t i = 0; i < 37 * lives + 1; i++) {
            assert_int_equal(append(j), 0);
            journal_set_mark(j, s.count);
        }
        before = s.count;
        journal_close(j);
        assert_string_equal(s.told, "");
    }
}

/* What it was made under is said until a snapshot is made under what is now. */
static void test_what_it_was_made_under(void **unused)
{
    static const struct {
        uint64_t config, boot;
        bool config_changed, rebooted;
    } rows[] = { { 7, 1, false, false }, { 7, 1, false, false }, { 8, 1, true, false }, { 8, 1, false, false }, { 8, 2, false, true },
                 { 8, 2, false, false }, { 7, 1, true, true } };
    struct journal *j;
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        config = rows[i].config;
        boot = rows[i].boot;
        assert_int_equal(open_journal(dir, 4096, &j), 0);
        assert_int_equal(journal_config_changed(j), rows[i].config_changed);
        assert_int_equal(journal_rebooted(j), rows[i].rebooted);
        assert_int_equal(s.marked, rows[i].config_changed || rows[i].rebooted ? 0 : i); /* what was told is told of the same records only */
        assert_int_equal(journal_mark(j), i);
        assert_int_equal(append(j), 0);
        journal_set_mark(j, i + 1);
        assert_int_equal(journal_snapshot(j), 0);
        journal_close(j);
    }
    config = 7;
    boot = 1;
}

static void test_one_at_a_time(void **unused)
{
    struct journal *j, *other;
    (void)unused;
    assert_int_equal(open_journal(dir, 4096, &j), 0);
    assert_int_equal(open_journal(dir, 4096, &other), -EBUSY);
    journal_close(j);
    assert_int_equal(open_journal(dir, 4096, &other), 0);
    journal_close(other);
}

/* A file that ends anywhere, or is nothing from anywhere on: the records before that. And goes on from there. */
static void test_torn_anywhere(void **unused)
{
    struct journal *j;
    struct bytes whole = { 0 };
    uint64_t last = 0, total;
    (void)unused;
    assert_int_equal(open_journal(dir, 2048, &j), 0);
    for (int i = 0; i < 25; i++)
        assert_int_equal(append(j), 0);
    total = s.count;
    journal_close(j);
    read_all(file("journal.0"), &whole);
    for (int zeroed = 0; zeroed < 2; zeroed++) {
        last = 0;
        for (size_t cut = 48; cut <= whole.size; cut++) {
            static uint8_t torn[1 << 16];
            memcpy(torn, whole.data, whole.size);
            memset(torn + cut, zeroed ? 0 : 0xa5, whole.size - cut);
            write_all(file("journal.0"), torn, zeroed ? whole.size : cut);
            assert_int_equal(open_journal(dir, 2048, &j), 0);
            assert_true(s.count >= last && s.count <= total);
            last = s.count;
            for (int i = 0; i < 3; i++)
                assert_int_equal(append(j), 0);
            uint64_t now = s.count;
            journal_close(j);
            assert_int_equal(open_journal(dir, 2048, &j), 0);
            assert_int_equal(s.count, now);
            assert_string_equal(s.told, "");
            journal_close(j);
            dirs_remove(dir);
            mkdir(dir, 0700);
        }
        assert_int_equal(last, total);
    }
    bytes_done(&whole);
}

/* Any byte of the snapshot is wrong, or it ends anywhere: it is set aside, and said. Of the journal: a prefix, and it is said that it is one. */
static void test_damaged_anywhere(void **unused)
{
    struct journal *j;
    struct bytes snapshot = { 0 }, journal = { 0 };
    uint64_t seed = seed_of_test();
    (void)unused;
    assert_int_equal(open_journal(dir, 2048, &j), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(append(j), 0);
    assert_int_equal(journal_snapshot(j), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(append(j), 0);
    journal_set_mark(j, 1234567);
    journal_close(j);
    read_all(file("snapshot"), &snapshot);
    read_all(file("journal.1"), &journal);
    for (size_t i = 0; i < 2000; i++) {
        struct bytes *hurt = i < snapshot.size ? &snapshot : &journal;
        size_t at = i < snapshot.size ? i : i - snapshot.size < 56 ? i - snapshot.size : random_next(&seed) % journal.size;
        uint8_t bit = (uint8_t)(1 << random_next(&seed) % 8);
        hurt->data[at] ^= bit;
        write_all(file("snapshot"), snapshot.data, snapshot.size);
        write_all(file("journal.1"), journal.data, journal.size);
        assert_int_equal(open_journal(dir, 2048, &j), 0);
        if (hurt == &snapshot)
            assert_true(s.count == 0 && strstr(s.told, "snapshot is damaged"));
        else
            assert_true(s.count >= 10 && s.count <= 20 && (journal_mark(j) == 1234567 || journal_mark(j) == 0));
        if (hurt == &journal && at >= HEAD_SIZE && s.count < 20)
            assert_non_null(strstr(s.told, "journal.1 has a damaged record"));
        assert_int_equal(append(j), 0);
        journal_close(j);
        hurt->data[at] ^= bit;
        dirs_remove(dir);
        mkdir(dir, 0700);
    }
    for (size_t cut = 0; cut < snapshot.size; cut++) {
        write_all(file("snapshot"), snapshot.data, cut);
        write_all(file("journal.1"), journal.data, journal.size);
        assert_int_equal(open_journal(dir, 2048, &j), 0);
        assert_true(s.count == 0 && strstr(s.told, "snapshot is damaged"));
        journal_close(j);
        dirs_remove(dir);
        mkdir(dir, 0700);
    }
    bytes_done(&snapshot);
    bytes_done(&journal);
}

/* Killed between the steps of a snapshot: the new journal is made, the snapshot beside the old one is
 * written in part or whole, it is renamed, the old journal is removed. */
static void test_killed_within_a_snapshot(void **unused)
{
    struct journal *j;
    struct bytes old_snapshot = { 0 }, old_journal = { 0 }, new_snapshot = { 0 }, new_journal = { 0 };
    (void)unused;
    assert_int_equal(open_journal(dir, 2048, &j), 0);
    for (int i = 0; i < 10; i++)
        append(j);
    assert_int_equal(journal_snapshot(j), 0);
    for (int i = 0; i < 10; i++)
        append(j);
    journal_set_mark(j, 20);
    journal_close(j);
    read_all(file("snapshot"), &old_snapshot);
    read_all(file("journal.1"), &old_journal);
    assert_int_equal(open_journal(dir, 2048, &j), 0);
    assert_int_equal(journal_snapshot(j), 0);
    journal_close(j);
    read_all(file("snapshot"), &new_snapshot);
    read_all(file("journal.2"), &new_journal);
    for (int step = 0; step < 5; step++) {
        dirs_remove(dir);
        mkdir(dir, 0700);
        write_all(file("snapshot"), step < 4 ? old_snapshot.data : new_snapshot.data, step < 4 ? old_snapshot.size : new_snapshot.size);
        write_all(file("journal.1"), old_journal.data, old_journal.size);
        write_all(file("journal.2"), new_journal.data, step == 0 ? 0 : step == 1 ? 100 : new_journal.size);
        if (step >= 2 && step < 4)
            write_all(file("snapshot.new"), new_snapshot.data, step == 2 ? new_snapshot.size / 2 : new_snapshot.size);
        assert_int_equal(open_journal(dir, 2048, &j), 0);
        assert_int_equal(s.count, 20);
        assert_int_equal(journal_mark(j), 20);
        assert_string_equal(s.told, "");
        for (int i = 0; i < 100; i++) /* through some more snapshots */
            assert_int_equal(append(j), 0);
        journal_close(j);
        assert_int_equal(open_journal(dir, 2048, &j), 0);
        assert_int_equal(s.count, 120);
        journal_close(j);
        assert_int_equal(access(file("journal.1"), F_OK), -1);
    }
    bytes_done(&old_snapshot);
    bytes_done(&old_journal);
    bytes_done(&new_snapshot);
    bytes_done(&new_journal);
}

/* No room for the next snapshot: the record is refused, nothing is lost, and it goes on once there is room. */
static void test_no_room(void **unused)
{
    struct journal *j;
    struct rlimit before, none = { 64, 64 };
    (void)unused;
    assert_int_equal(open_journal(dir, 2048, &j), 0);
    getrlimit(RLIMIT_FSIZE, &before);
    none.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    int r;
    while ((r = append(j)) == 0)
        ;
    uint64_t full = s.count;
    assert_int_equal(r, -EFBIG);
    assert_int_equal(append(j), -EFBIG);
    assert_int_equal(access(file("journal.1"), F_OK), -1); /* it left nothing */
    setrlimit(RLIMIT_FSIZE, &before);
    journal_close(j);
    assert_int_equal(open_journal(dir, 2048, &j), 0);
    assert_int_equal(s.count, full);
    for (int i = 0; i < 100; i++)
        assert_int_equal(append(j), 0);
    journal_close(j);
}

/* One that is longer than the whole journal is refused, not written beyond it. */
static void test_a_record_that_never_fits(void **unused)
{
    static uint8_t record[3 << 20];
    struct journal *j;
    (void)unused;
    assert_int_equal(open_journal(dir, 2048, &j), 0);
    assert_int_equal(append(j), 0);
    assert_int_equal(journal_append(j, record, 8192), -EMSGSIZE);
    assert_int_equal(journal_append(j, record, sizeof(record)), -EMSGSIZE);
    assert_int_equal(append(j), 0);
    journal_close(j);
    assert_int_equal(open_journal(dir, 2048, &j), 0);
    assert_int_equal(s.count, 2);
    journal_close(j);
}

static void test_a_state_that_is_refused(void **unused)
{
    struct journal *j;
    (void)unused;
    assert_int_equal(open_journal(dir, 2048, &j), 0);
    append(j);
    assert_int_equal(journal_snapshot(j), 0);
    append(j);
    journal_close(j);
    s.refuse = true;
    assert_int_equal(open_journal(dir, 2048, &j), 0);
    assert_int_equal(s.count, 0);
    assert_false(journal_recovered(j));
    assert_non_null(strstr(s.told, "snapshot is damaged, or of another version: set aside as *.bad; starting fresh"));
    assert_int_equal(access(file("snapshot.bad"), F_OK), 0);
    journal_close(j);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_written_is_there), TEST(test_one_at_a_time), TEST(test_torn_anywhere), TEST(test_damaged_anywhere),
        TEST(test_what_it_was_made_under),
        TEST(test_killed_within_a_snapshot), TEST(test_no_room), TEST(test_a_record_that_never_fits), TEST(test_a_state_that_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
