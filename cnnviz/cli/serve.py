"""The command that starts the dashboard."""

from __future__ import annotations

from pathlib import Path

import click

from cnnviz import places, settings
from cnnviz.cli.group import DEVICE, command, device_of, weights_of

PUBLIC_UPLOAD = 10  # MB


@command
@click.option(
    "--public",
    is_flag=True,
    help="Serve the network, not this machine alone; without uploads of weights, training and deleting.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@DEVICE
@click.pass_context
def serve(context: click.Context, public: bool, port: int) -> None:
    """Start the dashboard in this process; stop it with Ctrl-C."""
    if not places.APP.is_file():
        raise click.ClickException("The dashboard's app.py is missing; install cnnviz again, or run from a clone.")
    settings.check()
    arguments, variables = serving(public, port, weights_of(context), device_of(context))
    for name, value in variables.items():
        settings.put(name, value)
    from streamlit.web import cli as streamlit

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
