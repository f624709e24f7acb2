"""Some visitors at once on the real server, each with photos of its own: `python -m benchmarks.soak` in small."""

from __future__ import annotations

from benchmarks import badge, crowd, soak
from cnnviz import picture
from cnnviz.photo import Photo, samples
from tests.apart import run_apart


def test_a_photo_says_whose_it_is_and_no_other_picture_does():
    assert [badge.owner(badge.photo(number, which)) for number in (0, 7, 65535) for which in (0, 1)] == [
        0, 0, 7, 7, 65535, 65535,
    ]  # fmt: skip
    others = [picture.encode(Photo.sample(name), "jpeg") for name in samples()]
    assert [badge.owner(other) for other in others] == [None] * len(others)


def test_visitors_with_photos_of_their_own_meet_no_error_and_are_shown_nobody_elses(dashboard):
    soak.ready(dashboard.address, settled=0)
    plan = crowd.Plan(4, 1.0, 0.1, True, ("class_activation", ""), least=4, fresh=0.2)
    record = run_apart(crowd.crowd(plan, dashboard.address, dashboard.process.pid))
    found = soak.report(record, 0)
    assert record.errors == []
    assert found["own photos looked at"] >= 4
    assert found["photos of others"] == 0
    assert found["acts"] >= 4 * 4
    assert len(record.waits) == 4


def test_a_mixed_up_photo_would_be_noticed():
    record, one = crowd.Record(), crowd.Visitor("http://127.0.0.1:1", 1)
    one.pictures = {"/media/a.jpg": badge.photo(1), "/media/b.jpg": badge.photo(2)}
    crowd.check(one, record)
    assert (record.own, record.foreign) == (1, 1)
    assert record.errors == ["visitor 1 was shown the photo of 2"]
