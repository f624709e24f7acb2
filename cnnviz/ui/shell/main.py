"""The script that Streamlit runs at each visit and each change: the frame, and the page in it.

It lies here, and not in app.py, because a main script with a folder pages/ beside it is first run in Streamlit's old
way with pages, where a link to a page runs that page without its frame.
"""

from cnnviz.ui.shell import navigation

if __name__ == "__main__":
    navigation.run()
