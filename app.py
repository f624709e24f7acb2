"""The dashboard: `streamlit run app.py`. A router; each page is a script of its own in pages/."""

import streamlit as st

from cnnviz.ui.server import startup
from cnnviz.ui.shell import navigation

if __name__ == "__main__":  # Streamlit runs this file as the script of each visit
    navigation.run()
else:  # and imports it once as the server comes up
    app = st.App(__file__, lifespan=startup.lifespan)
