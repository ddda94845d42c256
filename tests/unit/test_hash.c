#include "base/hash.h"
#include "testing.h"

enum { KEYS = 4000 };

/* Against a plain array of truth, with deletions, for many rounds; hashes collide
 * on purpose. */
static void test_index_against_model(void **unused)
{
    (void)unused;
    uint64_t seed = 20261121;
    static bool there[KEYS];
    struct hash_index ix;
    hash_index_init(&ix, 4);
    print_message("  seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 200000; round++) {
        uint32_t key = (uint32_t)(random_next(&seed) % KEYS);
        uint64_t hash = key % 7 == 0 ? 7 : hash_mix(HASH_START, key / 3);
        bool found = false;
        uint32_t at;
        for (uint32_t s = hash_index_first(&ix, hash, &at); s != HASH_NONE; s = hash_index_next(&ix, hash, &at))
            found |= s == key;
        assert_int_equal(found, there[key]);
        if (found)
            hash_index_remove(&ix, hash, key);
        else
            hash_index_insert(&ix, hash, key);
        there[key] = !there[key];
    }
    uint32_t count = 0;
    for (int i = 0; i < KEYS; i++)
        count += there[i];
    assert_int_equal(ix.count, count);
    hash_index_done(&ix);
}

static void test_fnv(void **unused)
{
    (void)unused;
    /* Published test vectors of FNV-1a, 64 bits. */
    assert_true(hash_fnv(HASH_START, "", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(hash_fnv(HASH_START, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(hash_fnv(HASH_START, "foobar", 6) == UINT64_C(0x85944171f73967e8));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_index_against_model), cmocka_unit_test(test_fnv) };
    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
