"""The kind of a pair: what the numbers behind it say, and how sure it is."""

import cv2
import numpy as np
import pytest

from webiml.annotate.classify import classify_by_curves, curves
from webiml.evidence.evidence import Evidence
from webiml.evidence.kind import object_features, scene_features
from webiml.types import Kind


@pytest.fixture(scope="module")
def same_scene(picture) -> Evidence:
    """A crop of the canyon with a piece of another picture."""
    authentic = picture("canyon", 300)
    manipulated = authentic[10:, 20:].copy()
    manipulated[60:110, 80:150] = picture("coffee", 300)[60:110, 80:150]
    return Evidence(authentic, manipulated)


@pytest.fixture(scope="module")
def shared_object(picture) -> Evidence:
    """The rocket's launch pad on the canyon."""
    authentic, manipulated = picture("rocket", 300), picture("canyon", 300)
    manipulated[40:170, 120:240] = authentic[50:180, 90:210]
    return Evidence(authentic, manipulated)


@pytest.fixture(scope="module")
def strangers(picture) -> Evidence:
    return Evidence(picture("cat", 300), picture("rocket", 300))


def test_each_kind(picture, same_scene, shared_object, strangers):
    pier = picture("pier", 300)
    again = cv2.resize(pier, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    for evidence, want in (
        (same_scene, Kind.SPG),
        (shared_object, Kind.SDG),
        (strangers, Kind.UNRELATED),
        (Evidence(pier, again), Kind.IDENTICAL),
    ):
        ((kind, confidence),) = classify_by_curves(evidence).items()
        assert kind is want
        assert 0.25 <= confidence <= 1


def test_half_of_the_strangers_at_least_share_no_object(picture):
    pairs = [("pier", "dandelion"), ("rocket", "boards"), ("canyon", "coffee")]
    pairs += [("cat", "pier"), ("cat", "rocket"), ("earth-orbit", "boards")]
    kinds = [next(iter(classify_by_curves(Evidence(picture(one, 300), picture(two, 300))))) for one, two in pairs]
    assert set(kinds) <= {Kind.UNRELATED, Kind.SDG}
    assert kinds.count(Kind.UNRELATED) >= 3, kinds


def test_the_same_scene_explains_the_picture_and_strangers_do_not(same_scene, strangers):
    same, strange = scene_features(same_scene), scene_features(strangers)
    for name, value in same.items():
        assert 0 <= strange[name] <= 1 and 0 <= value <= 1
        assert value > strange[name] + 0.3, name


def test_agreement_counts_by_what_it_covers(picture):
    manipulated = picture("canyon", 320)
    whole = scene_features(Evidence(manipulated, manipulated))
    quarter = scene_features(Evidence(np.ascontiguousarray(manipulated[:107, :160]), manipulated))
    assert whole["agreement"] == pytest.approx(1, abs=0.01)
    assert quarter["agreement"] == pytest.approx(0.5, abs=0.05)  # the root of a quarter


def test_a_shared_object_leaves_a_trace(shared_object, strangers):
    shared, strange = object_features(shared_object), object_features(strangers)
    for name, value in shared.items():
        assert value > strange[name], name


def test_pictures_without_structure_have_no_features():
    black, grey = np.zeros((64, 64, 3), np.uint8), np.full((64, 80, 3), 99, np.uint8)
    assert set(scene_features(Evidence(black, grey)).values()) == {0.0}  # no alignment
    assert set(object_features(Evidence(black, grey)).values()) == {0.0}  # no hypotheses


def test_curves_use_the_features_that_are_computed(strangers):
    assert set(curves()["same_scene"].names) <= set(scene_features(strangers))
    assert set(curves()["shared_object"].names) <= set(object_features(strangers))
