"""Logits and features of a folder: those of evaluation and of `embed`."""

from __future__ import annotations

import numpy as np
import torch

from cnnviz.data.folder import survey
from cnnviz.runtime.evaluate import exam, results, summary
from cnnviz.runtime.folder_numbers import Features, Logits
from cnnviz.runtime.folder_work import items, run

KEY = "lecture/mnist_gap"


def test_features_are_those_of_embed(engine, circles, tmp_path):
    wanted = engine.embed(KEY, circles)
    files = items(list(wanted.paths), tmp_path / "out", circles)
    found = run(engine, Features(KEY), files, tmp_path / "out", together=7).rows.to_pylist()
    known = {row["file"]: row["features"] for row in found}
    for path, values in zip(wanted.paths, wanted.values, strict=True):
        near = known[path.relative_to(circles).as_posix()]
        np.testing.assert_allclose(near, values, atol=1e-6 * np.abs(wanted.values).max())


def test_an_evaluation_by_logits_is_that_of_evaluate(engine, circles, tmp_path):
    key = "lecture/cats_gap"
    folder = tmp_path / "data"
    for name, old in (("cats", "1"), ("dogs", "2")):
        (folder / "val").mkdir(parents=True, exist_ok=True)
        (folder / "val" / name).symlink_to(next(circles.glob(f"*/{old}")))
    asked, wanted = exam(engine, key, folder), engine.evaluate(key, folder)
    truth = dict(asked.photos)
    files = items([*truth], tmp_path / "out", survey(folder).root)
    found = run(engine, Logits(key), files, tmp_path / "out", together=5)
    paths = {file.title: path for file in files for path in truth if str(path.absolute()) == file.path}
    rows = found.rows.to_pylist()
    logits = torch.tensor([row["logits"] for row in rows])
    judged = results(logits, [truth[paths[row["file"]]] for row in rows])
    near = summary(asked, {paths[row["file"]]: one for row, one in zip(rows, judged, strict=True)})
    assert abs(near.loss - wanted.loss) < 1e-6
    assert (near.accuracy, near.confusion, near.images) == (wanted.accuracy, wanted.confusion, wanted.images)
