"""Small pictures of the photos in the sidebar."""

from cnnviz.photo import Photo, samples
from cnnviz.ui.shell import sidebar


def test_thumbnails_are_small_jpegs():
    for name in samples():
        data = sidebar._small(Photo.sample(name))
        assert data.startswith("data:image/jpeg;base64,")
        assert len(data) < 12_000
