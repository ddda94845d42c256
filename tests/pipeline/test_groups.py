#!/usr/bin/python3
"""Groups of series on a recorded trace: an alert about the group, which names members, the same in every replay."""
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402

CONFIG = """
window: 20ms
groups:
  - name: machine
    series: "rate.*"
    members: %d
    period: 20ms
    shift: { warmup: 50 }
    envelope: { warmup: 100 }
"""


class Groups(foretrace.Case):
    def replay_text(self, members):
        done = foretrace.run("replay", "--config", self.config(CONFIG % members), "--publish", "none", "--format", "json", self.trace("slowdisk"))
        return done.stdout, done.stderr

    def test_alerts_about_a_group(self):
        out, err = self.replay_text(256)
        self.assertNotIn("had no place in a group", err)
        alerts = [json.loads(line) for line in out.splitlines()]
        alerts = [a for a in alerts if a["analysis"] == "group"]
        self.assertTrue(alerts)
        for a in alerts:
            self.assertEqual((a["metric"], a["statistic"], a["labels"], a["value"]), ("machine", "", {}, None))
            self.assertRegex(a["detail"], r"^rate\.events\.rate\{event=\w+\} \(\d+ %\)")
            self.assertIn("group.machine moved, most of all rate.events.rate{", a["summary"])
            self.assertTrue(set(a["detectors"]) <= {"shift", "envelope"}, a["detectors"])
        self.assertEqual(self.replay_text(256)[0], out)

    def test_bounded(self):
        _, err = self.replay_text(10)
        self.assertTrue(re.search(r"warning: \d+ series had no place in a group", err), err)

    def test_mistakes_are_named(self):
        for text, message in (("groups:\n  - series: '*'\n    envelope: {}\n", "name"),
                              ("groups:\n  - name: a\n    series: '*'\n", "no detector is given for 'a'"),
                              ("groups:\n  - name: a\n    series: '*'\n    zscore: {}\n", "watches single series"),
                              ("groups:\n  - {name: a, series: '*', shift: {}}\n  - {name: a, series: 'b*', shift: {}}\n", "two named 'a'"),
                              ("detectors:\n  - series: '*'\n    envelope: {}\n", "groups")):
            done = foretrace.run("check", self.config(text), check=False)
            self.assertNotEqual(done.returncode, 0, text)
            self.assertIn(message, done.stderr, text)
            self.assertIn("config.yaml:", done.stderr)


if __name__ == "__main__":
    unittest.main()
