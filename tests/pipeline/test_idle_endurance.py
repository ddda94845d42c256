#!/usr/bin/python3
"""The idle machine for ten minutes: no alert, with windows of 1 s and of 100 ms."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402


class Endurance(foretrace.Case):
    @foretrace.unittest.skipIf(foretrace.SANITIZED, "takes minutes under a sanitizer; the same code runs elsewhere")
    def test_ten_minutes(self):
        copies = self.path("copies")
        subprocess.run([os.path.join(foretrace.HERE, "repeat_trace.py"), os.path.join(self.trace("idle"), "kernel"), copies,
                        "111", "5.47"], check=True)
        for preset in ([], ["--preset", "fast"]):
            with self.subTest(preset=preset):
                alerts, _, summary, _ = self.replay(*preset, copies, timeout=600)
                self.assertEqual(summary["events"], 111 * 22513)
                self.assertGreater(summary["last_event_ns"] - summary["first_event_ns"], 600e9)
                self.assertEqual([a["summary"] for a in alerts], [])


if __name__ == "__main__":
    foretrace.main()
