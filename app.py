"""The dashboard: `streamlit run app.py`. Each page is a script of its own in pages/."""

import streamlit as st

from cnnviz.ui.server import startup
from cnnviz.ui.shell import main

app = st.App(main.__file__, lifespan=startup.lifespan)
