"""Every page that shows a network, as a visitor opens it: it works, or says in one sentence why not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streamlit.testing.v1 import AppTest

from cnnviz import places
from cnnviz.runtime.engine import Engine
from cnnviz.ui.server import startup
from cnnviz.ui.shell import main
from tests.zoo.case import Case, Wrong

PROOFS = ("All layers", "Contributions", "Faithfulness", "Sanity check", "Regions")
VIEWS: tuple[tuple[str, dict[str, str]], ...] = (
    ("home", {}),
    ("activations", {"channel": "0"}),
    ("activations", {"experiment": "shift"}),
    ("activations", {"experiment": "skip"}),
    ("activations", {"experiment": "pooling"}),
    *(("class_activation", {"proof": proof}) for proof in ("Raw map", *PROOFS)),
    ("class_activation", {"method": "guided"}),
    ("filters", {"many": "1", "auto-steps": "2", "auto-size": "64"}),
    ("filters", {"layer": "logits", "many": "1", "auto-steps": "1", "auto-size": "64"}),
    ("convolution", {"lab-view": "Receptive field"}),
    ("gabor", {}),
)


def screens(case: Case) -> str:
    """The pages without an exception; those that refuse something say it in one line."""
    whole = 0
    with _serving(case.engine):
        for page, params in VIEWS:
            what = f"{page} {params or ''}"
            at = AppTest(main.__file__, default_timeout=300)
            if page != "home":
                at.switch_page(str(places.page(page)))
            for name, value in {"model": case.key, **params}.items():
                at.query_params[name] = value
            at.run()
            if at.exception:
                raise Wrong(f"{what}: {at.exception[0].message}")
            if at.selectbox("model").value != case.key:
                raise Wrong(f"{what}: shows {at.selectbox('model').value}")
            said = [one.value for one in at.error]
            if any("\n" in one or "Traceback" in one for one in said):
                raise Wrong(f"{what}: {said}")
            whole += not said
    return f"{whole}/{len(VIEWS)}"


@contextmanager
def _serving(engine: Engine) -> Iterator[None]:
    """The pages ask this engine."""
    start = startup.START
    before, start._engine = start.engine(), engine
    try:
        yield
    finally:
        start._engine = before
