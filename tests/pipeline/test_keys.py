#!/usr/bin/python3
"""Keys as a user meets them: keygen, what is refused without keys, and another program's CURVE at the other end."""
import os
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import zmq  # noqa: E402
import zmq.auth  # noqa: E402
from zmq.auth.thread import ThreadAuthenticator  # noqa: E402


class Keys(foretrace.Case):
    def mode(self, name):
        return stat.S_IMODE(os.stat(self.path(name)).st_mode)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def keygen(self, *args):
        done = foretrace.run("keygen", *args, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_keygen(self):
        done = foretrace.run("keygen", "--output", self.dir, "web1")
        self.assertEqual((self.mode("web1.key"), self.mode("web1.pub")), (0o600, 0o644))
        for name in ("web1.key", "web1.pub"):
            self.assertIn(self.path(name), done.stdout)
        self.assertLessEqual(len(done.stdout.splitlines()), 4)
        public, secret = zmq.auth.load_certificate(self.path("web1.key"))
        self.assertEqual(zmq.curve_public(secret), public)
        self.assertEqual(zmq.auth.load_certificate(self.path("web1.pub")), (public, None))
        self.assertNotIn(secret.decode(), done.stdout)
        foretrace.run("keygen", "here", cwd=self.dir)
        self.assertEqual((self.mode("here.key"), self.mode("here.pub")), (0o600, 0o644))

    def test_keygen_mistakes(self):
        self.assertEqual(self.keygen("-o", self.dir, "a")[0], 0)
        before = self.read("a.key")
        for args, status, error in (
                (("-o", self.dir, "a"), 1, "a.pub is there already, and is left as it is"),
                (("-o", self.path("none"), "a"), 1, "none/a.pub: No such file or directory"),
                ((), 2, "keygen takes one NAME"),
                (("a", "b"), 2, "keygen takes one NAME"),
                (("../a",), 2, "'../a' is no name"),
                ((".hidden",), 2, "is no name"),
                (("a b",), 2, "is no name"),
                (("x" * 60,), 2, "is no name"),
                (("-o", "d" * 5000, "a"), 2, "--output: the path is too long")):
            with self.subTest(args=args):
                got, _, said = self.keygen(*args)
                self.assertEqual(got, status)
                self.assertIn(error, said)
        self.assertEqual(self.read("a.key"), before)

    def test_nothing_beyond_this_machine_without_keys(self):
        trace = self.trace("idle")
        done = foretrace.run("replay", "--publish", "tcp://0.0.0.0:*", "--format", "none", trace, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("sink 'publish': tcp://0.0.0.0:* can be reached by other machines and so needs keys", done.stderr)
        self.assertIn("foretrace keygen", done.stderr)
        done = foretrace.run("subscribe", "--timeout", "1", "tcp://192.0.2.1:5599", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("beyond this machine: that needs keys", done.stderr)

    def test_published_with_keys(self):
        self.keygen("-o", self.dir, "monitor")
        os.mkdir(self.path("allowed"), 0o755)
        secured = ("--set", "security.key=" + self.path("monitor.key"), "--set", "security.allowed=" + self.path("allowed"))
        args = ("replay", *secured, "--publish", "tcp://0.0.0.0:*", "--format", "none", self.trace("idle"))
        done = foretrace.run(*args)
        self.assertIn("nobody can connect over tcp", done.stderr)
        self.assertRegex(done.stderr, r"alerts are published at tcp://0\.0\.0\.0:[1-9][0-9]+\n")
        os.chmod(self.path("monitor.key"), 0o644)
        done = foretrace.run(*args, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("security.key: %s has mode 0644: a secret key must be closed to others (chmod 600" % self.path("monitor.key"), done.stderr)

    def test_subscribe_mistakes(self):
        self.keygen("-o", self.dir, "me")
        for args, error in ((("--key", self.path("me.key")), "--key and --server-key belong together"),
                            (("--key", self.path("me.pub"), "--server-key", self.path("me.pub")), "has mode 0644"),
                            (("--key", self.path("me.key"), "--server-key", self.path("me.key")), "holds a secret key")):
            with self.subTest(args=args):
                done = foretrace.run("subscribe", *args, "tcp://127.0.0.1:1", check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn(error, done.stderr)

    def test_subscribe_to_another_programs_curve(self):
        """pyzmq's server, pyzmq's reading of our files, and pyzmq's authenticator: foretrace subscribe is let in."""
        for name in ("server", "me", "stranger"):
            self.keygen("-o", self.dir, name)
        os.mkdir(self.path("allowed"), 0o755)
        os.link(self.path("me.pub"), self.path("allowed/me.key"))  # pyzmq's directories hold *.key
        context = zmq.Context()
        authenticator = ThreadAuthenticator(context)
        authenticator.start()
        self.addCleanup(context.destroy, 0)
        self.addCleanup(authenticator.stop)
        authenticator.configure_curve(domain="*", location=self.path("allowed"))
        server = context.socket(zmq.XPUB)
        server.curve_publickey, server.curve_secretkey = zmq.auth.load_certificate(self.path("server.key"))
        server.curve_server = True
        self.addCleanup(server.close, 0)
        port = server.bind_to_random_port("tcp://127.0.0.1")

        def subscribed(name):
            process = subprocess.Popen([foretrace.PROGRAM, "subscribe", "--key", self.path(name + ".key"),
                                        "--server-key", self.path("server.pub"), "tcp://127.0.0.1:%d" % port],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                return bool(server.poll(60000 if name == "me" else 1500)) and server.recv() == b"\x01"
            finally:
                process.kill()
                process.wait(10)

        self.assertFalse(subscribed("stranger"))
        self.assertTrue(subscribed("me"))


if __name__ == "__main__":
    foretrace.main()
