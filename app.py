"""The dashboard: `streamlit run app.py`. Each page is a script of its own in pages/."""

import streamlit as st
from starlette.middleware import Middleware

from cnnviz.ui.server import guard, health, limits, password, startup
from cnnviz.ui.shell import document, main

app = st.App(
    main.__file__,
    lifespan=startup.lifespan,
    routes=health.ROUTES,
    middleware=[
        Middleware(guard.Guarded),
        Middleware(password.Locked),
        Middleware(limits.Limited),
        Middleware(document.Styled),
        Middleware(health.Fenced),
    ],
)
