"""Check that a tag is the version to release: ``python .ci/tag.py v0.1.0``.

The version stands in Cargo.toml. Its changelog must have a date, and CITATION.cff the same version.
"""

import re
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def faults(tag: str, repository: Path = REPOSITORY) -> list[str]:
    """Return what keeps the tag from being released, one sentence each."""
    version = tomllib.loads((repository / "Cargo.toml").read_text())["package"]["version"]
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, and Cargo.toml has {version}: expected v{version}")
    changelog = (repository / "CHANGELOG.md").read_text()
    if not re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}$", changelog, re.MULTILINE
    ):
        found.append(
            f"CHANGELOG.md has no date for {version}: expected ## [{version}] - YYYY-MM-DD"
        )
    citation = (repository / "CITATION.cff").read_text()
    if not re.search(rf"^version: {re.escape(version)}$", citation, re.MULTILINE):
        found.append(f"CITATION.cff is of another version: expected version: {version}")
    return found


def main() -> None:
    """Print each fault, and fail if there is one."""
    match sys.argv[1:]:
        case [tag]:
            found = faults(tag)
        case _:
            raise SystemExit("usage: python .ci/tag.py TAG")
    for fault in found:
        print(fault, file=sys.stderr)
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
