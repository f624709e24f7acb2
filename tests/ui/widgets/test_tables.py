"""Tables of the page itself, and their numbers as a file."""

from __future__ import annotations

import csv
import io
import re

from streamlit.testing.v1 import AppTest

from cnnviz.ui.widgets import tables


def page() -> None:
    from cnnviz.ui.widgets import tables

    tables.table(("class", "recall"), [("<b>cat", "75%"), ("dog", "1%")], "Recall", ("", 'of "its" images'))


def test_a_table_has_headers_of_rows_and_columns_and_shows_names_as_they_are():
    (drawn,) = AppTest.from_function(page).run().get("html")
    assert re.findall(r'<th scope="(\w+)"', drawn.body) == ["col", "col", "row", "row"]
    assert "&lt;b&gt;cat" in drawn.body
    assert 'title="of &quot;its&quot; images"' in drawn.body
    assert 'aria-label="Recall"' in drawn.body


def test_a_file_holds_the_numbers_unrounded_and_any_name():
    rows = [['a, "b"', 1 / 3], ["Äpfel", 2]]
    read = [*csv.reader(io.StringIO(tables.as_csv(["class", "F1"], rows).decode()))]
    assert read == [["class", "F1"], ['a, "b"', repr(1 / 3)], ["Äpfel", "2"]]
