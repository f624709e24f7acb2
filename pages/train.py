"""Train: a plan becomes a run, the run is watched while it learns, and its net opens on every other page."""

import streamlit as st

from cnnviz import places
from cnnviz.ui.server import data_sets, runs
from cnnviz.ui.views.train import layer_table, plan_files, plan_form, rate_finder, run_list, run_view
from cnnviz.ui.widgets import controls, show

# say
show.head("Train", "Train or fine-tune a network on your images; the result opens on every other page.")
if runs.public():
    st.info("Training is off on this public server: start cnnviz on your own machine.", icon=":material/lock:")
    st.stop()


# a run that trains, or is open, stands on top, with its results once it has some; on a stage any run does
stage = show.presenting()
names, above, listed = runs.names(), False, runs.listing()
if listed:
    with show.refusals():
        chosen = run_view.chosen([listed[0].id, *names])
        if above := run_view.on_top(chosen) or stage:
            if stage and len(names) > 1:
                controls.pick("Run", "run", names, listed[0].id, always=True)
            else:
                show.section("Run", chosen)
            run_view.live(chosen)
        if above and not runs.busy(chosen):
            run_view.afterwards(chosen)

# ask
sets = data_sets.data_sets()
if sets:
    with st.container(key="plan-fields"):
        wanted = plan_form.ask(sets)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = "" if stage else plan_form.name()
        if st.button("Train", type="primary", icon=":material/play_arrow:", disabled=wanted is None) and wanted:
            with show.refusals():
                st.session_state["run"] = runs.begin(wanted, name)
                st.rerun()
        steps = wanted is not None and not wanted.solves
        if st.button("Learning rate finder", icon=":material/query_stats:", disabled=not steps) and wanted:
            with show.refusals():
                rate_finder.begin(wanted)
        if wanted is not None and not stage:
            st.download_button(
                "Plan file", wanted.json(), "plan.json", on_click="ignore", icon=":material/download:", key="plan-file",
                help="python -m cnnviz train plan.json does the same on any machine",
            )  # fmt: skip
        if not stage:
            plan_files.draw()
    rate_finder.draw()
    if wanted is not None:
        layer_table.draw(wanted, st.session_state["set"])
else:
    plan_files.first()
    st.page_link(places.page("data"), label="Add a data set of your own", icon=":material/photo_library:")

# show
if listed and not stage:
    run_list.table(listed, len(names))
    run_list.compare(listed)
    with show.refusals():
        controls.pick("Run", "run", names, listed[0].id, always=True)
        if not above:
            run_view.live(chosen)
            if not runs.busy(chosen):
                run_view.afterwards(chosen)
elif sets and not listed:
    show.say("No runs yet: choose a data set and a network, then train.")
