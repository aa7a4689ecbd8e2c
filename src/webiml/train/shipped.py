"""What is exported of each network: which part has learned, the whole around it, what it takes and gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from webiml.evidence import corr_dino_input
from webiml.evidence.dass_input import CHANNELS
from webiml.evidence.kind_input import GRID, SIDE
from webiml.evidence.matching import MAPS
from webiml.nets.backbones import Descriptors
from webiml.nets.corr_dino import build as build_corr_dino
from webiml.nets.dass import build as build_dass
from webiml.nets.localizer import THRESHOLD, Deployed
from webiml.nets.pair_classifier import KINDS, PRESETS, MatchingPreset, PairClassifier
from webiml.nets.pair_classifier import build as build_pair_classifier
from webiml.nets.web_iml import build as build_web_iml
from webiml.settings import TrainSettings
from webiml.train.export import Interface, Shipped
from webiml.train.networks import load_factory
from webiml.train.pair_classifier import PairClassifierTask, temperature


def as_shipped(network: str, settings: dict[str, Any], samples: Path) -> Shipped:
    """What ships of a network, its weights not loaded yet.

    Args:
        network: dass, corr-dino, pair-classifier, trunk, web-iml or document. settings: of its training.
        samples: of its training; the pair classifier and Web-IML are calibrated on their val split.
    """
    if network == "web-iml":
        return _web_iml(settings["preset"], samples)
    if network == "document":
        return _document(settings["preset"], samples)
    if network == "pair-classifier":
        return _pair_classifier(settings, samples)
    if network == "trunk":
        return _trunk()
    return _dass(settings["preset"]) if network == "dass" else _corr_dino(settings["preset"])


def own_localizer(net: str, samples: Path) -> Shipped:
    """What is exported of a localizer of one's own, its weights not loaded yet.

    Args:
        net: package.module:factory. samples: of its training; it is calibrated on their val split.
    Raises:
        SettingError: there is no such function, or what it makes is no localizer.
    """
    limits = ("Nobody has said yet what fools it.",)
    return _localizer(
        load_factory(net)(), f"Where was a picture manipulated? A localizer made by {net}.", limits, samples
    )


def _web_iml(preset: str, samples: Path) -> Shipped:
    limits = (
        "It says where a picture looks as if it had been edited, not why, by whom, or whether that matters.",
        "What stands out is marked although nobody touched it: a person, an animal or a thing before calm or blurred "
        "ground, bright cloth, signs, sharp silhouettes. Of authentic pictures it marks several per cent of the area.",
        "Of several things in a busy scene it may mark the neighbours of what was pasted; an object that was pasted "
        "well, in the light and colours of the place, is often seen but below the threshold, or in part.",
        "Copies within a picture, flat areas and whole backgrounds that were replaced are missed most often.",
        "It learned from forged pictures: an edit of a kind that they lack, a generated one among them, may be missed.",
    )
    about = "Where was a picture manipulated? Web-IML looks at one picture alone, with the trunk of EfficientNet-Lite0 "
    return _localizer(build_web_iml(preset), about + "(see efficientnet_lite0.md).", limits, samples)


def _document(preset: str, samples: Path) -> Shipped:
    limits = (
        "It learned from pages that were rendered, forged and degraded by a program, in Latin letters, of a few "
        "typefaces and layouts: real documents look different, and how often it is wrong about them is not known.",
        "It says where a page looks as if it had been edited, not why, by whom, or whether that matters.",
        "Words that were typed anew before the page was printed and scanned leave little to see.",
    )
    about = "Where was the picture of a document manipulated? Web-IML, gone on with pages, with the trunk of "
    return _localizer(build_web_iml(preset), about + "EfficientNet-Lite0 (see efficientnet_lite0.md).", limits, samples)


def _localizer(net: nn.Module, about: str, limits: tuple[str, ...], samples: Path) -> Shipped:
    deployed, pixels = Deployed(net), ("batch", "height", "width")

    def calibrate() -> dict[str, Any]:
        from webiml.train.localizer_calibration import calibration

        return calibration(deployed.eval(), samples)

    interface = Interface(
        inputs={"picture": (*pixels, 3)},
        output="float32 in [0, 1]: `probability` (batch, height, width), calibrated P(pixel is manipulated); "
        "`confidence` (batch, height, width), P(the pixel is on the right side of the threshold); "
        "`score` (batch), calibrated P(the picture holds a manipulated area). Pictures are RGB, of 16 pixels a side on",
        about=about,
        limits=limits,
        outputs={"probability": pixels, "confidence": pixels, "score": ("batch",)},
        uint8=("picture",),
        facts={"kind": "localizer", "threshold": THRESHOLD, "enlargement": deployed.enlargement},
    )
    return Shipped(interface, net, deployed, calibrate)


def _trunk() -> Shipped:
    net = Descriptors()
    interface = Interface(
        inputs={"picture": ("batch", 3, "height", "width")},
        output="float32 (batch, 352, rows, columns), unit vectors of what each place of 8 pixels looks like",
        about="What does each place of a picture look like? EfficientNet-Lite0 (see efficientnet_lite0.md), its later "
        "blocks tuned so that places of two pictures which show the same thing look most alike.",
        limits=(
            "It was tuned on pasted objects: another view of the same thing may look different to it.",
            "Smooth places look alike wherever they are.",
        ),
    )
    return Shipped(interface, learned=net, whole=net)


def _dass(preset: str) -> Shipped:
    net = build_dass(preset, CHANNELS)
    interface = Interface(
        inputs={"stack": ("batch", CHANNELS, "height", "width")},
        output="float32 (batch, 1, height, width), logits of P(pixel is manipulated)",
        about="Where was the authentic picture of a shared-probe pair edited? Denoises the difference of two pictures.",
        limits=(
            "It takes pairs that have been aligned (webiml.evidence.dass_input) and knows nothing of single pictures.",
            "It learned from forged pairs: an edit of a kind that they lack may be missed.",
            "Where the authentic picture does not cover the manipulated one (validity 0) it can only guess how far an "
            "edit goes on.",
        ),
    )
    return Shipped(interface, learned=net, whole=net)


def _corr_dino(preset: str) -> Shipped:
    net = build_corr_dino(preset, corr_dino_input.CHANNELS, len(MAPS))
    interface = Interface(
        inputs={
            "stack": ("batch", corr_dino_input.CHANNELS, "height", "width"),
            "matching": ("batch", len(MAPS), "rows", "columns"),
        },
        output="float32 (batch, 1, height, width), logits of P(pixel belongs to an object of the other picture)",
        about="Where does a picture show an object of another one? Denoises what matching and key points propose. "
        "Features: the trunk that ships, see trunk.md, unless the card names another backbone.",
        limits=(
            "It takes what webiml.evidence.corr_dino_input makes of a pair, not files.",
            "It learned from forged pairs: an object that was bent, redrawn or strongly recoloured may be missed.",
            "Smooth surroundings that look alike in both pictures may be taken along.",
        ),
    )
    return Shipped(interface, learned=net, whole=net)


def _pair_classifier(settings: dict[str, Any], samples: Path) -> Shipped:
    whole = build_pair_classifier(settings["preset"])
    learned = whole.reader if isinstance(whole, PairClassifier) else whole
    preset = PRESETS[settings["preset"]]
    inputs: dict[str, tuple[int | str, ...]]
    if isinstance(preset, MatchingPreset):
        inputs = {side: ("batch", 3, SIDE, SIDE) for side in ("authentic", "manipulated", "aligned")}
        inputs |= {"maps": ("batch", preset.maps, GRID, GRID)}
        inputs |= {"features": ("batch", preset.features), "framing": ("batch", preset.framing)}
    else:
        inputs = {side: ("batch", 3, preset.side, preset.side) for side in ("authentic", "manipulated")}

    def calibrate() -> dict[str, Any]:
        task = PairClassifierTask(TrainSettings(**settings), samples)
        with torch.no_grad():
            found, truth = task.outputs(learned.eval(), "val")
        warmth = temperature(found[:, : len(KINDS)], truth["kind"])
        learned.cool(warmth)
        return {"temperature": round(warmth, 4)}

    interface = Interface(
        inputs=inputs,
        output=f"float32 (batch, 9): logits of {', '.join(KINDS)} (calibrated); the logit of `both pictures have one "
        "framing`; the manipulated frame in the authentic one, x0, y0, x1, y1 in units of its size",
        about="What have two pictures in common: the scene, an object, or nothing? "
        "With EfficientNet-Lite0 as its frozen trunk: see efficientnet_lite0.md.",
        limits=(
            "It takes what webiml.evidence.kind_input makes of a pair, not files.",
            "It learned from forged pairs; its confidence is calibrated on forged pairs of other pictures.",
            "A shared object that is small, smooth or strongly distorted may be missed.",
        ),
    )
    return Shipped(interface, learned, whole, calibrate)
