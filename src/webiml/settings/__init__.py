"""Settings: one frozen dataclass a command. Its fields are the flags, the YAML keys and what is hashed."""

from webiml.settings.annotate import AnnotateRun, AnnotatorSettings
from webiml.settings.collect import CollectRun, CollectSettings
from webiml.settings.evaluate import EvaluateRun, EvaluateSettings, Protocol
from webiml.settings.forge import DOCUMENT_KINDS, FORGE_KINDS, ForgeRun, ForgeSettings
from webiml.settings.limits import read_shares
from webiml.settings.localize import LocalizeRun, LocalizeSettings
from webiml.settings.review import ReviewRun
from webiml.settings.serve import ServeRun, ServeSettings
from webiml.settings.train import Backbone, SampleSettings, TrainRun, TrainSettings

__all__ = [
    "DOCUMENT_KINDS",
    "FORGE_KINDS",
    "AnnotateRun",
    "AnnotatorSettings",
    "Backbone",
    "CollectRun",
    "CollectSettings",
    "EvaluateRun",
    "EvaluateSettings",
    "ForgeRun",
    "ForgeSettings",
    "LocalizeRun",
    "LocalizeSettings",
    "Protocol",
    "ReviewRun",
    "SampleSettings",
    "ServeRun",
    "ServeSettings",
    "TrainRun",
    "TrainSettings",
    "read_shares",
]
