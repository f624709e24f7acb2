"""The environment is read in one place, each variable has one meaning, and what cannot be read opens nothing."""

from __future__ import annotations

import ast
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cnnviz import settings
from cnnviz.models import weights
from cnnviz.options import RequestError
from cnnviz.ui.server import startup

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "cnnviz").rglob("*.py"))]
NAMES = {setting.name for setting in settings.SETTINGS}
FOLDERS = {"CNNVIZ_RUNS": settings.runs, "CNNVIZ_CACHE": settings.cache, "CNNVIZ_DATA": settings.data}


def of_os(path: Path) -> set[str]:
    """What a module takes of `os` by name, be it as an attribute or by an import."""
    nodes = [*ast.walk(ast.parse(path.read_text()))]
    named = {n.attr for n in nodes if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "os"}
    return named | {a.name for n in nodes if isinstance(n, ast.ImportFrom) and n.module == "os" for a in n.names}


def written() -> dict[str, tuple[str, str]]:
    """The table of variables as people read it: name -> what for and default, without the marks of code."""
    row = re.compile(r"^\| *`(CNNVIZ_\w+)` *\|([^|]*)\|([^|]*)\| *$", re.M)
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "docs").rglob("*.rst"))]
    tables = [found for page in pages if (found := row.findall(page.read_text(encoding="utf-8")))]
    assert len(tables) == 1, "the table stands in one place"
    assert len({name for name, *_ in tables[0]}) == len(tables[0]), "a variable has one row"
    return {name: (what.replace("`", "").strip(), rest.replace("`", "").strip()) for name, what, rest in tables[0]}


def test_nothing_else_reads_the_environment():
    readers = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    assert of_os(ROOT / "cnnviz" / "settings.py") & readers
    others = [path for path in SOURCES if path != ROOT / "cnnviz" / "settings.py"]
    assert [path.name for path in others if of_os(path) & readers] == []


def test_the_names_in_code_and_sentences_are_those_of_the_table():
    used = {name for path in SOURCES for name in re.findall(r"\bCNNVIZ_[A-Z_]+\b", path.read_text())}
    assert used == NAMES
    assert len(NAMES) == len(settings.SETTINGS)


def test_the_table_that_people_read_has_the_same_rows():
    table = written()
    assert set(table) == NAMES
    for setting in settings.SETTINGS:
        what, rest = table[setting.name]
        assert what == setting.sentence
        assert rest.partition(",")[0] == (setting.default or "none"), setting.name


def test_settings_cost_no_import_of_torch_or_streamlit():
    code = "import sys, cnnviz.settings; print(*({'torch', 'streamlit', 'numpy'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert ran.stdout.strip() == ""


@pytest.mark.parametrize("text", ["1", "true", "TRUE", "Yes", "on", " on "])
def test_a_flag_says_yes_in_any_case(monkeypatch, text):
    monkeypatch.setenv("CNNVIZ_PUBLIC", text)
    assert settings.public()
    assert startup.public()


@pytest.mark.parametrize("text", ["0", "false", "False", "NO", "off", "", "  "])
def test_a_flag_says_no_in_any_case(monkeypatch, text):
    monkeypatch.setenv("CNNVIZ_PUBLIC", text)
    assert not settings.public()
    assert not startup.public()


def test_a_flag_that_is_not_set_is_off(monkeypatch):
    monkeypatch.delenv("CNNVIZ_PUBLIC", raising=False)
    assert not startup.public()


@pytest.mark.parametrize("text", ["maybe", "2", "y", "none", "1 1"])
def test_a_flag_that_cannot_be_read_is_refused_by_its_name_and_opens_nothing(monkeypatch, text):
    monkeypatch.setenv("CNNVIZ_PUBLIC", text)
    for ask in (settings.public, settings.check):
        with pytest.raises(settings.SettingError, match=f"CNNVIZ_PUBLIC is '{text}'"):
            ask()
    assert startup.public()


def test_a_server_with_a_flag_that_cannot_be_read_says_so_and_loads_no_engine(monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "maybe")
    start = startup.Start()
    with pytest.raises(RequestError, match="CNNVIZ_PUBLIC is 'maybe'"):
        start.engine(60)
    assert start.loaded() is None


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_read_when_it_is_asked_for_and_empty_means_the_default(name, monkeypatch, tmp_path):
    read, default = FOLDERS[name], Path(settings.default(name)).expanduser()
    for text, folder in ((str(tmp_path), tmp_path), ("~/there", Path.home() / "there"), ("", default)):
        monkeypatch.setenv(name, text)
        assert read() == folder
    monkeypatch.delenv(name)
    assert read() == default


def test_what_is_given_goes_before_what_is_set(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path / "set"))
    monkeypatch.setenv("CNNVIZ_WEIGHTS", str(tmp_path / "set"))
    monkeypatch.setenv("CNNVIZ_DEVICE", "cuda:1")
    assert settings.runs(tmp_path / "given") == tmp_path / "given"
    assert settings.weights(str(tmp_path / "given")) == tmp_path / "given"
    assert settings.device("cpu") == "cpu"
    assert settings.device() == "cuda:1"


def test_weights_are_named_or_none_and_lie_by_default_where_the_table_says(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNVIZ_WEIGHTS", "")
    monkeypatch.chdir(tmp_path)
    assert settings.weights() is None
    (tmp_path / settings.default("CNNVIZ_WEIGHTS")).mkdir()
    assert weights.folder(None) == Path(settings.default("CNNVIZ_WEIGHTS"))


def test_the_device_is_automatic_where_the_variable_is_empty_or_absent(monkeypatch):
    monkeypatch.setenv("CNNVIZ_DEVICE", "")
    assert settings.device() == "auto"
    monkeypatch.delenv("CNNVIZ_DEVICE")
    assert settings.device() == "auto"


def test_what_is_put_reaches_this_process_and_those_it_starts_and_other_names_do_not(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNVIZ_RUN", "before")
    settings.put("CNNVIZ_RUN", str(tmp_path))
    assert settings.run() == tmp_path
    assert settings.environment(tmp_path)["CNNVIZ_RUN"] == str(tmp_path)
    with pytest.raises(KeyError):
        settings.put("CNNVIZ_RUNN", "x")


def test_a_process_to_be_started_finds_the_package_and_what_python_found_before(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", "before")
    assert settings.environment(tmp_path)["PYTHONPATH"].split(os.pathsep) == [str(tmp_path), "before"]
    monkeypatch.delenv("PYTHONPATH")
    assert settings.environment(tmp_path)["PYTHONPATH"] == str(tmp_path)


def test_ray_reports_nothing_unless_a_person_wants_it(monkeypatch):
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    settings.quiet_ray()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] == "1"
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")


def test_the_first_process_of_a_training_is_number_0(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert settings.rank() == 0
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert settings.rank() == 3
    monkeypatch.delenv("LOCAL_RANK")
    for name in ("NODE_RANK", "GROUP_RANK"):
        monkeypatch.setenv(name, "1")
        assert settings.rank() > 0  # the first process of another machine
        monkeypatch.setenv(name, "0")
        assert settings.rank() == 0


def test_the_hubs_downloads_lie_where_the_hub_itself_says(monkeypatch, tmp_path):
    pytest.importorskip("huggingface_hub")
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    names = ("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name in names:
        monkeypatch.setenv(name, str(tmp_path / name))
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        assert settings.hub_cache() == Path(said)


def test_a_user_of_whom_the_system_knows_nothing_has_no_home_and_all_commands(monkeypatch, capsys):
    from cnnviz.cli.main import main

    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("HOME", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME", "CNNVIZ_CACHE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError):
        Path("~").expanduser()
    assert main(["models"]) == 0
    assert "bundled/cats_dogs" in capsys.readouterr().out
    assert settings.cache() == Path("/.cache/cnnviz")
    monkeypatch.setenv("HOME", "/mine")
    settings.give_home()
    assert os.environ["HOME"] == "/mine"


def test_torchs_downloads_lie_where_torch_itself_says(monkeypatch, tmp_path):
    from torch import hub

    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv("TORCH_HOME", raising=False)
        monkeypatch.setenv(name, str(tmp_path / name))
        assert settings.torch_home() / "hub" == Path(hub.get_dir())


ASLEEP = """
import os, sys
from cnnviz.cli.main import main
assert "torch" not in sys.modules
main(["models", "--json"])
import torch
torch.ones(4).sum()
print(os.environ.get("OMP_WAIT_POLICY"), file=sys.stderr)
"""


@pytest.mark.parametrize(("own", "wanted"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_threads_that_wait_sleep_unless_a_person_wants_it_otherwise(own, wanted, tmp_path):
    clean = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")}
    environment = clean | own | {"OMP_DISPLAY_ENV": "TRUE", "CNNVIZ_RUNS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ASLEEP], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stderr.splitlines()[-1] == wanted
    policies = re.findall(r"OMP_WAIT_POLICY = '(\w+)'", done.stderr)  # what OpenMP itself says as it is loaded
    assert policies
    assert set(policies) == {wanted}


def test_once_pytorch_is_there_nothing_is_changed_for_the_program_that_brought_it():
    import torch  # noqa: F401

    before = dict(os.environ)
    assert not settings.share_cores()
    assert dict(os.environ) == before


@pytest.mark.skipif(sys.platform == "win32", reason="has no such priorities")
def test_a_process_stands_back_with_all_that_it_starts_later():
    ask = "import os, sys; sys.stdin.readline(); print(os.getpriority(os.PRIO_PROCESS, 0))"
    inner = f"import subprocess, sys; sys.stdin.readline(); subprocess.run([sys.executable, '-c', {ask!r}], input=b'x')"
    with subprocess.Popen([sys.executable, "-c", inner], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert settings.stand_back(process.pid)
        told, _ = process.communicate(b"go\n", timeout=60)
    assert int(told) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + settings.BEHIND)
    assert not settings.stand_back(process.pid)


FREED = """
import resource
import numpy as np
from cnnviz import settings
kept = settings.keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(6_000_000)  # 48 MB, freed at once: 11,719 pages of 4 KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
first, *again = [faults() for _ in range(6)]
print(kept, first, max(again))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no such thresholds")
@pytest.mark.parametrize("own", [{}, {"MALLOC_MMAP_THRESHOLD_": "65536"}])
def test_a_process_that_trains_uses_freed_memory_again_unless_a_person_wants_it_otherwise(own):
    names = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", FREED], cwd=ROOT, env=clean | own, capture_output=True, text=True, timeout=120
    )
    kept, first, again = done.stdout.split()
    assert kept == str(not own)
    assert (int(again) < int(first) / 10) is (not own)
