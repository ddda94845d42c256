#include "collector/program.h"
#include "base/text.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <lttng/lttng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *word, *library;
} libraries[] = {
    { "libc", "liblttng-ust-libc-wrapper.so" }, { "pthread", "liblttng-ust-pthread-wrapper.so" },
    { "fork", "liblttng-ust-fork.so" },         { "fd", "liblttng-ust-fd.so" },
    { "dl", "liblttng-ust-dl.so" },             { "function", "liblttng-ust-cyg-profile.so" },
};

static bool exists_in(const char *dir, size_t size, const char *library, char path[PATH_MAX])
{
    static const char *const versions[] = { ".1", "", ".0" };
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        int n = snprintf(path, PATH_MAX, "%.*s/%s%s", (int)size, dir, library, versions[i]);
        if (n > 0 && n < PATH_MAX && access(path, R_OK) == 0)
            return true;
    }
    return false;
}

/* Beside liblttng-ctl, in LD_LIBRARY_PATH, or in one of the usual places. */
static bool find_library(const char *library, char path[PATH_MAX])
{
    static const char *const usual[] = { "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64" };
    const char *dirs = getenv("LD_LIBRARY_PATH");
    union {
        int (*function)(void);
        void *address;
    } known = { .function = lttng_session_daemon_alive };
    Dl_info info;
    while (dirs && *dirs) {
        size_t n = strcspn(dirs, ":");
        if (n > 0 && exists_in(dirs, n, library, path))
            return true;
        dirs += n + (dirs[n] == ':');
    }
    if (dladdr(known.address, &info) && info.dli_fname && strrchr(info.dli_fname, '/') &&
        exists_in(info.dli_fname, (size_t)(strrchr(info.dli_fname, '/') - info.dli_fname), library, path))
        return true;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        if (exists_in(usual[i], strlen(usual[i]), library, path))
            return true;
    return false;
}

static int add_library(struct text_out *list, const char *word, size_t size, struct error *err)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        if (strlen(libraries[i].word) != size || memcmp(libraries[i].word, word, size) != 0)
            continue;
        if (!find_library(libraries[i].library, path))
            return error_set(err, -ENOENT, "--preload %s: %s is not installed (Debian: package liblttng-ust1)",
                             libraries[i].word, libraries[i].library);
        text_printf(list, "%s%s", list->used ? ":" : "", path);
        return 0;
    }
    return error_set(err, -EINVAL, "--preload: '%.*s' is not one of libc, pthread, fork, fd, dl, function", (int)size, word);
}

enum { COMM_MAX = 15 }; /* what the kernel keeps of a name */

static bool has_name(const char *pid, const char *name)
{
    char path[300], comm[64] = "";
    snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool read = fgets(comm, sizeof(comm), f) != NULL;
    fclose(f);
    comm[strcspn(comm, "\n")] = '\0';
    return read && strncmp(comm, name, COMM_MAX) == 0;
}

bool program_is_alive(const char *pid)
{
    char path[300], line[512], state = 'X';
    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    const char *name_end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
    fclose(f);
    return name_end && sscanf(name_end, ") %c", &state) == 1 && state != 'Z' && state != 'X';
}

int program_find(const char *name, int (*found)(void *self, int pid, struct error *err), void *self, struct error *err)
{
    DIR *proc = opendir("/proc");
    int count = 0, r = 0;
    if (!proc)
        return error_set(err, -errno, "/proc: %s", strerror(errno));
    for (struct dirent *e = readdir(proc); e && r == 0; e = readdir(proc)) {
        uint64_t pid;
        if (text_parse_u64(e->d_name, &pid) < 0 || !has_name(e->d_name, name))
            continue;
        r = found(self, (int)pid, err);
        count++;
    }
    closedir(proc);
    return r < 0 ? r : count;
}

int program_hold(struct process *p, const char *const *argv, const char *preload, struct error *err)
{
    char list[4 * PATH_MAX];
    struct text_out out = text_out_init(list, sizeof(list));
    const char *const set[] = { "LD_PRELOAD", list, NULL };
    while (preload && *preload) {
        size_t n = strcspn(preload, ",");
        int r = n > 0 ? add_library(&out, preload, n, err) : 0;
        if (r < 0)
            return r;
        preload += n + (preload[n] == ',');
    }
    const char *before = getenv("LD_PRELOAD");
    if (out.used > 0 && before && *before)
        text_printf(&out, ":%s", before);
    struct process_spec spec = { .argv = argv, .setenv = out.used > 0 ? set : NULL, .stdin_fd = -1, .stdout_fd = -1,
                                 .stderr_fd = -1, .hold = true };
    return process_spawn(p, &spec, err);
}
