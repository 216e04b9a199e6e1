"""The closing line of several runs of pytest, from their reports: as pytest's own, with the sums."""

import sys
from xml.etree import ElementTree


def closing_line(paths: list[str]) -> str:
    """What all runs together passed, failed and skipped, and in how many seconds."""
    suites = [suite for path in paths for suite in ElementTree.parse(path).getroot().iter("testsuite")]
    sums = {
        name: sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    }
    passed = sums["tests"] - sums["failures"] - sums["errors"] - sums["skipped"]
    named = {"failed": sums["failures"], "passed": passed, "skipped": sums["skipped"], "errors": sums["errors"]}
    seconds = sum(float(suite.get("time", 0)) for suite in suites)
    return ", ".join(f"{n} {name}" for name, n in named.items() if n or name == "passed") + f" in {seconds:.2f}s"


if __name__ == "__main__":
    print(closing_line(sys.argv[1:]))
