#!/usr/bin/python3
"""libforetrace as it is installed: found by pkg-config, used from C++ and C, exports nothing but its own."""
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402

PROGRAM = r"""
#include <foretrace.h>
#include <cstdio>
int main(int, char **argv)
{
    foretrace_options *options = foretrace_options_new();
    foretrace_options_add_analysis(options, "re*");
    foretrace_subscriber *s = nullptr;
    const foretrace_alert *a = nullptr;
    char why[256];
    if (foretrace_connect(argv[1], options, &s, why, sizeof why) < 0 || foretrace_fd(s) < 0)
        return std::fprintf(stderr, "%s\n", why), 1;
    foretrace_options_free(options);
    while (foretrace_next(s, 10000, &a) == 1 && a->state == FORETRACE_FIRING)
        std::printf("%s %s %d %s\n", foretrace_severity_name(a->severity), a->labels[0].value, int(a->origin), a->summary);
    std::printf("%s\n", a ? foretrace_alert_json(a) : "nothing");
    foretrace_close(s);
}
"""


def message(sequence, **fields):
    import msgpack
    body = {"state": "firing", "kind": "anomaly", "severity": "warning", "analysis": "request", "labels": {"op": "x"}, "summary": "it is slow"}
    return msgpack.packb([1, 9, 5, sequence, {**body, **fields}])


class Publisher(threading.Thread):
    """One alert is firing; one comes that is not asked for, then one that is over."""
    def __init__(self, endpoint):
        import zmq
        super().__init__()
        context = zmq.Context()
        self.pub, self.router, self.over = context.socket(zmq.PUB), context.socket(zmq.ROUTER), threading.Event()
        self.pub.linger = self.router.linger = 0
        self.pub.bind(endpoint)
        self.router.bind(endpoint + ".replay")

    def run(self):
        import msgpack
        while not self.over.is_set():
            if self.router.poll(20):
                who, request = self.router.recv_multipart()
                self.router.send_multipart([who, message(1)])
                self.router.send_multipart([who, msgpack.packb([1, 6, 5, 1, {"request": msgpack.unpackb(request)[3], "newest": 1, "next": 0}])])
            self.pub.send_multipart([b"alert.warning.disk", message(2, analysis="disk")])
            self.pub.send_multipart([b"alert.warning.request", message(3, state="resolved")])


class Library(foretrace.Case):
    def setUp(self):
        super().setUp()
        self.prefix = self.path("prefix")
        done = subprocess.run([os.environ["CMAKE"], "--install", os.environ["BUILD"], "--prefix", self.prefix], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.library = next(os.path.join(folder, name) for folder, _, names in os.walk(self.prefix) for name in names if name == "libforetrace.so")
        self.environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(os.path.dirname(self.library), "pkgconfig"),
                            "LD_LIBRARY_PATH": os.path.dirname(self.library)}

    def build(self, compiler, source):
        flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "foretrace"], env=self.environment, text=True).split()
        self.assertIn("-lforetrace", flags)
        self.assertEqual(len(flags), 3, "a program needs nothing but the library: %s" % flags)
        done = subprocess.run([*compiler, "-Wall", "-Wextra", "-Werror", "-pedantic", source, *flags, "-o", self.path("program")], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_installed_files(self):
        for name in ("bin/foretrace", "include/foretrace.h", "share/man/man3/libforetrace.3", "share/man/man1/foretrace.1"):
            self.assertTrue(os.path.isfile(os.path.join(self.prefix, name)), name)
        self.assertTrue(os.path.exists(os.path.join(os.path.dirname(self.library), "cmake", "foretrace", "foretrace-config.cmake")))
        self.assertTrue(os.path.exists(self.library + ".0"))

    def test_exports(self):
        lines = subprocess.check_output(["nm", "-D", "--defined-only", self.library], text=True).splitlines()
        names = [line.split()[-1] for line in lines if line.split()[1] != "A"]
        self.assertGreater(len(names), 20)
        self.assertEqual([n for n in names if not (n.startswith("foretrace_") and n.endswith("@@FORETRACE_0.1"))], [])

    def test_from_cplusplus(self):
        with open(self.path("program.cc"), "w") as file:
            file.write(PROGRAM)
        self.build(["g++", "-std=c++11"], self.path("program.cc"))
        endpoint = "ipc://" + self.path("alerts")
        publisher = Publisher(endpoint)
        publisher.start()
        self.addCleanup(publisher.join, 10)
        self.addCleanup(publisher.over.set)
        done = subprocess.run([self.path("program"), endpoint], env=self.environment, stdout=subprocess.PIPE, text=True, timeout=30)
        lines = done.stdout.splitlines()
        self.assertEqual((done.returncode, lines[:1]), (0, ["warning x 1 it is slow"]))
        self.assertEqual(len(lines), 2)
        self.assertIn('"state":"resolved"', lines[1])

    def test_the_example(self):
        self.build(["gcc", "-std=c11"], os.path.join(foretrace.ROOT, "examples", "subscribe.c"))
        done = subprocess.run([self.path("program"), "nowhere"], env=self.environment, stderr=subprocess.PIPE, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr), (1, "'nowhere' is no endpoint: expected ipc://PATH or tcp://HOST:PORT\n"))

    def test_from_cmake(self):
        with open(self.path("CMakeLists.txt"), "w") as file:
            file.write("cmake_minimum_required(VERSION 3.22)\nproject(p C)\nfind_package(foretrace REQUIRED)\n"
                       "add_executable(p %s)\ntarget_link_libraries(p foretrace::foretrace)\n" % os.path.join(foretrace.ROOT, "examples", "subscribe.c"))
        for command in (["-S", self.dir, "-B", self.path("b"), "-DCMAKE_PREFIX_PATH=" + self.prefix], ["--build", self.path("b")]):
            done = subprocess.run([os.environ["CMAKE"], *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    if foretrace.SANITIZED:
        sys.exit(foretrace.SKIPPED)     # what is installed then is not for programs built without
    foretrace.main()
