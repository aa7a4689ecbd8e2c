"""A function of the user's own, by its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from webiml.errors import SettingError


def function_named(name: str, flag: str, takes: str) -> Callable[..., Any]:
    """The function that `package.module:function` names; `flag` and `takes` are for the sentence of an error.

    Raises:
        SettingError: it cannot be imported or is no function.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise SettingError(f"{flag} {name} cannot be imported ({error}); is it on PYTHONPATH?") from None
    if not callable(found):
        raise SettingError(f"{flag} {name} is no function of ({takes}).")
    return found
