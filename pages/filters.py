"""Filters: activation maximization of each channel of a layer, step by step."""

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.feature_vis import sheet
from cnnviz.feature_vis.recipes import RECIPES, Ascent, in_words
from cnnviz.options import knobs
from cnnviz.ui.components.mosaic import mosaic
from cnnviz.ui.server.jobs import JOBS, remaining
from cnnviz.ui.session import current, link
from cnnviz.ui.shell import activity
from cnnviz.ui.views.filters import channel as closeup
from cnnviz.ui.views.filters import details, gallery, patches, start
from cnnviz.ui.widgets import compare, controls, show

POLL = 0.6  # seconds
KINDS = ("first", "random", "top for my photo", "list")

# say
show.head("Filters", "Activation maximization: images optimised, step by step, to maximise each channel of a layer.")
start.style()
engine, photo = current.engine(), current.photo()
key = show.required_net()
model = engine.model(key)
if model.source.startswith("untrained"):
    show.say("This network is untrained, so its channels respond to nothing in particular.")

# ask
counts = show.asked(f"widths {key}", lambda: engine.filter_layers(key))
if not counts:
    st.stop()
widths = counts
names = list(widths)
with st.container(key="filters-ask"):
    one, two, three, four, five = st.columns([2, 1.2, 1, 1.1, 1.3], vertical_alignment="top")
with one:
    maps = [name for name in names if name != "logits"] or names
    first = next(
        (name for name in reversed(engine.stages(key)) if name in widths), maps[-1]
    )  # the deepest is most specific
    words = lambda name: f"classes · {widths[name]}" if name == "logits" else f"{name} · {widths[name]} channels"  # noqa: E731
    layer = controls.pick("Layer", "layer", names, first, words=words)
with two:
    kind = controls.pick("Channels", "which", KINDS, KINDS[0])
with three:
    if kind == "list" and layer != "logits":
        link.linked("channels", "0-11", lambda value: True, str)
        st.text_input("Such as 3,7,20-25", key="channels")
        link.note("channels", "0-11")
        wanted = st.session_state["channels"]
    elif kind != "list":
        many = controls.pick("How many", "many", [1, 4, 6, 9, 12, 16, 32, 64, 128, 512], 12, parse=int)
        wanted = {"first": f"0-{min(many, widths[layer]) - 1}", "random": f"random:{many}"}.get(kind, f"top:{many}")
with four:
    recipe = controls.pick("Preset", "recipe", ["auto", *RECIPES], "auto")
if kind == "list" and layer == "logits":
    wanted = closeup.classes(model.labels)
chosen = engine.recipe(key, recipe)
with st.container(key="filters-settings"):
    settings = st.expander("Settings")
with settings:
    turned = {}
    for column, part in zip(st.columns(3), np.array_split([k.name for k in knobs(Ascent)], 3), strict=True):
        with column:
            turned.update(gallery.asked_knobs(chosen, f"{recipe}", [str(name) for name in part]))


def link_of(whole: bool = False) -> dict[str, str]:
    """What a link to this view holds: layer, channels, recipe and the knobs that were turned, or the `whole` of them.

    The whole is for a visit that has turned others since.
    """
    knobs = {f"{recipe}-{name}": v or 0 for name, v in turned.items() if whole or v != getattr(chosen, name)}
    channels = {"classes" if layer == "logits" else "channels": wanted} if kind == "list" else {"many": many}
    view = {"layer": layer, "which": kind, "recipe": recipe, **channels, **knobs}
    return {name: str(v).lower() if isinstance(v, bool) else str(v) for name, v in view.items()}


def beside_it(channel: int) -> dict[str, str]:
    """What a link says of the picture that is shown close up, and of what stands beside it."""
    below = {"tuning": link.noted("tuning"), "patches": link.noted("patches")}
    return {"shown": str(channel)} | {name: str(v).lower() for name, v in below.items() if v} | compare.in_link(found)


def answers() -> list[int]:
    """All channels, the one most active on the photo first."""
    if layer == "logits":
        return [p.index for p in engine.predict(key, photo, widths[layer])]
    order: list[int] = np.argsort(-engine.activations(key, photo, layer).mean, kind="stable").tolist()
    return order


# compute
def asked() -> gallery.Request:
    """What is asked for now; refused where it makes no sense."""
    ascent = gallery.with_knobs(chosen, turned)
    channels = sheet.channels(wanted, widths[layer], ascent.seed, answers)
    base = photo.digest if ascent.start == "photo" else None
    owner = gallery.owner(photo if base else None, key)
    return gallery.Request(key, model.fingerprint, layer, channels, ascent, base, owner)


answered = show.asked("filters", asked)
if answered is None:
    st.stop()
request = answered
st.session_state["_gallery"] = request
base = photo if request.photo else None
with st.container(key="filters-start-place"):
    shown = start.gallery_shown(engine, request, base)
if shown is None:
    gallery.only()
    st.stop()
drawn: gallery.Request = shown
link.linked("shown", request.channels[0], request.channels.__contains__, int)
seen = st.session_state["shown"]
with five:
    found = compare.ask(details.kinds(engine, request, seen, recipe))
second = show.asked("second", lambda: details.second(engine, request, seen, found))
gallery.only(drawn, *([second] if second is not None else []))
other_photo = compare.photo(found) if second is not None and second.photo else None
view = current.view() | link_of(whole=True)
running = gallery.job(engine, drawn, base, view).busy
running = running or (second is not None and gallery.job(engine, second, other_photo, view).busy)


# show
@st.fragment(run_every=POLL if running else None)
@show.refusals()
def grown() -> None:
    """All pictures as they are now, and one of them close up; after a refusal those of the gallery before."""
    what, job = drawn, gallery.job(engine, drawn, base, view)
    shelf = job.look()
    other = None if second is None else gallery.job(engine, second, other_photo, view)
    if st.session_state["shown"] != seen and found is not None:
        st.rerun()  # what it is compared with is of the channel close up
    if running != (job.busy or (other is not None and other.busy)):
        st.rerun()  # begin or end looking every moment
    state = st.container(key="filters-state")  # always there: what follows keeps its place when this is empty
    if job.error:
        state.error(show.plain(job.error), icon=":material/error:")
        if not shelf.begun:
            good: gallery.Request | None = st.session_state.get("_gallery_good")
            if good is None or (last := JOBS.get(good)) is None:
                return
            what, job, shelf = good, last, last.look()
            with state:
                show.say(f"These are the previous images: {job.title}.")
    elif job.busy:
        with state.container(key="filters-progress"):
            bar, button = st.columns([5, 1], vertical_alignment="center")
        words = "Queued" if job.state == "queued" else "Optimising" + remaining(job.left())
        bar.progress(shelf.share(), words)
        button.button("Stop", icon=":material/stop:", on_click=activity.stop, args=(what,), width="stretch")
    elif job.state == "stopped" and state.button("Resume", icon=":material/play_arrow:"):
        JOBS.clear(what)  # what was finished is remembered
        st.rerun()
    if shelf.begun:
        st.session_state["_gallery_good"] = what
    layer, channels = what.layer, list(what.channels)
    labels = engine.model(what.model).labels

    def called(channel: int) -> str:
        return labels[channel] if layer == "logits" else f"channel {channel}"

    all_of_them, one_of_them = st.columns([2.1 if len(channels) > 1 else 1, 1], gap="large")
    with one_of_them, st.container(key="filters-close"):
        place = st.session_state["shown"]
        channel = place if place in channels else channels[0]
        if what == request:
            link.note("shown", channels[0])
        closeup.close_up(shelf.tracks[channel], layer, channel, called(channel), what.ascent)
        if second is not None and found is not None:
            details.beside(engine, second, other_photo, found.title)
    with all_of_them, st.container(key="filters-tiles"):
        columns = len(channels) if len(channels) < 4 else picture.wide(len(channels), 1.0, 1.5)
        side = min(200, max(32, show.WIDEST // columns - 2))

        def choose() -> None:
            st.session_state["shown"] = channels[st.session_state["filter-tiles"]["place"]]

        tiles = shelf.tiles(side, columns, closeup.ground())
        start.keep_place("filter-tiles", tiles)
        mosaic(
            "filter-tiles", tiles, columns=columns, gap=2,
            names=[called(c) for c in channels], chosen=channels.index(channel),
            alt=f"Filter images of {layer}", on_choose=choose,
        )  # fmt: skip
        if show.presenting():
            return
        show.say(f"Preset{f' {recipe}' if what == request else ''}: {in_words(what.ascent)}.")
        if dead := [c for c, t in shelf.tracks.items() if t.image is not None and t.image.dead]:
            show.say(f"No image was found that activates these channels: {', '.join(map(str, dead))}")
        image = shelf.tracks[channel].image
        take = (lambda: image.picture) if image is not None else None
        show.take_away(
            sheet.file_name(layer, channel), picture=take, array=take,
            link=current.link("filters", **link_of(), **beside_it(channel)) if what == request else "",
            python=gallery.python(what, show.opening(photo)), file=closeup.file_name(what, str(channel)),
        )  # fmt: skip
        with st.container(key="filters-files"):
            if not running:
                closeup.exports(what, shelf, channel, columns)
    if layer != "logits" and not running:
        if controls.tick("Tuning curves", "tuning", help="Response of the channel to gratings, colours and discs"):
            details.tuning(engine, what.model, layer, channel, 0.0 if image is None else image.value)
        if controls.tick(
            "Top-activating images", "patches", help="The nine photos with the highest activation, and where it is"
        ):
            patches.patches(engine, what.model, layer, channel)


grown()
