"""Which test holds which rule of docs/rules.md; exit code 1 when a rule has none or a test names one that is not there.

python scripts/rules.py
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RULE = re.compile(r"R-[A-Z]+\d+")


def rules() -> list[str]:
    """Every rule in the order of the document."""
    return re.findall(rf"^\| ({RULE.pattern}) \|", (ROOT / "docs" / "rules.md").read_text(), re.MULTILINE)


def named() -> Iterator[tuple[str, str]]:
    """Each rule that the docstring of a test names, with the test. A module's docstring speaks for its tests."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        module = ast.parse(path.read_text())
        tests = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
        tests = [test for test in tests if test.name.startswith("test_")]
        place = str(path.relative_to(ROOT))
        for test in tests:
            for rule in RULE.findall(ast.get_docstring(test) or ""):
                yield rule, f"{place}::{test.name}"
        for rule in RULE.findall(ast.get_docstring(module) or "") if tests else ():
            yield rule, place


def main() -> int:
    tests: dict[str, list[str]] = {rule: [] for rule in rules()}
    unknown = []
    for rule, test in named():
        tests[rule].append(test) if rule in tests else unknown.append(f"{test} names {rule}")
    for rule, holders in tests.items():
        print(rule, *(holders or ["NO TEST"]), sep="\n    ")
    for line in unknown:
        print(line)
    return 1 if unknown or not all(tests.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
