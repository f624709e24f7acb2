"""Known vulnerabilities in the packages of requirements.lock, and a bill of materials as CycloneDX.

    python tools/audit.py [SBOM.json]

Exit code 1 where a vulnerability is known. Where no advisory service can be asked, it says that nothing was audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
PATIENCE = 180  # seconds for the service


def asked() -> tuple[str, str]:
    """What pip-audit says as JSON, and what it says on standard error."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--require-hashes", "--disable-pip"]
    try:
        done = subprocess.run(
            [*command, "--format", "json", "--progress-spinner", "off"],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "", f"no answer after {PATIENCE} s"
    return done.stdout, done.stderr


def judged(said: str, trouble: str) -> tuple[int, list[str]]:
    """The exit code and what is printed, of pip-audit's answer."""
    try:
        packages: list[dict[str, Any]] = json.loads(said)["dependencies"]
    except (ValueError, KeyError, TypeError):
        why = trouble.strip().splitlines()[-1:] or ["pip-audit said nothing"]
        return 0, [f"Not audited: the advisory service could not be asked ({why[0][:200]})."]
    known = [each for each in packages if "skip_reason" not in each]
    if not known:
        return 0, ["Not audited: the registry in use has no advisories."]
    lines = [
        f"{each['name']} {each['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'no version'}"
        for each in known
        for flaw in each["vulns"]
    ]
    left = [each["name"] for each in packages if "skip_reason" in each]
    told = [f"Not audited, as the registry has no advisories for them: {', '.join(left)}."] if left else []
    return int(bool(lines)), [*(lines or [f"No vulnerability is known in {len(known)} packages."]), *told]


def materials(path: Path) -> None:
    """Writes the bill of materials of the lock file."""
    project = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--output-file", str(path)]
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(LOCK), *project]
    subprocess.run(command, check=True)


def main(given: list[str]) -> int:
    """Both; the exit code."""
    if given:
        materials(Path(given[0]))
        print(f"{given[0]}: the bill of materials")
    code, lines = judged(*asked())
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
