"""Convolution lab: a kernel slides over an image, and every number can be seen."""

import time

import numpy as np
import streamlit as st

from cnnviz.signal import examples, pictures, receptive_figure, slide
from cnnviz.ui.components import convlab
from cnnviz.ui.components.convlab import field, link, stack
from cnnviz.ui.session import current, visit
from cnnviz.ui.session.link import linked, stand
from cnnviz.ui.views import backward_pass, first_layer, labs
from cnnviz.ui.views import full_size as full_size_photo
from cnnviz.ui.views import receptive_fields as nets
from cnnviz.ui.widgets import controls, show
from cnnviz.ui.widgets.file_name import file_name

VIEWS = ["One layer", "Receptive field", "Backward pass", "Full-size photo"]
SIDE = 224  # px of the photo under a stack
FIRST = link.to_link(convlab.begin(examples.EXAMPLES[0]))

# say
show.head(
    "Convolution lab",
    "A kernel, a small window of weights, slides over an image: patch times kernel, summed, is one output value.",
)
photo, lab = current.photo(), visit.this_visit().state(labs.ConvolutionLab)
linked("lab-view", VIEWS[0], VIEWS.__contains__, str)
view: str = st.session_state["lab-view"]


def begin_named() -> None:
    """As `begin`, for the example named in the list that stands on a stage."""
    begin(next(example for example in examples.EXAMPLES if example.title == st.session_state["stage-example"]))


def begin(example: examples.Example) -> None:
    """An example's picture and layer."""
    st.session_state["input"] = example.picture
    lab.begin = convlab.begin(example)


@st.fragment
def layer() -> None:
    """The lab itself; Python hears of it on release."""
    # ask
    titles = {"photo": "The photo", **{name: title for name, (title, _) in pictures.TEACHING.items()}}
    with st.container(horizontal=True, gap="small", key="lab-head"):
        labs.heading("lab-view", VIEWS, view)
        name = controls.pick(
            "Image", "input", list(titles), "box", words=titles.__getitem__, label_visibility="collapsed", width=290
        )
        if show.presenting():
            st.selectbox(
                "Example", [example.title for example in examples.EXAMPLES], None, key="stage-example", width=290,
                placeholder="Example", on_change=begin_named, label_visibility="collapsed",
            )  # fmt: skip
    if not show.presenting():
        with st.container(horizontal=True, key="examples", gap="small"):
            st.html('<span class="cv-note">Examples</span>', width="content")
            for example in examples.EXAMPLES:
                st.button(example.title, on_click=begin, args=(example,), help=example.sentence, type="tertiary")

    # compute
    pixels = pictures.fitted(photo) if name == "photo" else pictures.TEACHING[name][1]()
    planes = pictures.planes(pixels)
    if "convlab" not in st.session_state or lab.begin is None:  # first sight, or back from another page
        told = link.from_link(st.query_params.get("lab", ""))
        lab.begin = {**(told or lab.last or convlab.begin(examples.EXAMPLES[0])), "stamp": time.time_ns() % 2**40}
    title = photo.name if name == "photo" else titles[name]
    kernels, source = first_layer.kernels()

    # show
    now = convlab.convlab(planes, title, lab.begin, learned=kernels, learned_from=source, big=show.presenting())
    lab.last = now
    stand("lab", link.to_link(now), FIRST)
    made = link.layer_of(now)
    seen = planes[1:] if made.channels == 3 else planes[:1]
    with show.refusals():
        maps = made.maps(seen)
        chosen, one = now["selected"], made.applied[now["selected"]].sum(0)
        file = file_name("convolution", title, now["filters"][chosen]["name"], made.stage)
        with st.container(horizontal=True, gap="small"):
            if not show.presenting():
                st.download_button(
                    "GIF", lambda: slide.film_of(planes[0], one, made.sliding, now["look"], now["gain"]),
                    f"{file}.gif", "image/gif", key="gif", icon=":material/animation:", on_click="ignore",
                    help="The window on its way over the gray image",
                )  # fmt: skip
                with st.popover("Copy as PyTorch", icon=":material/code:"):
                    show.copied("copy-pytorch", made.pytorch(examples.source(name, photo)), language="python")
            with st.container(width="content"):  # on a line of its own where it finds no room beside the others
                show.take_away(
                    "convolution",
                    picture=lambda: show.pixelated(
                        slide.painted(maps[chosen], now["look"], now["gain"], made.most(seen, chosen)), 512
                    ),
                    array=lambda: maps * np.float32(made.scale),
                    link=current.link("convolution", input=name, lab=link.to_link(now)),
                    file=file,
                )


@st.fragment
@show.refusals()
def fields() -> None:
    """How far one unit sees: a stack to build, and the layers of the current net."""
    # ask
    with st.container(horizontal=True, key="lab-head"):
        labs.heading("lab-view", VIEWS, view)
    first, _ = field.STACKS[field.FIRST]
    built = visit.this_visit().state(labs.FieldLab)
    if "fieldlab" not in st.session_state or built.begin is None:  # first sight, or back from another page
        told = stack.from_link(st.query_params.get("stack", ""), SIDE)
        built.begin = built.last if told is None else told, str(time.time_ns())
    pixels = pictures.square(photo, SIDE)

    # compute and show
    layers, shown = field.fieldlab(pixels, *built.begin, big=show.presenting())
    built.last = layers
    word = stack.to_link(layers)
    stand("stack", word, stack.to_link(first))
    if stack.from_link(word, SIDE) is not None:
        show.take_away(
            "stack",
            picture=lambda: receptive_figure.figure(layers, pixels, photo.name, *shown),
            array=lambda: receptive_figure.effective(layers, SIDE, shown.at),
            python=stack.as_python(layers),
            link=current.link("convolution", **{"lab-view": view, "stack": word}),
            file=file_name("receptive-field", word, photo.name),
        )
    if show.presenting():
        return
    show.section("The current network", "receptive field of one unit in each layer, and how much each pixel counts")
    nets.of_current_net(photo)


def choose_filter() -> None:
    """The view in which a filter is chosen."""
    st.session_state["lab-view"] = VIEWS[0]


@st.fragment
def full_size() -> None:
    """Today's layer on a photo of any size."""
    with st.container(horizontal=True, key="lab-head"):
        labs.heading("lab-view", VIEWS, view)
        file = full_size_photo.another()
        st.button(
            "Another filter", key="another-filter", icon=":material/tune:", on_click=choose_filter,
            help="Filters are chosen in One layer; here the one selected there is shown on the whole photo.",
        )  # fmt: skip
    now = lab.last or link.from_link(st.query_params.get("lab", "")) or convlab.begin(examples.EXAMPLES[0])
    word = link.to_link(now)
    stand("lab", word, FIRST)
    full_size_photo.draw(photo, file, now, current.link("convolution", **{"lab-view": view, "lab": word}))


@st.fragment
@show.refusals()
def backward() -> None:
    """One step of gradient descent on one kernel, in numbers."""
    with st.container(horizontal=True, gap="small", key="lab-head"):
        labs.heading("lab-view", VIEWS, view)
        backward_pass.settings()
    backward_pass.draw({"lab-view": view})


dict(zip(VIEWS, (layer, fields, backward, full_size), strict=True))[view]()
