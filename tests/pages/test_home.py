"""Home: what it says is what the engine says."""

from cnnviz.photo import Photo

NET = "lecture/cats_gap"


def test_home_shows_photo_heat_and_every_stage_with_alternative_text(visit, engine, pictures):
    from cnnviz.ui import start

    shown = pictures(visit())
    assert all(shown)
    assert "The photo cat" in shown
    for name in start.stages(engine, NET):
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


def test_the_python_that_is_copied_draws_the_picture(visit, tmp_path, monkeypatch):
    import numpy as np
    from PIL import Image

    from cnnviz import picture

    at = visit()
    monkeypatch.chdir(tmp_path)
    exec(at.code[0].value, {})
    engine_heat = __import__("cnnviz").engine().heatmap(NET, Photo.sample("cat"))
    drawn = picture.overlay(Photo.sample("cat"), engine_heat, 0.55)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "heat.png")), np.asarray(drawn))
