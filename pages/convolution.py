"""Convolution lab: a kernel slides over an image, and every number can be seen."""

import time
from dataclasses import replace

import numpy as np
import streamlit as st

from cnnviz.photo import Photo
from cnnviz.signal import examples, pictures, receptive, slide
from cnnviz.ui.components import convlab
from cnnviz.ui.components.convlab import field, link, stack
from cnnviz.ui.session import current, uploads, visit
from cnnviz.ui.session.link import stand
from cnnviz.ui.views import first_layer, labs
from cnnviz.ui.views import receptive_fields as nets
from cnnviz.ui.widgets import controls, show

SIDE = 224  # px of the photo under a stack
FIRST = link.to_link(convlab.begin(examples.EXAMPLES[0]))

# say
show.head(
    "Convolution lab",
    "A kernel, a small window of weights, slides over an image: patch times kernel, summed, is one output value.",
)
photo, lab = current.photo(), visit.this_visit().state(labs.ConvolutionLab)
views = ["One layer", "Receptive field", "Full-size photo"]
view = controls.switch("Lab", "lab-view", views, views[0], label_visibility="collapsed")


def begin(example: examples.Example) -> None:
    """An example's picture and layer."""
    st.session_state["input"] = example.picture
    lab.begin = convlab.begin(example)


@st.fragment
def layer() -> None:
    """The lab itself; Python hears of it on release."""
    # ask
    with st.container(horizontal=True, key="examples", gap="small"):
        titles = {"photo": "The photo", **{name: title for name, (title, _) in pictures.TEACHING.items()}}
        name = controls.pick(
            "Image", "input", list(titles), "box", words=titles.__getitem__, label_visibility="collapsed", width=160
        )
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
        chosen, one = now["selected"], made.weights[now["selected"]].sum(0)
        with st.container(horizontal=True, gap="small"):
            if not show.presenting():
                st.download_button(
                    "GIF", lambda: slide.film_of(planes[0], one, made.sliding, now["look"], now["gain"]),
                    "sliding.gif", "image/gif", key="gif", icon=":material/animation:", on_click="ignore",
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
                )


@st.fragment
@show.refusals()
def fields() -> None:
    """How far one unit sees: a stack to build, and the layers of the current net."""
    # ask
    first, _ = field.STACKS[field.FIRST]
    built = visit.this_visit().state(labs.FieldLab)
    if "fieldlab" not in st.session_state or built.begin is None:  # first sight, or back from another page
        told = stack.from_link(st.query_params.get("stack", ""), SIDE)
        built.begin = built.last if told is None else told, str(time.time_ns())
    pixels = pictures.square(photo, SIDE)

    # compute and show
    layers = built.last = field.fieldlab(pixels, *built.begin, big=show.presenting())
    word = stack.to_link(layers)
    stand("stack", word, stack.to_link(first))
    if stack.from_link(word, SIDE) is not None:
        show.take_away(
            "stack",
            picture=lambda: receptive.drawn(stack.seen(layers, SIDE), pixels),
            array=lambda: stack.seen(layers, SIDE),
            python=stack.as_python(layers),
            link=current.link("convolution", **{"lab-view": view, "stack": word}),
        )
    show.section("The current network", "receptive field of one unit in each layer, and how much each pixel counts")
    nets.of_current_net(photo)


@st.fragment
def full_size() -> None:
    """Today's layer on a photo of any size, on the server; downloads are computed anew, so nothing large is kept."""
    # ask
    told = link.from_link(st.query_params.get("lab", ""))
    now = lab.last or told or convlab.begin(examples.EXAMPLES[0])
    word = link.to_link(now)
    stand("lab", word, FIRST)
    file = st.file_uploader("A large photo, up to 50 megapixels", max_upload_size=uploads.limit("photo"))

    made = link.layer_of(now)
    one = replace(made, weights=made.weights[[now["selected"]]], bias=made.bias[[now["selected"]]])

    def filtered() -> tuple[Photo, np.ndarray]:
        large = Photo.open(file, name=file.name, pixels=None) if file else photo
        return large, one.maps(pictures.looked_at(large.pixels, made.channels))[0]

    # compute and show
    began, name = time.perf_counter(), now["filters"][now["selected"]]["name"]
    with show.refusals(), st.spinner("Sliding"):
        large, maps = filtered()
        taken = f"{time.perf_counter() - began:.2f} s"
        sizes = {"Photo": f"{large.width} × {large.height}", "Output": f"{maps.shape[1]} × {maps.shape[0]}"}
        show.facts({"Filter": name, **sizes, "Read and filtered in": taken})
        small = slide.preview(maps, show.WIDEST, now["look"], now["gain"])
        show.image(small, f"{name} over the whole photo {large.name}")
        show.take_away(
            "convolution-full",
            picture=lambda: slide.painted(filtered()[1], now["look"], now["gain"]),
            array=lambda: filtered()[1] * np.float32(made.scale),
            python=one.pytorch(examples.whole(large, file is not None)),
            link="" if file else current.link("convolution", **{"lab-view": view, "lab": word}),
        )


{"One layer": layer, "Receptive field": fields, "Full-size photo": full_size}[view]()
