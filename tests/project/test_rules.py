"""Every rule of docs/rules.md has a test that names it."""

import itertools
import subprocess
import sys


def test_no_rule_is_without_a_test_and_no_test_names_another() -> None:
    found = subprocess.run([sys.executable, "scripts/rules.py"], capture_output=True, text=True)
    missing = [line for line in found.stdout.splitlines() if " names " in line]
    lines = found.stdout.splitlines()
    missing += [rule for rule, test in itertools.pairwise(lines) if test.strip() == "NO TEST"]
    assert (found.returncode, missing) == (0, [])
