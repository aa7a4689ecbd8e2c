"""Settings from a YAML file: its keys are the fields of the settings dataclasses, and flags win over it."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import yaml

from webiml.errors import SettingError
from webiml.settings import (
    AnnotateRun,
    AnnotatorSettings,
    CollectRun,
    CollectSettings,
    EvaluateRun,
    EvaluateSettings,
    LocalizeRun,
    LocalizeSettings,
    SampleSettings,
    ServeRun,
    ServeSettings,
    TrainRun,
    TrainSettings,
)

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.argument import ArgumentCollection

SETTINGS = {
    "annotate": (AnnotatorSettings, AnnotateRun),
    "collect": (CollectSettings, CollectRun),
    "localize": (LocalizeSettings, LocalizeRun),
    "evaluate": (EvaluateSettings, EvaluateRun),
    "train": (TrainSettings, SampleSettings, TrainRun),
    "serve": (ServeSettings, ServeRun),
}
"""What a --config file may set, by command."""

MAX_BYTES = 1 << 16  # a settings file is a screen of text; anything larger is the wrong file


def read_config(path: Path, *settings: type) -> dict[str, Any]:
    """Field name to value, every key known and every value of its field's type.

    Args:
        path: a YAML file holding one mapping; `min-qes` is read as `min_qes`.
        settings: the dataclasses whose fields may be set.
    Raises:
        SettingError: the file cannot be read, is not such a mapping, or a key or a value does not fit.
    """
    types = {name: hint for one in settings for name, hint in get_type_hints(one).items()}
    known = {field.name: types[field.name] for one in settings for field in fields(one)}
    return check_values(read_yaml(path, f"--config {path}", "min_qes: 0.6"), known, f"--config {path}")


def read_yaml(path: Path, where: str, example: str) -> dict[Any, Any]:
    """What a YAML file of settings holds; nothing is checked but that it is one mapping.

    Args:
        where: the file, as a message names it. example: of a line.
    Raises:
        SettingError: it cannot be read, or is no such mapping.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingError(f"{where} cannot be read: {error.strerror or error}.") from None
    if len(data) > MAX_BYTES:
        raise SettingError(f"{where} is larger than 64 kB, so it is hardly a settings file.")
    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        first = " ".join(str(error).split())
        raise SettingError(f"{where} is not readable YAML: {first}") from None
    if content is not None and not isinstance(content, dict):
        raise SettingError(f"{where} must hold lines such as `{example}`, not a {type(content).__name__}.")
    return content or {}


def check_values(content: Mapping[Any, Any], known: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values of a mapping by name, every key known and every value of its type; `min-qes` is read as `min_qes`.

    Args:
        known: name to type. where: what holds the mapping, as a message names it.
    Raises:
        SettingError: a key or a value does not fit.
    """
    values: dict[str, Any] = {}
    for key, value in content.items():
        name = str(key).replace("-", "_")
        if name not in known:
            close = difflib.get_close_matches(name, known, n=2)
            hint = f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(known)}."
            raise SettingError(f"{where} has an unknown key {reprlib.repr(key)}. {hint}")
        if name in values:
            raise SettingError(f"{where} sets {name} twice.")
        values[name] = _checked(value, known[name], f"{where}: {key}")
    return values


def apply_config(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give every flag that the command line leaves open the value of the --config file, if there is one (cyclopts)."""
    from cyclopts.config import Dict

    for argument in arguments:
        if argument.name == "--config" and argument.tokens:
            path = Path(argument.tokens[-1].value)
            values = read_config(path, *SETTINGS[app.name[0].rpartition(" ")[2]])
            Dict(data=values, source=str(path), use_commands_as_keys=False)(app, commands, arguments)


def _checked(value: Any, hint: Any, where: str) -> Any:
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        if value in choices:
            return value
        close = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1)
        raise SettingError(
            f"{where} must be one of {', '.join(map(str, choices))}, got {reprlib.repr(value)}."
            + (f" Did you mean {close[0]}?" if close else "")
        )
    if hint == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise SettingError(f"{where} must be a list of texts, such as [one, two], got {reprlib.repr(value)}.")
    if hint is dict:
        if value is None or isinstance(value, dict):
            return value or {}
        raise SettingError(f"{where} must hold settings, got {reprlib.repr(value)}.")
    if hint == Path | None:
        if isinstance(value, str):
            return Path(value)
        raise SettingError(f"{where} must be a path, got {reprlib.repr(value)}.")
    if hint is str:
        if isinstance(value, str):
            return value
        raise SettingError(f"{where} must be text, got {reprlib.repr(value)}; put it in quotes.")
    wanted = {bool: "true or false", int: "a whole number", float: "a number"}[hint]
    # bool is an int in Python, but `workers: true` is a mistake.
    fits = isinstance(value, bool) if hint is bool else isinstance(value, (int, hint)) and not isinstance(value, bool)
    if not fits:
        raise SettingError(f"{where} must be {wanted}, got {reprlib.repr(value)}.")
    return value
