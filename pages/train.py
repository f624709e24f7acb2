"""Train: a plan becomes a run, the run is watched while it learns, and its net opens on every other page."""

import streamlit as st

from cnnviz import places
from cnnviz.ui.server import data_sets, runs
from cnnviz.ui.views.train import layer_table, plan_files, plan_form, rate_finder, run_view
from cnnviz.ui.widgets import controls, show

# say
show.head("Train", "A net learns while you watch; what it has learned opens on every other page.")
if runs.public():
    st.info("Training is off on this public server: start cnnviz on your own machine.", icon=":material/lock:")
    st.stop()


# ask
sets = data_sets.data_sets()
if sets:
    wanted = plan_form.ask(sets)
    with st.container(horizontal=True):
        if st.button("Train", type="primary", icon=":material/play_arrow:", disabled=wanted is None) and wanted:
            with show.refusals():
                st.session_state["run"] = runs.begin(wanted)
        if st.button("Find a rate", icon=":material/query_stats:", disabled=wanted is None) and wanted:
            with show.refusals():
                rate_finder.begin(wanted)
        if wanted is not None:
            st.download_button(
                "Plan file", wanted.json(), "plan.json", on_click="ignore", icon=":material/download:", key="plan-file",
                help="python -m cnnviz train plan.json does the same on any machine",
            )  # fmt: skip
        plan_files.draw()
    rate_finder.draw()
    if wanted is not None:
        layer_table.draw(wanted, st.session_state["set"])
else:
    plan_files.first()
    st.page_link(places.page("data"), label="Add a data set of your own", icon=":material/photo_library:")

# compute
listing = runs.listing()

# show
if listing:
    show.section("Runs", "the newest first")
    run_view.table(listing)
    run_view.compare(listing)
    ids = [one.id for one in listing]
    with show.refusals():
        chosen = controls.pick("Run", "run", ids, ids[0], always=True)
        run_view.live(chosen)
        if not runs.busy(chosen):
            run_view.afterwards(chosen)
elif sets:
    show.say("No runs yet: choose a data set and a net, then train.")
