"""The command line: `cnnviz COMMAND`, or `python -m cnnviz COMMAND`, and its exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

import click

from cnnviz import settings
from cnnviz.cli import (  # noqa: F401  their commands join the group
    audit,
    embed,
    export,
    folders,
    inspect,
    render,
    serve,
    train,
)
from cnnviz.cli.group import STOPPED, cli
from cnnviz.models.weights import DownloadError
from cnnviz.options import RequestError

FAILED, REFUSED = 1, 2
MODULE, SCRIPT = "python -m cnnviz", "cnnviz"  # what the program is called in its help


def console() -> int:
    """The exit code of the console script, which goes by its own name and starts the dashboard without a command."""
    return main(sys.argv[1:] or ["serve"], SCRIPT)


def main(arguments: Sequence[str] | None = None, program: str = MODULE) -> int:
    """The exit code: 0 done, 1 it failed, 2 it cannot be done as asked, 130 it was stopped.

    Errors are one line on standard error.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # other packages' warnings would stand between the user and the one line
    settings.give_home()
    try:
        return cli.main(args=arguments, prog_name=program, standalone_mode=False) or 0
    except click.Abort:
        return STOPPED
    except click.ClickException as error:
        return _say(error.format_message(), REFUSED)
    except DownloadError as error:
        return _say(error, FAILED)
    except RequestError as error:
        return _say(error, REFUSED)
    except BrokenPipeError:  # the reader of our output has seen enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # whatever else went wrong is told in one line too
        return _say(f"{type(error).__name__}: {error}", FAILED)


def _say(error: object, code: int) -> int:
    click.echo(f"cnnviz: {' '.join(str(error).split())}", err=True)
    return code
