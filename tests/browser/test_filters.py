"""A gallery in the browser: it goes on while another page is open, is stopped from there, and its film plays."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.feature_vis import animation

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_a_gallery_outlives_its_page_and_is_stopped_elsewhere_within_a_second_and_its_steps_and_film_play(page: Page):
    sidebar = page.get_by_test_id("stSidebar")
    stop = sidebar.get_by_role("button", name="Stop")
    page.goto("/filters?model=lecture/cats_gap&layer=conv4&many=128&auto-steps=512")
    page.get_by_text("128 images, 512 steps each: about").wait_for()  # minutes of work wait for a click
    page.get_by_role("button", name="Start", exact=True).click()
    sidebar.get_by_role("link", name="128 filters of conv4").first.wait_for()
    sidebar.get_by_role("link", name="Gabor lab").click()
    page.get_by_role("heading", name="Gabor lab").wait_for()
    page.reload()  # of a page that has nothing to do with it
    sidebar.get_by_role("link", name="128 filters of conv4").first.wait_for()
    page.get_by_text("Copy as Python").first.wait_for()  # the page is drawn
    began = time.monotonic()
    stop.click()
    stop.wait_for(state="detached")
    assert time.monotonic() - began < 15  # 0.3 s on a quiet machine

    page.goto("/filters?model=bundled/cats_dogs&layer=conv2&many=1")
    picture = page.get_by_role("img", name="Filter image of channel 0 of conv2")
    scrubber = page.get_by_role("slider", name="Step")
    scrubber.wait_for()
    page.get_by_text("After 64 steps").wait_for()

    def ink() -> int:
        return picture.evaluate("c => c.getContext('2d').getImageData(0, 0, 420, 420).data.reduce((a, b) => a + b, 0)")

    after = ink()
    scrubber.press("Home")
    page.get_by_text("Before: objective").wait_for()
    assert ink() != after
    page.get_by_role("button", name="Play").click()
    page.get_by_text("After 64 steps").wait_for()
    assert ink() == after

    frames = [np.full((64, 64, 3), value, np.uint8) for value in range(0, 250, 25)]
    source = "data:video/mp4;base64," + base64.b64encode(animation.film(frames, len(frames), rest=0.5)).decode()
    played = """source => new Promise((done) => {
        const video = Object.assign(document.createElement("video"), { muted: true, playbackRate: 8, src: source });
        video.onerror = () => done(video.error.message);
        video.onended = () => done([video.videoWidth, video.duration]);
        document.body.append(video);
        video.play();
    })"""
    assert page.evaluate(played, source) == [64, 3]
