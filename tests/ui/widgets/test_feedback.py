"""What is said while one waits."""


def test_a_place_in_the_queue_says_of_how_many():
    from cnnviz.ui.widgets.feedback import in_queue

    assert in_queue(3, 7) == "place 3 of 7 in the queue, others are computing"


def test_negative_numbers_have_a_minus_sign_and_names_and_ranges_keep_their_hyphen():
    from cnnviz.ui.widgets import feedback

    kept = ["channels 3-5", "ResNet-18", "cats-2.jpg", "2026-11-26", "a-1", "file/net-3", "Conv-ReLU"]
    assert [feedback.minus(text) for text in kept] == kept
    assert feedback.minus("-0.47, (-3, 2e-05) +-.5 to -1e-9") == "−0.47, (−3, 2e−05) +−.5 to −1e−9"
