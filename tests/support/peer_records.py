"""What other libraries computed, recorded in a file that tests read.

Libraries need other versions of NumPy than one another, so a script that records runs once in an
environment of each, and keeps what the others recorded.
"""

import importlib.util
import json
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from types import ModuleType

Calls = Mapping[str, tuple[str, Callable[[], object]]]
"""By name: the distribution of the library, and the call."""


def loaded(script: Path) -> ModuleType:
    """Return the module of a script that records."""
    spec = importlib.util.spec_from_file_location(f"{script.stem}_of_peers", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def licence_of(library: str) -> str:
    """Return the licence that a distribution states."""
    found = metadata(library).json
    return str(found.get("license_expression") or found.get("license") or "none stated")


def record(file: Path, calls: Calls, *, under: str) -> None:
    """Record every call whose library is installed, and keep what was recorded of the others.

    Parameters
    ----------
    file
        The recording; made if it is not there.
    calls
        What is recorded.
    under
        The key of the results; versions and licences are under ``libraries``.

    """
    recorded = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    libraries, results = recorded.get("libraries", {}), recorded.get(under, {})
    for name, (library, call) in calls.items():
        try:
            version = metadata(library)["Version"]
        except PackageNotFoundError:
            continue
        results[name] = call()
        libraries[library] = {"version": version, "licence": licence_of(library)}
    lines = [f'  "{name}": {json.dumps(result)}' for name, result in sorted(results.items())]
    text = f'{{"libraries": {json.dumps(libraries, sort_keys=True, indent=1)},\n"{under}": {{\n'
    file.write_text(text + ",\n".join(lines) + "\n}}\n", encoding="utf-8")
