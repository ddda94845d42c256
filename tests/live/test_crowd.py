#!/usr/bin/python3
"""Twenty subscribers and three that do not read: nobody is held up, everybody gets everything."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import crowds  # noqa: E402
import foretrace  # noqa: E402
import lttng  # noqa: E402

lttng.isolate()


class Crowd(foretrace.Case):
    def test_some_never_read(self):
        result = crowds.run(self.dir, os.environ["CROWD"], os.environ["EMITTER"], 20, 14, True)
        print(crowds.told("stuck", result), result["said"])
        self.assertGreater(result["published"], 1000)
        self.assertEqual(crowds.mistakes(result), [])
        self.assertLess(result["queued"], result["published"] - 100)     # it was stuck indeed
        # The one that was stopped has it all, in order, part of it from the replay socket.
        stopped = result["stopped"]
        self.assertEqual(stopped, list(range(stopped[0], result["published"] + 1)))
        self.assertIn("were recovered", result["said"])
        self.assertNotIn("alerts were missed", result["said"])
        if not foretrace.SANITIZED:
            self.assertLess(result["rss_kib"][1] - result["rss_kib"][0], 64 << 10)


if __name__ == "__main__":
    foretrace.main()
