"""The frame around the pages: quick to import, kept by links, careful with photos, calm about errors."""

import ast
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.models import catalog, timm_load, timm_nets
from cnnviz.photo import Photo, samples
from cnnviz.ui.server import startup
from cnnviz.ui.session import photos
from cnnviz.ui.session.visit import Visit
from cnnviz.ui.shell import main, navigation, sidebar

ROOT = Path(__file__).resolve().parents[2]
NET = "lecture/cats_gap"
TITLE = "Cats and dogs, global average pooling"
HEAVY = {"torch", "torchvision", "cv2", "pandas", "scipy", "skimage", "lightning"}
THERE = [file for group in navigation.PAGES.values() for file, *_ in group if (ROOT / "pages" / f"{file}.py").is_file()]


@pytest.mark.parametrize("page", THERE)
def test_pages_import_nothing_heavy(page):
    tree = ast.parse((ROOT / "pages" / f"{page}.py").read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert HEAVY & {name.split(".")[0] for name in names} == set()


@pytest.mark.parametrize("page", THERE)
def test_every_page_opens_on_a_picture_and_without_an_error(page, visit):
    at = visit(page)
    assert not at.exception
    assert not at.error


def test_the_nets_are_grouped_and_a_download_names_its_size(visit):
    options = visit().selectbox("model").options
    assert any("ResNet-18 · download 47 MB" in option for option in options)
    downloads = [" · download " in option for option in options]
    assert downloads == sorted(downloads)  # what needs a download comes after everything that is here
    assert len(set(options)) == len(options)


def test_opening_without_a_link_shows_a_net_that_needs_no_download(visit):
    at = AppTest.from_file(main.__file__, default_timeout=120).run()
    row = next(row for row in startup.rows() if row.key == at.selectbox("model").value)
    assert row.where != "download"
    assert at.image


def test_a_link_brings_back_net_photo_layer_and_channel(visit):
    names = startup.START.engine().map_layers("lecture/cats_gap")
    at = visit("activations", photo="coffee", layer=names[1], channel="7", sort="mean")
    assert at.session_state["photo"] == "coffee"
    assert at.selectbox("layer").value == names[1]
    assert at.number_input("channel").value == 7
    assert at.selectbox("sort").value == "mean"


@pytest.mark.parametrize("wrong", ["nope", "-1", "9999999", "", "\u0000", "1e400", "<script>"])
def test_nonsense_in_a_link_falls_back_to_the_default(visit, wrong):
    at = visit("activations", photo=wrong, layer=wrong, channel=wrong, sort=wrong, present=wrong)
    assert not at.exception
    assert at.session_state["photo"] == samples()[0]
    assert not at.session_state["present"]


def test_a_choice_stands_in_the_link_by_its_value_and_the_default_does_not(visit):
    at = visit("activations")
    at.selectbox("sort").set_value("max").run()
    assert at.query_params["sort"] == "max"
    at.selectbox("sort").set_value("in order").run()
    assert "sort" not in at.query_params


def test_a_choice_survives_a_visit_to_another_page(visit):
    at = visit("activations")
    at.selectbox("sort").set_value("max").run()
    at.switch_page("pages/home.py").run()
    at.switch_page("pages/activations.py").run()
    assert at.selectbox("sort").value == "max"


def test_an_uploaded_photo_becomes_the_current_one_and_never_part_of_the_link(visit, jpeg, words):
    at = visit()
    at.file_uploader("upload-0").upload("holiday.jpg", jpeg, "image/jpeg").run()
    assert not at.exception
    assert not at.error
    mine = at.session_state["_mine"]
    assert at.session_state["photo"] in mine
    assert [photo.name for photo in mine.values()] == ["holiday.jpg"]
    assert all(photo.personal for photo in mine.values())
    assert at.query_params["photo"] == "own"  # and nothing else of it
    assert "holiday" not in str(dict(at.query_params))
    assert not at.info
    anew = visit(photo="own")  # as after a reload
    assert not anew.exception
    assert anew.session_state["photo"] == "cat"
    assert "add them again" in anew.info[0].value


def test_the_browser_s_way_back_undoes_a_change(visit, way_back):
    at = visit("activations", photo="coffee")
    at.sidebar.selectbox(key="model").set_value("bundled/cats_dogs").run()
    at.session_state["photo"] = "rocket"
    at.run()
    assert at.query_params["photo"] == "rocket"
    at.query_params["photo"] = "coffee"
    assert way_back(at).session_state["photo"] == "coffee"
    del at.query_params["photo"]  # it was not in the link at first
    assert way_back(at).session_state["photo"] == "cat"
    assert not at.exception
    assert "photo" not in at.query_params


def test_a_click_on_the_name_of_the_present_page_undoes_nothing(visit):
    at = visit("activations", photo="coffee", sort="max")
    at.run()
    at.query_params.clear()  # as Streamlit's list of pages does, also where the page is the same
    at.run()
    assert at.selectbox("sort").value == "max"
    assert at.session_state["photo"] == "coffee"
    assert at.session_state["model"] == NET


def test_a_page_comes_back_as_it_was_left_and_a_link_sets_what_it_names(visit):
    at = visit("activations")
    at.selectbox("sort").set_value("max").run()
    at.button_group("scale").set_value("layer").run()
    at.query_params.clear()
    at.switch_page("pages/home.py").run()
    at.query_params.clear()
    at.switch_page("pages/activations.py").run()
    assert (at.selectbox("sort").value, at.button_group("scale").value) == ("max", "layer")
    at.switch_page("pages/home.py").run()
    at.query_params = {"sort": "mean"}
    at.switch_page("pages/activations.py").run()
    assert (at.selectbox("sort").value, at.button_group("scale").value) == ("mean", "layer")


def test_what_a_link_names_and_a_page_has_not_is_said_in_one_sentence(visit):
    at = visit("activations", layer="nope", sort="beauty")
    (told,) = [one.value.replace("\\", "") for one in at.warning]
    assert f"There is no layer 'nope' in {TITLE}; relu1 is shown." in told
    assert "sort 'beauty'" in told
    assert not visit("activations", sort="max").warning


@pytest.mark.parametrize(("page", "key"), [("activations", "layer"), ("class_activation", "at"), ("filters", "layer")])
def test_a_link_with_an_unknown_photo_and_layer_names_both_in_one_notice_and_is_set_right(visit, page, key):
    at = visit(page, photo="nobody", layer="nope")
    shown = at.get_by_key(key).value
    (told,) = [one.value.replace("\\", "") for one in at.warning if "There is no" in one.value]
    assert (
        told == f"There is no photo 'nobody' here; this is cat. There is no layer 'nope' in {TITLE}; {shown} is shown."
    )
    assert not {"photo", "layer", "at"} & {*at.query_params}
    assert not [one for one in at.sidebar.warning if "nobody" in one.value]
    at.get_by_key(key).select_index(len(at.get_by_key(key).options) - 1).run()
    assert not [one for one in at.warning if "There is no layer" in one.value]


def test_class_activation_takes_the_layer_of_a_link_by_either_name(visit):
    at = visit("class_activation", layer="relu2")
    assert at.selectbox("at").value == "relu2"
    assert (at.query_params["at"], "layer" in at.query_params) == ("relu2", False)
    assert visit("class_activation", layer="relu2", at="relu3").selectbox("at").value == "relu3"


def test_links_leave_out_what_is_shown_without_being_told(visit, monkeypatch):
    told = []
    monkeypatch.setattr(navigation.show, "take_away", lambda *_, link="", **__: told.append(link))
    at = visit("activations", photo="coffee", sort="max")
    assert told[-1].partition("?")[2] == f"model={NET}&photo=coffee&sort=max"
    at.button_group("photo").set_value("cat").run()
    assert told[-1].partition("?")[2] == f"model={NET}&sort=max"


def test_another_page_keeps_what_its_link_does_not_name(visit):
    at = visit("activations", photo="coffee")
    at.query_params.clear()
    at.switch_page("pages/class_activation.py").run()
    assert at.session_state["photo"] == "coffee"
    assert at.session_state["model"] == NET


def test_a_link_to_what_is_not_here_says_what_is_shown_instead(visit):
    at = visit("activations", model="nonsense", photo="nope")
    assert not at.exception
    told = lambda: " ".join(one.value.replace("\\", "") for one in at.warning)  # noqa: E731
    assert "There is no network 'nonsense' here; this is" in told()
    assert "There is no photo 'nope' here; this is cat" in told()
    at.run()  # the link has been set right, the sentence stays
    assert "nonsense" in told()
    at.session_state["photo"] = "coffee"
    at.sidebar.selectbox(key="model").set_value("lecture/mnist_gap").run()
    assert "nonsense" not in told()
    assert "nope" not in told()


def test_the_same_photo_twice_is_kept_once(visit, jpeg):
    at = visit()
    at.file_uploader("upload-0").upload("a.jpg", jpeg, "image/jpeg").run()
    at.file_uploader("upload-1").upload("b.jpg", jpeg, "image/jpeg").run()
    assert len(at.session_state["_mine"]) == 1


@pytest.mark.parametrize("bad", [b"just text", b"", b"\xff\xd8\xff\xe0" + b"\0" * 40, b"<svg onload='alert(1)'/>"])
def test_a_bad_upload_is_one_sentence_and_the_picture_stays(visit, bad, pictures):
    at = visit()
    before = pictures(at)
    at.file_uploader("upload-0").upload("cat.jpg", bad, "image/jpeg").run()
    assert not at.exception
    assert len(at.error) == 1
    assert "cat" in at.error[0].value
    assert pictures(at) == before


def test_a_refused_photo_is_said_beside_the_uploader_that_brought_it_and_the_next_photo_ends_it(visit, jpeg):
    at = visit("home")
    at.file_uploader("invite-0").upload("broken.jpg", b"no photo", "image/jpeg").run()
    assert [len(part.error) for part in (at.main, at.sidebar)] == [1, 0]  # on a phone the sidebar is shut
    at.file_uploader("upload-1").upload("torn.jpg", b"no photo", "image/jpeg").run()
    assert [len(part.error) for part in (at.main, at.sidebar)] == [0, 1]
    at.file_uploader("invite-2").upload("broken.jpg", b"no photo", "image/jpeg").run()
    assert "broken" in at.main.error[0].value
    at.file_uploader("upload-3").upload("good.jpg", jpeg, "image/jpeg").run()
    assert not at.error


@pytest.mark.parametrize("page", ["home", "activations", "convolution"])
def test_photos_of_many_are_forgotten_from_every_page(visit, jpeg, page):
    at = visit("class_activation", **{"how-many": "Many photos"})
    assert "Forget my photos" not in [button.label for button in at.sidebar.button]
    at.file_uploader("many-0").upload("holiday.jpg", jpeg, "image/jpeg").run()
    at = at.switch_page(f"pages/{page}.py").run()
    next(button for button in at.sidebar.button if button.label == "Forget my photos").click().run()
    assert not at.exception
    assert not at.session_state["_many"]
    assert "Forget my photos" not in [button.label for button in at.sidebar.button]


def test_forgetting_photos_forgets_them_in_the_engine_too(visit, jpeg, engine):
    at = visit()
    at.file_uploader("upload-0").upload("holiday.jpg", jpeg, "image/jpeg").run()
    assert engine.personal_bytes() > 0
    next(button for button in at.button if button.label == "Forget my photos").click().run()
    assert engine.personal_bytes() == 0
    assert at.session_state["_mine"] == {}
    assert at.session_state["photo"] == samples()[0]
    assert not at.exception
    assert [one.value for one in at.info] == [f"Your photos are forgotten; the sample {samples()[0]} is shown now."]
    at.get_by_key("photo").set_value(samples()[1]).run()
    assert not at.info


def test_a_net_that_cannot_be_loaded_is_one_sentence_and_the_picture_stays(visit, engine, pictures, words):
    broken = Path(engine.weights or "") / "broken.pth"
    broken.write_bytes(b"this is no checkpoint")
    try:
        at = visit()
        before = pictures(at)
        at.selectbox("model").set_value("file/broken").run()
        assert not at.exception
        assert len(at.error) == 1
        assert "broken" in at.error[0].value
        assert pictures(at) == before
    finally:
        broken.unlink()


def test_a_link_to_a_net_that_cannot_be_loaded_shows_another(visit, engine):
    broken = Path(engine.weights or "") / "broken.pth"
    broken.write_bytes(b"this is no checkpoint")
    try:
        at = visit(model="file/broken")
        assert not at.exception
        assert len(at.error) == 1
        assert at.image
    finally:
        broken.unlink()


def test_presenter_mode_in_an_address_opens_the_same_network_as_without(monkeypatch):
    def opened(**query: str) -> str:
        at = AppTest.from_file(main.__file__, default_timeout=120)
        for name, value in query.items():
            at.query_params[name] = value
        return at.run().session_state["model"]

    monkeypatch.setattr(startup, "opening", lambda _rows: NET)
    first = startup.first(startup.rows())
    assert first != NET
    assert (opened(), opened(present="true"), opened(photo="cat")) == (NET, NET, first)
    assert (opened(set="circles"), opened(run="none", present="true")) == (NET, NET)


def test_the_way_back_to_a_bare_address_shows_the_same_network_and_leads_out(monkeypatch, way_back):
    monkeypatch.setattr(startup, "opening", lambda _rows: NET)
    assert startup.first(startup.rows()) != NET
    at = AppTest.from_file(main.__file__, default_timeout=120).run()
    assert at.query_params == {"model": NET}
    at.query_params = {}
    assert way_back(at).session_state["model"] == NET
    assert at.query_params == {}  # else each way back would begin a new entry of the browser's history
    assert at.run().query_params == {"model": NET}


def test_presenting_hides_the_prose_and_keeps_net_and_photo_in_the_sidebar(visit, words):
    at = visit(present="true")
    assert at.sidebar.toggle("present").value
    assert at.sidebar.selectbox(key="model")
    assert at.session_state["photo"]
    assert "How a network reads your photo" not in words(at)
    at.toggle("present").set_value(False).run()
    assert "How a network reads your photo" in words(at)


def test_presenting_keeps_net_and_photo_over_a_page_change(visit, jpeg, pictures):
    at = visit(photo="coffee")
    at.toggle("present").set_value(True).run()
    assert "The photo coffee" in pictures(at)
    for page in ("activations", "home"):
        at.query_params = {"present": "true"}  # what an old link of an arrow key passed on
        at.switch_page(f"pages/{page}.py").run()
    assert "The photo coffee" in pictures(at)
    at.toggle("present").set_value(False).run()
    assert at.session_state["photo"] == "coffee"
    assert at.selectbox("model").value == "lecture/cats_gap"


def test_presenting_keeps_a_photo_of_ones_own_and_the_arrow_keys_name_the_net(visit, jpeg, pictures, monkeypatch):
    at = visit()
    at.file_uploader("upload-0").upload("holiday.jpg", jpeg, "image/jpeg").run()
    at.toggle("present").set_value(True).run()
    at.switch_page("pages/activations.py").run()
    at.switch_page("pages/home.py").run()
    assert "The photo holiday.jpg" in pictures(at)
    gone = []
    monkeypatch.setattr(navigation.st, "switch_page", lambda page, query_params: gone.append(query_params))
    next(button for button in at.button if button.label == "Next page").click().run()
    assert gone == [{"model": "lecture/cats_gap", "present": "true"}]
    at.toggle("present").set_value(False).run()
    assert "The photo holiday.jpg" in pictures(at)


def test_a_presenters_link_opens_its_net_and_photo(visit, pictures):
    at = visit(present="true", photo="coffee")
    assert "The photo coffee" in pictures(at)
    assert at.session_state["model"] == "lecture/cats_gap"


@pytest.fixture
def files(monkeypatch):
    """The manager that holds the uploads of all visits under test, as they came."""
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

    held = MemoryUploadedFileManager("/upload")
    monkeypatch.setattr("streamlit.testing.v1.local_script_runner.MemoryUploadedFileManager", lambda _: held)
    return held


def held(files):
    return [file.name for one in files.file_storage.values() for file in one.values()]


def test_an_uploaded_file_is_let_go_as_soon_as_its_pixels_are_read(visit, jpeg, files):
    at = visit()
    at.file_uploader("upload-0").upload("holiday.jpg", jpeg, "image/jpeg").run()
    assert held(files) == []
    at.file_uploader("upload-1").upload("bad.jpg", b"no picture", "image/jpeg").run()
    assert len(at.error) == 1
    assert held(files) == []
    at.toggle("camera-on").set_value(True).run()
    at.camera_input("camera-2").upload("camera.jpg", jpeg, "image/jpeg").run()
    assert not at.exception
    assert held(files) == []


def test_the_gallery_of_many_photos_keeps_pixels_only_and_shares_the_bound(visit, jpeg, files):
    at = visit("class_activation", **{"how-many": "Many photos"})
    at.file_uploader("many-0").upload("holiday.jpg", jpeg, "image/jpeg").run()
    assert not at.exception
    assert held(files) == []
    assert [photo.name for photo in at.session_state["_many"].values()] == ["holiday.jpg"]


def test_forgetting_photos_lets_go_of_every_file(visit, jpeg, files):
    from streamlit.runtime.uploaded_file_manager import UploadedFileRec

    at = visit()
    at.file_uploader("upload-0").upload("holiday.jpg", jpeg, "image/jpeg").run()
    session = next(iter(files.file_storage))
    files.add_file(session, UploadedFileRec("id", "of another page.jpg", "image/jpeg", jpeg))
    next(button for button in at.button if button.label == "Forget my photos").click().run()
    assert held(files) == []


def test_the_photos_go_when_the_tab_has_been_closed_for_a_while(monkeypatch, visit, jpeg, files, engine):
    at = visit()
    at.file_uploader("upload-0").upload("holiday.jpg", jpeg, "image/jpeg").run()
    bag = at.session_state["_mine"]
    assert bag
    assert at.session_state["_visit"].thumbnails
    assert photos.GRACE <= 120
    monkeypatch.setattr(photos, "_cleanups", {"gone": photos.PhotoCleanup((bag,), "gone", files)})
    here = [False, True, False, False, False]
    monkeypatch.setattr(photos, "connected", lambda session: here.pop(0))
    since: dict[str, float] = {}
    for now in (0.0, 60.0, 70.0, 69.0 + photos.GRACE):  # it came back once
        photos.sweep(since, now)
        assert bag
    photos.sweep(since, 71.0 + photos.GRACE)
    assert photos._cleanups == {}
    assert bag == {}
    assert at.session_state["_visit"] == Visit()
    assert engine.personal_bytes() == 0


def test_the_name_of_a_photo_is_no_markdown_on_the_strip(visit, jpeg):
    at = visit()
    at.file_uploader("upload-0").upload("**b** _c_.jpg", jpeg, "image/jpeg").run()
    assert not at.exception
    words = [option.content for option in at.button_group("photo").proto.options]
    assert r"\*\*b\*\* \_c\_.jpg" in words
    assert at.session_state["photo"] == "mine-1"
    at.button_group("photo").set_value("cat").run()
    at.button_group("photo").set_value("mine-1").run()
    assert at.session_state["photo"] == "mine-1"


def test_photos_of_one_name_are_told_apart(visit, jpeg, monkeypatch):
    from PIL import Image

    at = visit()
    for i in range(3):
        file = __import__("io").BytesIO()
        Image.new("RGB", (40, 40), (i, 0, 0)).save(file, "PNG")
        name = "a very long name of a photo.png" if i else "same.png"
        at.file_uploader(f"upload-{i}").upload(name, file.getvalue(), "image/png").run()
    called = sidebar._named({"same.png": Photo.sample("cat"), **at.session_state["_mine"]})
    assert list(called.values())[1] == "same.png"
    assert called["mine-3"] == f"{called['mine-2']} (2)"
    strip = next(group for group in at.button_group if group.key == "photo").options
    assert len(set(strip)) == len(strip)


def test_an_engine_that_cannot_be_loaded_is_one_sentence(visit, monkeypatch):
    failed = startup.Start()
    failed._failed, failed._thread = ImportError("no torch"), object()
    failed._ready.set()
    monkeypatch.setattr(startup, "START", failed)
    at = visit()
    assert not at.exception
    assert ["check that torch is installed" in error.value for error in at.error] == [True]


def test_a_device_that_is_not_there_is_told_alone(visit, monkeypatch):
    from cnnviz.options import RequestError

    failed = startup.Start()
    failed._failed, failed._thread = RequestError("There is no device 'mars' here; use auto or cpu."), object()
    failed._ready.set()
    monkeypatch.setattr(startup, "START", failed)
    at = visit()
    assert not at.exception
    (said,) = [error.value for error in at.error]
    assert "mars" in said
    assert "torch is installed" not in said


@pytest.mark.parametrize("page", ["home", "activations", "class_activation", "filters"])
def test_a_weights_folder_that_went_away_is_one_sentence_and_other_nets_serve(page, visit, engine, monkeypatch, words):
    monkeypatch.setattr(engine, "weights", Path("gone") / "away")
    at = visit(page, model="resnet18")
    assert not at.exception
    assert words(at).count("There are no weights at") == 1
    assert not any("ResNet" in option for option in at.selectbox("model").options)
    assert at.image or page == "filters"


@pytest.mark.parametrize("page", ["home", "activations", "class_activation"])
def test_weights_deleted_while_the_page_is_open_are_one_sentence(page, visit, engine, monkeypatch):
    from cnnviz.options import RequestError

    def gone(self, key):
        raise RequestError("There are no weights any more.")

    at = visit(page)
    for ask in ("map_layers", "layers", "stages", "default_layer"):
        with monkeypatch.context() as patch:
            patch.setattr(type(engine), ask, gone)
            at.button_group("photo").set_value("galaxies" if at.session_state["photo"] != "galaxies" else "coins").run()
            assert not at.exception


def test_what_becomes_of_photos_is_said_as_it_is(visit, words):
    assert "gone within two minutes after you close this tab" in words(visit())


def test_strangers_cannot_make_the_server_download(visit, monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    at = visit(model="vgg16")
    assert not any("download" in option for option in at.selectbox("model").options)
    assert at.selectbox("model").value != "vgg16"
    assert not at.error


def test_strangers_see_no_names_of_runs(visit, monkeypatch, tmp_path, engine, words):
    folder = tmp_path / "secret-name"
    folder.mkdir()
    for name in ("json", "safetensors"):
        assets = catalog.ASSETS / f"cats_dogs.{name}"
        (folder / {"json": "card.json", "safetensors": "best.safetensors"}[name]).write_bytes(assets.read_bytes())
    monkeypatch.setattr(engine, "runs", tmp_path)
    key = "run/secret-name@best"
    assert key in {row.key for row in startup.rows()}
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    assert key not in {row.key for row in startup.rows()}
    at = visit(model=key)
    assert at.sidebar.selectbox(key="model").value != key
    assert not at.exception
    monkeypatch.setenv("CNNVIZ_OFFER_RUNS", "1")
    assert key in {row.key for row in startup.rows()}
    monkeypatch.setenv("CNNVIZ_OFFER_RUNS", "")
    monkeypatch.setattr(engine, "weights", tmp_path / "gone")
    assert startup.listing()[1] == "The weights folder is not there."
    assert key not in {row.key for row in startup.rows()}


def test_a_link_asks_for_a_net_of_timm_that_the_list_leaves_out(visit, words, monkeypatch):
    pytest.importorskip("timm")
    at = visit(model="timm/resnet10t@untrained")
    assert not at.exception
    assert not at.warning
    assert at.sidebar.selectbox(key="model").value == "timm/resnet10t@untrained"
    assert "resnet10t (timm) · untrained" in at.sidebar.selectbox(key="model").options
    assert "resnet10t (timm), untrained: a guess" in words(at)
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    at = visit(model="timm/resnet10t")  # a download
    assert at.sidebar.selectbox(key="model").value != "timm/resnet10t"
    assert not at.error


def typed(at: AppTest, text: str) -> None:
    """What the browser does where somebody types a name into the list of networks and presses Enter."""
    box = at.sidebar.selectbox(key="model")
    box.options.append(text)  # AppTest knows no others
    box.set_value(text).run()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("resnet10t@untrained", "timm/resnet10t@untrained"),
        (" timm/resnet10t@untrained ", "timm/resnet10t@untrained"),
        ("cats_flatten", "lecture/cats_flatten"),
        ("Cats_Flat", "lecture/cats_flatten"),
    ],
)
def test_a_network_typed_into_the_list_is_the_one_picked(visit, words, text, key):
    pytest.importorskip("timm")
    at = visit()
    typed(at, text)
    assert not at.exception
    assert at.sidebar.selectbox(key="model").value == key
    assert at.query_params["model"] == key
    assert not at.warning


def test_every_network_of_timm_stands_in_the_list(visit, words, monkeypatch):
    pytest.importorskip("timm")
    at = visit()
    options = at.sidebar.selectbox(key="model").options
    assert {f"{name} (timm)" for name in timm_nets.table()} <= {option.partition(" · ")[0] for option in options}
    assert "xception71 (timm) · download 169 MB" in options
    monkeypatch.setattr(timm_nets, "installed", lambda: False)
    assert not any("(timm)" in option for option in visit().sidebar.selectbox(key="model").options)
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    assert not any("download" in option for option in visit().sidebar.selectbox(key="model").options)


def test_a_network_of_timm_without_weights_says_how_to_come_by_them(visit, words, monkeypatch):
    pytest.importorskip("timm")
    monkeypatch.setattr(timm_load, "_reachable", no_connection)
    at = visit()
    typed(at, "convnext_tiny.fb_in1k")
    assert not at.exception
    said = " ".join(error.value for error in at.error).replace("\\", "")
    assert "put convnext_tiny.fb_in1k.safetensors in a weights folder" in said
    assert "timm/convnext_tiny.fb_in1k@untrained with random weights" in said
    assert at.sidebar.selectbox(key="model").value == NET


def no_connection(url: str) -> None:
    raise OSError("no connection")


def test_what_is_typed_and_is_no_network_leaves_the_one_before(visit, words):
    at = visit()
    typed(at, "resnet<b>99")
    assert not at.exception
    assert at.sidebar.selectbox(key="model").value == NET
    assert "There is no network 'resnet" in " ".join(warning.value for warning in at.warning)
    at.sidebar.selectbox(key="model").set_value("lecture/cats_flatten").run()
    assert not at.warning


def test_a_run_is_asked_with_any_of_its_snapshots(visit, engine, tmp_path, monkeypatch):
    folder = tmp_path / "runs" / "mine"
    (folder / "snapshots").mkdir(parents=True)
    shutil.copy(catalog.ASSETS / "cats_dogs.json", folder / "card.json")
    for name in ("best", "snapshots/5", "snapshots/12"):
        shutil.copy(catalog.ASSETS / "cats_dogs.safetensors", folder / f"{name}.safetensors")
    monkeypatch.setattr(engine, "runs", tmp_path / "runs")
    at = visit("activations", model="run/mine@5")
    assert not at.exception
    assert not at.warning
    assert at.sidebar.selectbox(key="model").value == "run/mine@5"
    snapshot = at.sidebar.selectbox(key="snapshot of run/mine")
    assert snapshot.options == ["best", "last", "step 5", "step 12"]
    at = snapshot.set_value("last").run()
    assert not at.exception
    assert at.sidebar.selectbox(key="model").value == at.query_params["model"] == "run/mine@last"
    shown = visit("activations", model="run/mine@12", present="true")
    assert not shown.exception
    assert shown.session_state["model"] == "run/mine@12"
    assert not [box for box in visit("activations").sidebar.selectbox if str(box.key).startswith("snapshot")]
