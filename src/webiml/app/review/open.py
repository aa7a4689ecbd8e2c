"""Which set of cases a folder holds: a dataset, the results of `webiml localize`, or an evaluation."""

from __future__ import annotations

from pathlib import Path

from webiml.app.review.cases import Cases
from webiml.errors import SettingError
from webiml.store.dataset import is_dataset
from webiml.store.place import open_place


def open_cases(path: Path | str) -> Cases:
    """The cases that lie at `path`.

    Raises:
        SettingError: it holds none, is not finished, or lies elsewhere than on this machine.
    """
    place = open_place(path)
    if place.local is None:
        raise SettingError(f"{place} must be a folder of this machine to be reviewed: copy it first.")
    folder = place.local
    if not folder.is_dir():
        raise SettingError(f"{folder} is not a folder: give one that webiml annotate, localize or evaluate wrote.")
    if is_dataset(folder):
        from webiml.app.review.dataset_cases import DatasetCases

        return DatasetCases.open(folder)
    from webiml.app.review.localization_cases import LocalizationCases, is_results

    if is_results(folder):
        return LocalizationCases.open(folder)
    from webiml.app.review.evaluation_cases import EvaluationCases, is_evaluation

    if is_evaluation(folder):
        return EvaluationCases.open(folder)
    raise SettingError(
        f"There is nothing to review in {folder}: it is no finished dataset, no results of webiml localize and no "
        "evaluation."
    )
