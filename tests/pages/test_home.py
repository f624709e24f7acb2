"""Home: what it says is what the engine says."""

import io

import numpy as np
import pytest
from PIL import Image

from cnnviz.photo import Photo
from cnnviz.ui.widgets import show
from cnnviz.ui.widgets.take_away import encoded

NET = "lecture/cats_gap"


def test_home_shows_photo_heat_and_every_stage_with_alternative_text(visit, engine, pictures):
    shown = pictures(visit())
    assert all(shown)
    assert "The photo cat" in shown
    for name in engine.stages(NET):
        assert f"Nine feature maps of the layer {name}" in shown


def test_the_bars_are_the_predictions(visit, engine, words):
    text = words(visit())
    for said in engine.predict(NET, Photo.sample("cat"), top=5):
        assert f"<span>{said.label}</span>" in text
        assert f"<b>{said.probability:.1%}</b>" in text
    assert f"{engine.layers(NET).total_parameters:,}" in text


def test_another_photo_gives_other_pictures(visit, pictures):
    at = visit()
    before = set(pictures(at).values())
    at.pills("photo").set_value("rocket").run() if hasattr(at, "pills") else at.button_group("photo").set_value(
        "rocket"
    ).run()
    assert not before & set(pictures(at).values())


def test_a_net_without_a_head_still_shows_its_stages(visit, pictures):
    at = visit(model="lecture/mnist_base")
    assert not at.exception
    assert len(at.error) == 1
    assert any(alt.startswith("Nine feature maps") for alt in pictures(at))


def test_after_a_refusal_the_old_answer_stands_under_its_own_name_and_photo(visit, engine, pictures, words):
    at = visit()
    title, before = engine.model(NET).title, pictures(at)
    at.selectbox("model").set_value("lecture/mnist_base").run()
    assert len(at.error) == 1
    text = words(at)
    assert text.count(f"This is the previous result: {title} on the photo cat.") == 2
    assert f"Prediction <small>{title}" in text
    assert not at.code  # the Python of what is picked would raise
    at.button_group("photo").set_value("coffee").run()
    assert len(at.error) == 1
    after = pictures(at)
    (heat,) = [alt for alt in after if alt.startswith("Heat map")]
    assert heat.endswith("over the photo cat")
    assert after[heat] == before[heat]
    assert "The photo coffee" in after
    assert not at.code
    at.selectbox("model").set_value(NET).run()
    assert not at.error
    assert "previous answer" not in words(at)
    assert at.code


def test_who_waits_sees_the_place_in_the_queue_and_it_goes_afterwards(visit, engine, monkeypatch):
    import threading

    from cnnviz.ui.widgets import feedback

    at, told, held, free = visit(), [], threading.Event(), threading.Event()
    words = feedback.in_queue

    def in_queue(*place):
        told.append(words(*place))
        if len(told) == 2:
            free.set()
        return words(*place)

    def hold():
        with engine.gate.entered():
            held.set()
            free.wait(60)

    monkeypatch.setattr(feedback, "in_queue", in_queue)
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    at.button_group("photo").set_value("brick").run()
    free.set()
    holder.join()
    assert told[:2] == ["place 1 of 1 in the queue, others are computing"] * 2
    assert not at.exception
    assert not at.caption
    assert "The photo brick" in {image.proto.imgs[0].alt for image in at.image}


def test_an_answer_of_another_net_or_photo_is_not_given_for_the_current_one(visit):
    def page():
        import streamlit as st

        from cnnviz.options import RequestError
        from cnnviz.ui.widgets import show

        def ask():
            if st.session_state.get("refuse"):
                st.session_state["asked"] = st.session_state.get("asked", 0) + 1
                if st.session_state["asked"] % 2:
                    raise RequestError("no")
            return "answer"

        st.session_state.setdefault("model", "lecture/cats_gap")
        st.text(str(show.asked("place", ask)))

    from streamlit.testing.v1 import AppTest

    at = AppTest.from_function(page).run()
    assert at.text[0].value == "answer"
    at.session_state["refuse"] = True
    at.run()
    assert at.text[0].value == "answer"
    assert "the previous result" in at.get("html")[0].body
    at.session_state["photo"] = "coffee"
    at.run()
    assert at.text[0].value == "None"


@pytest.mark.parametrize("photo", ["cat", "motorcycle"])
def test_the_python_that_is_copied_draws_the_picture_that_is_downloaded(visit, tmp_path, monkeypatch, photo):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **what: given.update(what))
    visit(photo=photo)
    monkeypatch.chdir(tmp_path)
    exec(given["python"], {})
    drawn = np.asarray(Image.open(io.BytesIO(encoded(given["picture"]()))))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "heat.png")), drawn)


def test_the_layers_of_any_network_are_counted_also_without_its_weights(visit, words, monkeypatch):
    monkeypatch.setattr("cnnviz.models.weights.fetch", lambda *_, **__: pytest.fail("nothing is downloaded for it"))
    at = visit()
    assert "Of layers with feature maps" not in words(at)
    at.session_state["layer-table"] = True
    at.run()
    assert not at.exception
    at.selectbox(key="layers-of").select("vgg16").run()
    assert not at.exception
    assert "14,714,688" in words(at)  # VGG16's convolutional part
    assert "138,357,544" in words(at)
    rows = next(frame.value for frame in at.dataframe if "mult-adds" in frame.value.columns)
    assert rows["parameters"].sum() == 138_357_544
    first = rows.iloc[0]
    assert (first["kind"], first["output"], first["mult-adds"]) == ("Conv2d", "64 × 224 × 224", 1792 * 224 * 224)
