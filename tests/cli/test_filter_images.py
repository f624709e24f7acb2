"""Filter images from the command line."""

from __future__ import annotations


def test_the_command_line_grows_writes_and_remembers(tmp_path, capsys):
    from cnnviz.cli.main import main

    wanted = ["filters", "--model", "lecture/mnist_gap", "--layer", "conv2", "--channels", "random:3", "--steps", "3"]
    assert main([*wanted, "--out", str(tmp_path / "one")]) == 0
    assert "3 filters of 28 px" in capsys.readouterr().out
    assert len(list((tmp_path / "one").glob("conv2_*.png"))) == 4
    assert main([*wanted, "--out", str(tmp_path / "two")]) == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert main([*wanted[:4], "conv2", "--channels", "99", "--out", str(tmp_path)]) == 2
    assert "channels 0 to 63" in capsys.readouterr().err
    assert main([*wanted[:4], "conv2", "--channels", "top:3", "--out", str(tmp_path)]) == 2
    assert "photo" in capsys.readouterr().err


def test_the_whole_net_is_one_command(tmp_path, capsys):
    from cnnviz.cli.main import main

    wanted = ["filters", "--model", "lecture/mnist_base", "--layer", "all", "--steps", "1", "--focus", "0"]
    assert main([*wanted, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert [line.split(":")[0] for line in out.splitlines()] == ["conv1", "conv2", "conv3"]
    assert "64 filters" in out
