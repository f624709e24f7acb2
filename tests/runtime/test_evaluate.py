"""A net judged on folders: whose names mean which classes, and what is counted as other."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("names", "labels", "indices"),
    [
        (["cats", "dogs"], ["cat", "dog"], [0, 1]),
        (["DOG", "Cat"], ["cat", "dog"], [1, 0]),
        (["soccer-balls", "analog_clock"], ["analog clock", "soccer ball"], [1, 0]),
        (["glasses", "buses", "berries"], ["berry", "bus", "glass"], [2, 1, 0]),
        (["horned viper", "viper"], ["viper", "horned viper"], [1, 0]),
        (["a", "b"], ["class 0", "class 1"], [0, 1]),
        (["1", "0"], ["0", "1"], [1, 0]),
    ],
)
def test_folder_names_find_their_labels(names, labels, indices):
    from cnnviz.runtime.evaluate import match

    assert match(names, labels) == tuple(indices)


def test_folders_without_names_for_them_are_ordered_as_training_orders_them(tmp_path):
    from cnnviz.data import folder
    from cnnviz.runtime.evaluate import class_folders

    names = ["1", "2", "10", "11", "Cat", "ant", "dog"]
    for name in names:
        (tmp_path / name).mkdir()
        for i in range(2):
            (tmp_path / name / f"{i}.png").touch()
    assert [path.name for path in class_folders(tmp_path)] == list(folder.read(tmp_path).classes) == names
