"""What is said while one waits."""


def test_a_place_in_line_is_an_ordinal():
    from cnnviz.ui.widgets.feedback import in_line

    assert [in_line(n).split()[0] for n in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th"]
    )


def test_negative_numbers_have_a_minus_sign_and_names_and_ranges_keep_their_hyphen():
    from cnnviz.ui.widgets import feedback

    kept = ["channels 3-5", "ResNet-18", "cats-2.jpg", "2026-11-26", "a-1", "file/net-3", "Conv-ReLU"]
    assert [feedback.minus(text) for text in kept] == kept
    assert feedback.minus("-0.47, (-3, 2e-05) +-.5 to -1e-9") == "−0.47, (−3, 2e−05) +−.5 to −1e−9"
