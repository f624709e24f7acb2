"""The command that starts the dashboard."""

from __future__ import annotations

import importlib
import sys
from operator import attrgetter
from pathlib import Path

import click

from cnnviz import places, settings
from cnnviz.cli.group import DEVICE, command, device_of, weights_of
from cnnviz.options import RequestError

TAKEN = {"net", "name", "labels", "preprocess"}  # by Engine.add
PUBLIC_UPLOAD = 100  # MB of a network; other files may have less


@command
@click.option(
    "--public",
    is_flag=True,
    help="Serve the network, not this machine alone; without uploads of checkpoints, training and deleting.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@DEVICE
@click.option(
    "--metrics",
    is_flag=True,
    help="Give /metrics to everybody who reaches the server; else this machine alone has them, and not with --public.",
)
@click.option(
    "--net",
    metavar="MODULE:FACTORY",
    help="A network of your own: a class, function or instance in a module, which may lie in the current folder.",
)
@click.pass_context
def serve(context: click.Context, public: bool, port: int, metrics: bool, net: str | None) -> None:
    """Start the dashboard in this process; stop it with Ctrl-C."""
    if not places.APP.is_file():
        raise click.ClickException("The dashboard's app.py is missing; install cnnviz again, or run from a clone.")
    settings.check()
    arguments, variables = serving(public, port, weights_of(context), device_of(context))
    if metrics:
        variables["CNNVIZ_METRICS"] = "1"
    for name, value in variables.items():
        settings.put(name, value)
    if net:
        hand_over(net)
    from streamlit import net_util
    from streamlit.web import cli as streamlit

    net_util.get_external_ip = lambda: None  # it would ask an outside service before app.py is read
    streamlit.main(arguments, prog_name="streamlit", standalone_mode=True)


def serving(public: bool, port: int, weights: Path | None, device: str = "auto") -> tuple[list[str], dict[str, str]]:
    """Streamlit's arguments and the environment variables the dashboard reads."""
    arguments = ["run", str(places.APP), f"--server.port={port}", "--server.showEmailPrompt=false"]
    arguments.append(f"--server.address={'0.0.0.0' if public else '127.0.0.1'}")
    variables = {"CNNVIZ_WEIGHTS": str(weights.resolve())} if weights else {}
    if device != "auto":
        variables["CNNVIZ_DEVICE"] = device
    if public:
        arguments.append(f"--server.maxUploadSize={PUBLIC_UPLOAD}")
        variables["CNNVIZ_PUBLIC"] = "1"
    return arguments, variables


def hand_over(named: str) -> str:
    """The key of the network that `module:factory` names, in the engine that this process shares.

    The factory is a module's class, function or instance, and gives a network, or a dictionary of what `Engine.add`
    takes. The current folder is looked in first. Raises `RequestError` where it cannot be had.
    """
    from cnnviz.runtime.engine import shared

    place, colon, path = named.partition(":")
    if not (place and colon and path):
        raise RequestError(f"--net takes MODULE:FACTORY, for instance nets:make, and not {named!r}.")
    plain = ".".join(part for part in Path(place.removesuffix(".py")).parts if part != "/")
    if place != plain or "(" in path:
        raise RequestError(f"--net takes names as Python imports them; write --net {plain}:{path.partition('(')[0]}.")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = attrgetter(path)(importlib.import_module(place))
        if isinstance(found, type) or not hasattr(found, "forward"):
            found = found()
    except Exception as error:  # whatever somebody's own module does
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise RequestError(f"{named} gives no network ({said}).") from error
    if isinstance(found, (tuple, list)):
        raise RequestError(f"{named} gives a {type(found).__name__}; give {{'net': ..., 'labels': ...}} instead.")
    given = found if isinstance(found, dict) else {"net": found}
    if "net" not in given or not TAKEN.issuperset(given):
        had = ", ".join(map(str, given)) or "nothing"
        raise RequestError(
            f"{named} gives a dictionary with {had}; call its keys 'net', 'name', 'labels' and 'preprocess'."
        )
    return shared().add(**given)
