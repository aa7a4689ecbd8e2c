"""The command `webiml`: finds the subcommand, parses its flags and turns errors into sentences and exit codes.

Exit codes: 0 the run finished (also with rejected or failed rows), 1 something unforeseen, or a failed row with
--strict, 2 a wrong setting, 3 the output could not be written (the same command resumes), 130 interrupted after a
clean stop.

A subcommand and its heavy imports are loaded only when it is called; `webiml --help` needs none of them.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import time
from collections.abc import Mapping, Sequence

from webiml import __version__
from webiml.cli.terminal import complain, plain, say
from webiml.errors import OutputError, SettingError, WebimlError
from webiml.runners.log import event, switch_off, switch_on

COMMANDS = {
    "annotate": "Turn pairs of authentic and manipulated pictures into pixel masks that can be trusted.",
    "localize": "Say where pictures may be manipulated, each by itself.",
    "evaluate": "Score a localizer, or anybody's maps, on benchmarks, by one protocol.",
    "compare": "Set the results of several evaluations side by side, and say who wins.",
    "evaluate-annotations": "Score a dataset's masks against published ones.",
    "benchmark": "Say what of a benchmark is there, what is missing and what is wrong with it.",
    "collect": "Fetch the pictures that links name, politely, into a store.",
    "grow": "Add to a growing dataset what is new: collect, annotate, dedup, leaks and card in one go.",
    "dataset": "Count, check, judge again, clean, divide, export or take out what is in a dataset.",
    "review": "Decide about doubtful masks on a page in your browser: accept, reject, mend.",
    "serve": "Answer other programs over HTTP, with a page for people: a picture in, its mask out.",
    "complexity": "Count parameters and operations of a localizer; measure its time and memory.",
    "forge": "Forge pairs with exact masks from ordinary pictures.",
    "train": "Train a network on pairs that are forged from ordinary pictures.",
    "export": "Make what ships of a trained network: ONNX, a card, the list of its pictures.",
    "fetch": "Download a backbone that does not ship, and check it.",
}
"""Name of each command, which with _ for - is also its module in `webiml.cli` and the function in it; what it does."""

DATASET_COMMANDS = {
    "stats": "Count what is in a dataset or a store.",
    "verify": "Check every file and every row of a dataset or a store.",
    "filter": "Judge the stored maps again at other thresholds, without a network.",
    "dedup": "Leave out pictures that are there twice, exactly or nearly.",
    "leaks": "Find pictures of a dataset that a benchmark has, too.",
    "merge": "Join datasets into one.",
    "split": "Divide a dataset; pictures that belong together stay together.",
    "export": "Write a dataset in the form of another tool, or as a manifest without pictures.",
    "card": "Describe a dataset as a card of the Hugging Face Hub.",
    "remove": "Take pictures out of everything, so that they never come back.",
}
"""What stands behind `webiml dataset`; each name is also its module in `webiml.cli.dataset` and the function in it."""

LOG_JSON = "--log-json"

ABOUT = f"""\
webiml {__version__}: pairs of authentic and manipulated pictures in, pixel masks that can be trusted out.

Usage: webiml COMMAND ...

Commands:
{chr(10).join(f"  {name:<20} {summary}" for name, summary in COMMANDS.items())}

Options:
  --help      Show this, or with a command what the command takes.
  --version   Show the version.
  --log-json  With any command: write a line of JSON on stderr for each event, instead of text.

Example: webiml annotate PAIRS --out DATASET"""


ABOUT_DATASET = f"""\
Usage: webiml dataset COMMAND ...

Commands:
{chr(10).join(f"  {name:<20} {summary}" for name, summary in DATASET_COMMANDS.items())}

Example: webiml dataset stats DATASET"""


def main() -> None:
    """Entry point of the console script: run and exit."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")  # a file name may hold what the terminal's encoding lacks
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing that is raised comes through.

    Args:
        arguments: what follows the program's name; of them --log-json, anywhere before --, is of every command.
    """
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    logs = LOG_JSON in given[:end]
    given = [one for one in given[:end] if one != LOG_JSON] + given[end:]
    command, started = _command(given), time.monotonic()
    if logs:
        switch_on()
    try:
        event("run_started", command=command, version=__version__)
        code = _ended(given)
        event("run_finished", command=command, exit_code=code, seconds=round(time.monotonic() - started, 3))
    finally:
        if logs:
            switch_off()
    return code


def _ended(arguments: list[str]) -> int:
    """The exit code of one command line."""
    try:
        return _dispatch(arguments)
    except SettingError as error:
        return _fail(str(error), 2)
    except OutputError as error:
        return _fail(str(error), 3)
    except KeyboardInterrupt:
        return _fail("Stopped. What is finished is kept; the same command resumes.", 130)
    except WebimlError as error:
        return _fail(str(error), 1)
    except OSError as error:  # a folder that may not be read, an object store that does not answer
        if os.environ.get("WEBIML_DEBUG"):
            raise
        words = plain(str(error)).rstrip(".")
        return _fail(f"{words}. Look at the path, its permissions and the connection; the same command resumes.", 1)
    except Exception as error:
        if os.environ.get("WEBIML_DEBUG"):
            raise
        return _fail(
            f"webiml met something unforeseen ({type(error).__name__}: {error}). Finished pairs are kept. "
            "Please report it with what the same command prints when WEBIML_DEBUG=1 is set.",
            1,
        )


def _fail(sentence: str, exit_code: int) -> int:
    complain(sentence, exit_code)
    return exit_code


def _command(arguments: list[str]) -> str:
    """The command's name, such as `dataset verify`, without what it is given: that may name somebody."""
    name, verb = [*arguments, "", ""][:2]
    if name == "dataset" and verb in DATASET_COMMANDS:
        return f"dataset {verb}"
    return name if name in COMMANDS else ""


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        say(ABOUT)
        return 0
    if arguments[0] in ("-V", "--version"):
        say(__version__)
        return 0
    name, *rest = arguments
    if name != "dataset":
        module = f"webiml.cli.{_known(name, COMMANDS, 'webiml').replace('-', '_')}"
        return _call(name, module, rest)
    if not rest or rest[0] in ("-h", "--help", "help"):
        say(ABOUT_DATASET)
        return 0
    verb, *rest = rest
    return _call(f"dataset {verb}", f"webiml.cli.dataset.{_known(verb, DATASET_COMMANDS, 'webiml dataset')}", rest)


def _known(name: str, commands: Mapping[str, str], program: str) -> str:
    if name not in commands:
        close = difflib.get_close_matches(name, commands, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Commands: {', '.join(commands)}."
        raise SettingError(f"There is no command {plain(name)!r}. {hint} See {program} --help.")
    return name


def _call(name: str, module: str, arguments: list[str]) -> int:
    """Parse the flags of the command `webiml NAME`, which is the last part of `module`, and call it."""
    from cyclopts import App
    from cyclopts.exceptions import CycloptsError, UnusedCliTokensError

    from webiml.cli.config import apply_config

    app = App(
        name=f"webiml {name}",
        help_epilogue="With `--log-json` any command writes a line of JSON on stderr for each event, instead of text.",
        config=apply_config,
        version_flags=(),
        help_format="markdown",
        suppress_keyboard_interrupt=False,
    )
    app.default(getattr(importlib.import_module(module), module.rpartition(".")[2]))
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except UnusedCliTokensError as error:  # a shell pattern such as *.jpg becomes thousands of them
        surplus = error.unused_tokens or []
        more = f" and {len(surplus) - 1:,} more" if len(surplus) > 1 else ""
        raise SettingError(
            f"{plain(surplus[0]) if surplus else 'Something'}{more} came after all that webiml {name} takes. "
            f"See webiml {name} --help."
        ) from None
    except CycloptsError as error:
        raise SettingError(f"{str(error).strip()} See webiml {name} --help.") from None
    return int(code or 0)
