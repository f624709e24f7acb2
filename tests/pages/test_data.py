"""The Data page: alive without any data set, draws circles, unpacks zips, audits, augments."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import zipfile
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from PIL import Image
from streamlit.proto.WidgetStates_pb2 import WidgetState

from cnnviz.data.counting import Counting, write
from cnnviz.options import RequestError
from cnnviz.train import run
from cnnviz.train.loop import fit
from cnnviz.train.plan import Plan
from cnnviz.ui.server import data_sets
from tests.data.test_frames import jpeg


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty folder of data sets."""
    monkeypatch.setenv("CNNVIZ_DATA", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


@pytest.fixture
def circles(shelf):
    return write(shelf / "circles", Counting(low=1, high=3, per_class=10, size=48, largest=6))


def fine(at):
    assert not at.exception
    return at


def test_the_first_paint_shows_circles_and_augmentation(visit, shelf, pictures):
    at = fine(visit("data"))
    shown = pictures(at)
    assert any("circles" in alt for alt in shown)
    assert any("augmented" in alt for alt in shown)
    assert not shelf.exists()


def test_circles_are_drawn_and_become_the_chosen_set(visit, shelf, words):
    at = visit("data")
    at.number_input(key="circles-count").set_value(5)
    at.text_input(key="circles-name").set_value("My circles!")
    next(b for b in at.button if b.label == "Generate").click()
    fine(at.run())
    assert [p.name for p in shelf.iterdir()] == ["My_circles"]
    assert at.selectbox(key="set").value == "My_circles"
    assert "Classes" in words(at)


def test_circles_that_do_not_fit_are_one_sentence_and_the_last_examples_stay(visit, shelf, words, pictures):
    at = visit("data")
    before = pictures(at)
    for low, high, side in ((1, 60, 32), (4, 4, 128)):
        at.slider(key="circles-range").set_value((low, high))
        at.slider(key="circles-size").set_value(side)
        fine(at.run())
        assert len(at.error) == 1
        assert f"{low} to {high}" in at.error[0].value
        assert before.items() <= pictures(at).items()
        assert at.text_input(key="circles-name").value
        assert next(b for b in at.button if b.label == "Generate").disabled
    at.slider(key="circles-range").set_value((1, 3))
    fine(at.run())
    assert not at.error
    assert not next(b for b in at.button if b.label == "Generate").disabled


def test_the_link_names_its_data_set_though_another_may_be_first_tomorrow(visit, circles):
    assert fine(visit("data")).query_params["set"] in ("circles", ["circles"])


def test_a_zip_becomes_a_data_set_and_a_hostile_one_a_sentence(visit, shelf, circles, words):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as out:
        for path in sorted(circles.rglob("*.png")):
            out.write(path, path.relative_to(circles))
    at = visit("data")
    at.file_uploader(key="zip").upload("pets.zip", data.getvalue(), "application/zip")
    fine(at.run())
    next(b for b in at.button if b.label == "Unpack").click()
    fine(at.run())
    assert at.selectbox(key="set").value == "pets"
    told = f"Unpacked: {len([*circles.rglob('*.png')])} images in"
    assert words(at).count(told) == 1
    assert words(at).index(told) < words(at).index("labelled images, drawn at random")  # where the upload was
    evil = io.BytesIO()
    with zipfile.ZipFile(evil, "w") as out:
        out.writestr("../evil.png", b"x")
    at = visit("data")
    at.file_uploader(key="zip").upload("evil.zip", evil.getvalue(), "application/zip")
    at.run()
    next(b for b in at.button if b.label == "Unpack").click()
    fine(at.run())
    assert "leads out of the folder" in words(at)
    assert not (shelf / "evil").exists()


def test_a_set_is_shown_checked_and_deleted(visit, shelf, circles, pictures, words):
    (circles / "train" / "1" / "broken.png").write_bytes(b"\x89PNG")
    Image.open(next((circles / "val" / "1").glob("*.png"))).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        circles / "train" / "2" / "turned.png"
    )
    at = fine(visit("data", set="circles"))
    before = pictures(at)
    batch = next(alt for alt in before if alt.startswith("A batch of train"))
    next(b for b in at.button if b.label == "Another batch").click()
    fine(at.run())
    assert next(alt for alt in pictures(at) if alt.startswith("A batch")) != batch
    next(b for b in at.button if b.label == "Check every image").click()
    fine(at.run())
    assert "broken.png" in words(at)
    assert "turned.png" in words(at)
    assert "one image flipped horizontally, under two classes" in words(at)
    for where in ("across splits", "under two classes", "inside a split"):
        assert f"<dt>Near-duplicates {where}</dt>" in words(at)
    at.button(key="delete-data").click()
    fine(at.run())
    assert "was changed after cnnviz made it" in words(at)
    (circles / "train" / "1" / "broken.png").unlink()
    (circles / "train" / "2" / "turned.png").unlink()
    at.button(key="delete-data").click()
    fine(at.run())
    assert not circles.exists()
    next(b for b in at.button if b.label.startswith("Undo")).click()
    fine(at.run())
    assert circles.exists()
    assert at.selectbox(key="set").value == "circles"
    at.button(key="delete-data").click()
    fine(at.run())
    at.button(key="empty-trash").click()
    fine(at.run())
    assert not list((shelf / ".trash").iterdir())


@pytest.fixture
def mixed(shelf, rng):
    """A person's own folder of warm and cold images, two of each under the other class, and one unreadable file."""
    for label, other, colour in (("cold", "warm", (40, 80, 200)), ("warm", "cold", (220, 120, 40))):
        for i in range(24):
            place = shelf / "mixed" / "train" / (other if i in (3, 11) else label) / f"{label}{i}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(np.array(colour) + rng.normal(0, 30, (40, 40, 3)) + rng.normal(0, 15, 3), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(place)
    (shelf / "mixed" / "train" / "cold" / "broken.png").write_bytes(b"no image")
    return shelf / "mixed"


def look_for_errors(at):
    at.selectbox(key="suspects-network").set_value("lecture/cats_gap")
    fine(at.run())
    next(b for b in at.button if b.label == "Look for label errors").click()
    return fine(at.run())


WRONG = {"train/warm/cold3.png", "train/warm/cold11.png", "train/cold/warm3.png", "train/cold/warm11.png"}


def test_label_errors_are_found_and_those_ticked_make_a_corrected_data_set(visit, shelf, mixed, pictures, words):
    before = {path: path.read_bytes() for path in mixed.rglob("*.png")}
    at = look_for_errors(fine(visit("data", set="mixed")))
    suggested = {alt.partition(":")[0]: alt for alt in pictures(at) if ", suggested " in alt}
    assert set(suggested) == WRONG
    assert suggested["train/warm/cold3.png"] == "train/warm/cold3.png: labelled warm, suggested cold"
    headings = re.findall(r'<h2 class="cv-section">(.*?) <small>', words(at))
    assert ("Possible label errors" in headings, "Labels to check" in headings) == (True, True)
    assert len(headings) == len(set(headings))
    assert "4 of 48, an estimate" in words(at)
    assert "look at each image before you tick it" in words(at)
    assert "each has been looked at" in at.button(key="suspects-all").help
    assert "95% interval" in words(at)
    assert re.search(r"suggested (warm|cold): (&gt;\u00a0)?\d", words(at))
    assert not re.search(r": &[gl]t; ", words(at))  # a sign does not part from its number
    assert not any(box.value for box in at.checkbox)  # a suggestion is taken by a person
    save = next(b for b in at.button if b.label == "Save as a corrected data set")
    assert save.disabled
    at.button(key="suspects-all").click()
    fine(at.run())
    assert all(box.value for box in at.checkbox)
    at.checkbox[0].uncheck()
    fine(at.run())
    assert "3 of 4 suggestions are ticked" in words(at)
    at.toggle(key="suspects-others").set_value(True)
    at.text_input(key="suspects-name-mixed").set_value("mine, better")
    fine(at.run())
    next(b for b in at.button if b.label == "Save as a corrected data set").click()
    fine(at.run())
    assert at.selectbox(key="set").value == "mine_better"
    assert "3 moved to another class, 1 removed, 45 as they were" in words(at)
    made = data_sets.data_set("mine_better")
    assert len(made.train) + len(made.val) == 48
    odd = [
        path.name
        for part in made.splits().values()
        for path, label in zip(part.paths, part.labels, strict=True)
        if not path.name.startswith(made.classes[label])
    ]
    assert len(odd) == 1  # the one that was unticked
    assert {path: path.read_bytes() for path in mixed.rglob("*.png")} == before


def test_a_name_that_is_taken_is_one_sentence_and_the_ticks_stay(visit, mixed, words):
    at = look_for_errors(fine(visit("data", set="mixed")))
    at.button(key="suspects-all").click()
    at.text_input(key="suspects-name-mixed").set_value("mixed")
    fine(at.run())
    next(b for b in at.button if b.label == "Save as a corrected data set").click()
    fine(at.run())
    assert "There is already a data set mixed" in at.error[0].value
    assert all(box.value for box in at.checkbox)


def test_suspects_stay_with_their_data_set_and_network(visit, mixed, circles, pictures):
    at = look_for_errors(fine(visit("data", set="mixed")))
    assert any(", suggested " in alt for alt in pictures(at))
    at.selectbox(key="set").set_value("circles")
    fine(at.run())
    assert not any(", suggested " in alt for alt in pictures(at))
    at.selectbox(key="set").set_value("mixed")
    fine(at.run())
    assert any(", suggested " in alt for alt in pictures(at))
    at.selectbox(key="suspects-network").set_value("bundled/cats_dogs")
    fine(at.run())
    assert not any(", suggested " in alt for alt in pictures(at))


def test_a_set_of_one_class_to_be_read_is_one_sentence(visit, mixed):
    for path in (mixed / "train" / "warm").iterdir():
        path.write_bytes(b"no image")
    at = look_for_errors(fine(visit("data", set="mixed")))
    assert any("of one class" in error.value for error in at.error)


def test_a_folder_of_ones_own_has_no_delete_also_where_it_cannot_be_read(visit, shelf, words):
    (shelf / "mine" / "a").mkdir(parents=True)
    at = fine(visit("data", set="mine"))
    assert len(at.error) == 1
    assert f"It lies in {shelf / 'mine'}" in words(at)
    assert "delete-data" not in {b.key for b in at.button}


def test_a_control_that_a_stage_left_out_comes_back_with_its_value_in_the_browser(visit, circles):
    at = visit("data", set=circles, preset="circles")
    for presenting in (True, False):
        at.session_state["present"] = presenting
        at.run()
    (preset,) = (group.proto for group in at.button_group if group.proto.id.endswith("-preset"))
    assert preset.set_value  # else the browser, which has forgotten it meanwhile, would show none chosen
    assert list(preset.raw_values) == ["circles"]


def test_every_knob_of_the_augmentation_changes_the_variants(visit, circles, pictures):
    at = fine(visit("data", set="circles", preset="none"))
    alt = "The original image, then eleven augmented ones"
    seen = {pictures(at)[alt]}
    for slider in [s for s in at.slider if s.key.startswith("aug-none-")]:
        if slider.key.endswith(("saturation",)):
            continue  # white discs on black have no colour
        at.slider(key=slider.key).set_value(slider.max if slider.value != slider.max else slider.min)
        fine(at.run())
        assert pictures(at)[alt] not in seen, slider.key
        seen.add(pictures(at)[alt])
    for toggle in ("flip", "flip_down"):
        at.toggle(key=f"aug-none-{toggle}").set_value(True)
        fine(at.run())
        assert pictures(at)[alt] not in seen
        seen.add(pictures(at)[alt])


def test_the_link_shows_the_same_variants_again(visit, circles, pictures):
    alt = "The original image, then eleven augmented ones"
    at = fine(visit("data", set="circles", preset="photos"))
    plain = pictures(at)[alt]
    next(b for b in at.button if b.label == "Another batch").click()
    at.slider(key="aug-photos-rotate").set_value(90.0)
    at.toggle(key="aug-photos-flip").set_value(False)
    at.selectbox(key="aug-photos-fill").set_value("zeros")
    at.number_input(key="aug-seed").set_value(7)
    fine(at.run())
    (link,) = [code.value for code in at.code if code.value.startswith("http")]
    again = fine(visit("data", **dict(parse_qsl(urlsplit(link).query))))
    assert pictures(again)[alt] == pictures(at)[alt] != plain


def test_a_data_set_that_goes_away_is_one_sentence_in_the_playground_and_its_picture_stays(
    visit, circles, pictures, words, monkeypatch
):
    at = fine(visit("data", set="circles", preset="circles"))
    shown = "The original image, then eleven augmented ones"
    before, whole = pictures(at)[shown], data_sets.batch

    def gone(data, split, count, seed, side=96):
        if side == 192:  # the playground's own rerun finds the folder deleted, the page before it did not
            raise RequestError("There is no data set 'circles' any more; choose another.")
        return whole(data, split, count, seed, side)

    monkeypatch.setattr(data_sets, "batch", gone)
    monkeypatch.setattr(data_sets, "stamp", lambda _: 0.0)
    fine(at.run())
    assert len(at.error) == 1
    assert "any more; choose another" in words(at)
    assert pictures(at)[shown] == before
    at.slider(key="aug-circles-rotate").set_value(90.0)
    fine(at.run())
    assert pictures(at)[shown] != before  # and it still turns
    assert len(at.error) == 1


def test_a_shelf_that_cannot_be_written_is_one_sentence(visit, tmp_path, monkeypatch, words):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CNNVIZ_DATA", str(tmp_path / "file" / "shelf"))
    at = fine(visit("data"))
    next(b for b in at.button if b.label == "Generate").click()
    fine(at.run())
    assert "Nothing can be written to" in words(at)
    assert len(at.error) == 1


def test_strangers_leave_nothing_behind(visit, circles, monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    at = fine(visit("data"))
    labels = {b.label for b in at.button}
    with pytest.raises(RequestError, match="deletes nothing"):
        data_sets.remove("circles")
    with pytest.raises(RequestError, match="deletes nothing"):
        data_sets.empty_trash()
    with pytest.raises(RequestError, match="writes no data sets"):
        data_sets.correct("circles", "better", ())
    assert circles.exists()
    assert not labels & {"Generate", "Unpack", "Download", "Check every image", "Look for label errors"}
    assert not at.get("file_uploader") or all(u.key != "zip" for u in at.file_uploader)


def test_settings_of_the_augmentation_that_go_together_stand_beside_each_other(visit, circles):
    at = fine(visit("data", set="circles", preset="none"))
    rows = [{w.key.rpartition("-")[2] for w in [*row.slider, *row.toggle]} for row in rows_of(at.main)]
    for pair in ({"zoom_low", "zoom_high"}, {"flip", "flip_down"}, {"brightness", "contrast"}):
        assert pair in rows


def rows_of(block):
    """The rows of columns in a block that hold no other row."""
    inside = [row for child in block.children.values() if hasattr(child, "children") for row in rows_of(child)]
    columns = [child for child in block.children.values() if child.type == "column"]
    return inside or ([block] if columns else [])


def test_names_that_are_not_utf8_are_shown_trained_on_and_explained(visit, shelf, circles, words, engine, monkeypatch):
    for split in ("train", "val"):
        if (circles / split / "1").is_dir():
            os.rename(circles / split / "1", os.fsencode(circles / split) + b"/\xe9t\xe9")
    os.rename(circles, os.fsencode(shelf) + b"/caf\xe9")
    assert data_sets.data_sets() == ("caf\\xe9",)
    at = fine(visit("data"))
    assert at.selectbox(key="set").value == "caf\\xe9"
    assert "\\xe9t\\xe9" in words(at)
    fine(visit("train", set="caf\\xe9"))
    monkeypatch.setattr(engine, "runs", Path(os.environ["CNNVIZ_RUNS"]))
    plan = Plan(str(data_sets.folder("caf\\xe9")), net="lecture/mnist_gap", size=32, epochs=1, batch=8, threads=1)
    fit(run.create(plan, os.environ["CNNVIZ_RUNS"], "first"))
    assert "\\xe9t\\xe9" in words(fine(visit("train", run="first")))
    for page in ("", "class_activation"):
        assert "\\xe9t\\xe9" in words(fine(visit(page, model="run/first@best")))


def test_what_is_left_out_of_a_folder_is_said_beside_its_classes(visit, shelf, circles, words):
    (circles / "train" / "fox").mkdir()
    (circles / "train" / "fox" / "IMG_1.CR2").touch()
    (circles / "train" / "2" / ".ipynb_checkpoints").mkdir()
    said = words(fine(visit("data", set="circles")))
    assert "Left out, classes without an image: 1 (train/fox/)." in said
    assert "Left out, images of a format that is not read: 1 (train/fox/IMG_1.CR2)." in said
    assert "Left out, hidden and system files: 1 (train/2/.ipynb_checkpoints/)." in said


@pytest.mark.parametrize(
    ("typed", "name"), [("Äpfel", "Äpfel"), ("кошки и собаки", "кошки_и_собаки"), ("猫", "猫"), (" a/../b ", "a_b")]
)
def test_data_sets_keep_their_names_in_any_script(shelf, typed, name):
    assert data_sets.place_for(typed) == shelf / name
    (shelf / name).mkdir(parents=True)
    with pytest.raises(RequestError, match="already"):
        data_sets.place_for(typed.upper())


def test_names_of_images_become_classes_at_a_click_and_the_plan_says_so(visit, shelf, circles, words):
    flat = shelf / "flat"
    flat.mkdir()
    for path in circles.rglob("*.png"):
        path.rename(flat / f"{'one' if path.parent.name == '1' else 'more'}.{len(list(flat.iterdir()))}.png")
    at = fine(visit("data", set="flat"))
    assert "For the 2 classes in the names of the images (more: 20, one: 10), set labels to names." in words(at)
    at.button(key="labels-names").click()
    fine(at.run())
    assert "Classes from the names of the images." in words(at)
    assert data_sets.data_set("flat").classes == ("more", "one")
    fine(visit("train", set="flat"))
    (shelf / "other").mkdir()
    assert data_sets.labels("other") == ""
    at.button(key="labels-").click()
    assert "set labels to names" in words(fine(at.run()))


def camera_says(at, number: int, *acts: dict):
    """The page after the camera has told something, as the browser does."""
    ident = f"$$STREAMLIT_INTERNAL_KEY_{at.get_by_key('camera-frames').proto.id}__events"
    states = at._tree.get_widget_states()
    value = {"mount": "test", "number": number, "acts": list(acts)}
    states.widgets.append(WidgetState(id=ident, json_trigger_value=json.dumps([{"event": "told", "value": value}])))
    return fine(at._run(states))


def camera_shows(at) -> dict:
    return json.loads(at.get_by_key("camera-frames").proto.json)


def taken(ident: int, seeds: range, at: float) -> list[dict]:
    """What the camera tells of a burst of frames."""
    return [
        {"do": "frame", "class": ident, "at": at + i / 5, "image": base64.b64encode(jpeg(seed)).decode()}
        for i, seed in enumerate(seeds)
    ]


def test_frames_of_the_camera_are_collected_changed_and_saved_as_the_set_that_is_chosen(visit, shelf, words):
    at = visit("data")
    save = at.button(key="camera-save")
    assert save.disabled
    assert "at least 5 frames in each of two classes" in words(at)
    at = camera_says(
        at, 1, {"do": "rename", "class": 1, "name": "cup"}, *taken(1, range(6), 0), *taken(1, range(6, 8), 9)
    )
    shown = camera_shows(at)
    assert (shown["mount"], shown["number"], shown["refused"]) == ("test", 1, "")
    assert [(one["name"], one["count"], one["bursts"]) for one in shown["classes"]] == [
        ("cup", 8, 2),
        ("Class 2", 0, 0),
    ]
    assert all(tile["source"].startswith("data:image/jpeg;base64,") for tile in shown["classes"][0]["last"])
    at = camera_says(at, 2, {"do": "rename", "class": 2, "name": "CUP"}, *taken(2, range(20, 26), 0))
    assert "already a class" in camera_shows(at)["refused"]
    first = camera_shows(at)["classes"][0]["last"][-1]["id"]
    at = camera_says(at, 3, {"do": "rename", "class": 2, "name": "dog"}, {"do": "remove", "class": 1, "frame": first})
    assert [(one["name"], one["count"]) for one in camera_shows(at)["classes"]] == [("cup", 7), ("dog", 6)]
    assert "One burst only: dog." in words(at)
    assert not shelf.exists()
    at.text_input(key="camera-name").set_value("My desk!")
    fine(at.button(key="camera-save").click().run())
    assert [p.name for p in shelf.iterdir()] == ["My_desk"]
    assert at.selectbox(key="set").value == "My_desk"
    data = data_sets.data_set("My_desk")
    assert (data.classes, data.train.counts(2), data.val.counts(2)) == (("cup", "dog"), (5, 5), (2, 1))
    assert "13 images in 2 classes, 10 for training and 3 for validation" in words(at)
    assert any("Train a network on My_desk" in link.label for link in at.get("page_link"))
    at.button(key="camera-save").click()
    fine(at.run())
    assert "already a data set My_desk" in at.error[0].value.replace("\\", "")
    assert camera_shows(at)["classes"][0]["count"] == 7  # the frames are still there, to go on


def test_deleting_all_frames_begins_anew_and_forgetting_photos_takes_them_along(visit, shelf, pictures):
    at = camera_says(visit("data"), 1, *taken(1, range(3), 0), {"do": "add"})
    fine(at.button(key="camera-forget").click().run())
    assert [one["count"] for one in camera_shows(at)["classes"]] == [0, 0]
    at = camera_says(at, 2, *taken(1, range(3), 0))
    assert at.session_state["_visit"].frames.size > 0
    at.session_state["_visit"].forget()
    assert [one["count"] for one in camera_shows(fine(at.run()))["classes"]] == [0, 0]
    assert not shelf.exists()


def test_a_hostile_message_of_the_camera_is_a_sentence_beside_it(visit, shelf):
    at = camera_says(visit("data"), 1, {"do": "frame", "class": 1, "at": 0, "image": "aGVsbG8="})
    assert "not an image" in camera_shows(at)["refused"]
    at = camera_says(at, 2, {"do": "rename", "class": 1, "name": "../../x"})
    assert camera_shows(at)["classes"][0]["name"] == "_.._x"
    assert not shelf.exists()


def test_strangers_have_no_camera(visit, shelf, monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    at = fine(visit("data"))
    assert not [one for one in at.get("bidi_component") if one.proto.component_name.endswith("cnnviz_camera")]
    assert not [button for button in at.button if button.key and button.key.startswith("camera")]


def test_an_image_added_deep_in_a_data_set_is_there_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("CNNVIZ_DATA", str(tmp_path))
    for label in "ab":
        (tmp_path / "set" / "wrapped" / "train" / label).mkdir(parents=True)
        for i in range(4):
            Image.new("RGB", (8, 8)).save(tmp_path / "set" / "wrapped" / "train" / label / f"{i}.png")

    def images() -> int:
        data = data_sets.data_set("set")
        return len(data.train) + len(data.val)

    assert images() == 8
    Image.new("RGB", (8, 8)).save(tmp_path / "set" / "wrapped" / "train" / "b" / "new.png")
    assert images() == 9
    (tmp_path / "set" / "wrapped" / "train" / "c").mkdir()
    assert data_sets.data_set("set").classes == ("a", "b")
    Image.new("RGB", (8, 8)).save(tmp_path / "set" / "wrapped" / "train" / "c" / "0.png")
    assert images() == 10


def test_small_gray_images_begin_with_the_augmentation_of_digits_and_a_choice_stays(visit, shelf, circles):
    rng = np.random.default_rng(0)
    for label in "01":
        (shelf / "digits" / label).mkdir(parents=True)
        for i in range(6):
            Image.fromarray(rng.integers(0, 256, (28, 28), np.uint8)).save(shelf / "digits" / label / f"{i}.png")
    at = fine(visit("data"))
    for name, usual in (("digits", "digits"), ("circles", "photos"), ("digits", "digits")):
        at.selectbox(key="set").set_value(name)
        fine(at.run())
        assert at.session_state["preset"] == usual
    fine(at.button_group("preset").set_value("none").run())
    assert at.session_state["preset"] == "none"
