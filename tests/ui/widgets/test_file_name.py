"""Names of files to download."""

from cnnviz.ui.widgets.file_name import KEYS, LONGEST, file_name


def test_words_become_one_name_without_what_no_folder_may_hold():
    assert file_name("convolution", "", "A photo/of: me.", "ReLU") == "convolution_A-photo-of-me_ReLU"
    assert file_name("run/cats@best", "layer1.0", keep=KEYS) == "run-cats@best_layer1.0"
    assert file_name("run/cats@best", "layer1.0") == "run-cats-best_layer1-0"
    assert len(file_name("x" * 200)) == LONGEST
