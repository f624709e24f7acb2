"""The engine: a model key, a photo and options in, a frozen result out, each computed once.

    engine = cnnviz.engine()
    engine.predict("squeezenet1_1", photo, top=3)

Each question is a function of a `Backend` in the module of its name; the class lists them.
"""

from __future__ import annotations

import threading

from cnnviz import settings
from cnnviz.runtime import (
    attribution,
    batches,
    checks,
    embedding,
    evaluate,
    experiments,
    feature_vis,
    live,
    projection,
    suspects,
    uploads,
)
from cnnviz.runtime.backend import Backend


class Engine(Backend):
    """Answers questions about networks and photos; safe to share between threads. Built as `Backend` says."""

    # networks of the program itself
    add = live.add
    remove = live.remove
    # networks that people upload
    read_upload = uploads.read_upload
    keep_upload = uploads.keep_upload
    # which pixels support a class
    heatmap = attribution.heatmap
    heatmaps = attribution.heatmaps
    every_class = attribution.every_class
    ladder = attribution.ladder
    stages = attribution.stages
    # many photos at once
    heatmap_batch = batches.heatmap_batch
    predict_batch = batches.predict_batch
    # may a heat map be believed
    faithfulness = checks.faithfulness
    chance = checks.chance
    sanity = checks.sanity
    diagnose = checks.diagnose
    drill = checks.drill
    arithmetic = checks.arithmetic
    field = checks.field
    receptive = checks.receptive
    erase = checks.erase
    # how often a network is right
    evaluate = evaluate.evaluate
    # features of a folder, its images in a plane, its labels
    embed = embedding.embed
    project = projection.project
    photo_features = projection.photo_features
    suspects = suspects.suspects
    # experiments of the lectures
    skip_layers = experiments.skip_layers
    skip_connection = experiments.skip_connection
    input_of = experiments.input_of
    pooled_head = experiments.pooled_head
    translation = experiments.translation
    # what maximises a channel
    recipe = feature_vis.recipe
    filters = feature_vis.filters
    effort = feature_vis.effort
    filter_layers = feature_vis.filter_layers
    tuning = feature_vis.tuning
    patches = feature_vis.patches


_shared: list[Engine] = []
_lock = threading.Lock()


def shared() -> Engine:
    """The engine that everyone in this process shares; made at the first call."""
    with _lock:
        if not _shared:
            _shared.append(Engine(device=settings.device(), cache_dir=settings.cache()))
        return _shared[0]
