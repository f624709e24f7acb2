"""What is said while one waits."""


def test_a_place_in_line_is_an_ordinal():
    from cnnviz.ui.widgets.feedback import in_line

    assert [in_line(n).split()[0] for n in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th"]
    )
