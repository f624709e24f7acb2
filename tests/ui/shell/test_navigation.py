"""The frame around the pages imports nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"torch", "torchvision", "cv2", "pandas", "scipy", "skimage", "lightning"}


def test_the_shell_imports_nothing_heavy_so_that_it_paints_first():
    code = "import sys, json, cnnviz.ui.shell.navigation; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert HEAVY & set(json.loads(done.stdout.splitlines()[-1])) == set()
