"""One forged pair: a pure function of the seed, its key and the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from webiml.errors import SettingError
from webiml.forge import edits
from webiml.forge.donor import paste_of
from webiml.forge.edits import Remover, settled
from webiml.forge.forged_pair import ForgedPair, Forgery, chance, sent
from webiml.forge.object_jitter import jitter
from webiml.forge.objects import Rng
from webiml.forge.pictures import SourcePicture
from webiml.forge.scene import Scene, open_scene, things_of
from webiml.forge.web_degradation import STRENGTHS, Strength, drawn_strength, through_the_web
from webiml.settings import ForgeSettings
from webiml.types import Kind

MIN_SIDE = 128  # pixels: smaller pictures are not forged with
TRIES = 40  # of a forgery that cannot be seen
_EDITS = {
    "splice": 0.27,
    "copy_move": 0.15,
    "flat_copy_move": 0.08,
    "removal": 0.12,
    "large_paste": 0.05,
    "background_replaced": 0.05,
    "resized_in_place": 0.03,
    "recoloured": 0.06,
    "exposed": 0.05,
    "blurred": 0.04,
    "liquified": 0.02,
    "lettered": 0.04,
    "scribbled": 0.02,
    "covered": 0.02,
}
_EDITS_OF_SINGLES = {
    "splice": 0.57,
    "copy_move": 0.26,
    "flat_copy_move": 0.08,
    "removal": 0.03,
    "resized_in_place": 0.02,
    "recoloured": 0.01,
    "exposed": 0.01,
    "blurred": 0.01,
    "lettered": 0.01,
}
"""What people do to a picture that is posted alone: they paste whole things and hide little."""
_STRENGTHS_OF_SINGLES: dict[Strength, float] = {"mild": 0.85, "middle": 0.12, "hard": 0.03}
"""What the web does to it: hard damage leaves no trace that one picture could show."""
_ALONE = ("single", "jittered")  # kinds that are looked at without their authentic side
JITTERED = "object_jitter"  # the operation that marks such a pair
_FOREIGN = ("splice", "large_paste", "background_replaced")  # need a second picture
_OF_THE_SOURCE = ("copy_move", "flat_copy_move", "resized_in_place")


def forge_pair(
    key: str,
    pictures: Sequence[SourcePicture],
    settings: ForgeSettings,
    *,
    objects: Path | None = None,
    remover: Remover | None = None,
) -> ForgedPair:
    """Forge one pair: the same one for the same key, pictures and settings, in whatever process and order.

    Args:
        key: names the pair and seeds its draws.
        pictures: what to forge from, in the order of `list_pictures`.
        objects: folder where parts found in the pictures are stored; only read, and only to save time.
        remover: fills holes in some of the removals, (rgb (H, W, 3) uint8, hole (H, W) bool) -> rgb.
    Raises:
        SettingError: too few pictures, or none in which an edit can be seen.
        BadImage: a picture cannot be read any more.
    """
    rng = chance(key, settings.seed)
    shares = settings.shares
    what = str(rng.choice(list(shares), p=list(shares.values())))
    bench = _Bench(pictures, settings.size, objects, remover)
    forgery = None
    for _ in range(TRIES):
        forgery = _MAKERS[what](bench, rng)
        if forgery is not None:
            break
    if forgery is None:
        raise SettingError(f"No {what} pair can be made of these pictures: give more, or larger ones.")
    kind = Kind.SPG if what in _ALONE else Kind(what)
    return sent(key, kind, forgery, rng, _STRENGTHS_OF_SINGLES if what in _ALONE else STRENGTHS, what == "single")


def untouched_picture(
    key: str, pictures: Sequence[SourcePicture], settings: ForgeSettings, *, objects: Path | None = None
) -> np.ndarray:
    """A picture that nobody forged, (H, W, 3) uint8, after the same web as a `single` pair; arguments as `forge_pair`.

    Three of four have labelled objects, of which forgeries are made: else a network would take every such object for
    a pasted one.

    Raises:
        SettingError, BadImage: as `forge_pair`.
    """
    rng = chance(key, settings.seed)
    bench = _Bench(pictures, settings.size, objects, None)
    (picture,) = bench.draw(1, rng, labelled=rng.random() < 0.75)
    rgb = bench.open(picture, rng).rgb
    strength = drawn_strength(rng, _STRENGTHS_OF_SINGLES)
    return np.ascontiguousarray(through_the_web(rgb, np.zeros(rgb.shape[:2], bool), strength, rng)[0])


@dataclass(frozen=True, slots=True)
class _Bench:
    """What forging draws from."""

    pictures: Sequence[SourcePicture]
    size: int
    objects: Path | None
    remover: Remover | None
    whole: bool = False

    def draw(self, count: int, rng: Rng, *, labelled: bool = False) -> list[SourcePicture]:
        """`count` pictures of different scenes; with `labelled` the first has labelled objects, where any has."""
        chosen: list[SourcePicture] = []
        for index in range(60 * count):
            one = self.pictures[int(rng.integers(len(self.pictures)))] if self.pictures else None
            if one is None:
                break
            if min(one.width, one.height) < MIN_SIDE or one.scene in {other.scene for other in chosen}:
                continue
            if labelled and not chosen and one.mask is None and index < 30:
                continue
            chosen.append(one)
            if len(chosen) == count:
                return chosen
        raise SettingError(
            f"{len(self.pictures):,} pictures are too few: {count} of different scenes, {MIN_SIDE} pixels or more a "
            "side, are needed. Give more pictures."
        )

    def open(self, picture: SourcePicture, rng: Rng) -> Scene:
        scene = open_scene(picture, self.size, self.objects, rng)
        return replace(scene, whole=True) if self.whole else scene


# ---------------------------------------------------------------- the kinds


def _spg(bench: _Bench, rng: Rng) -> Forgery | None:
    donor_picture, picture = bench.draw(2, rng, labelled=rng.random() < 0.4)
    if rng.random() < 0.4:  # the labelled one is edited: its own objects move or vanish
        donor_picture, picture = picture, donor_picture
    scene = bench.open(picture, rng)
    donor: Scene | None = None
    rgb, mask = scene.rgb, np.zeros(scene.shape, bool)
    done: list[str] = []
    for _ in range(int(rng.choice([1, 2, 3, 4], p=[0.66, 0.21, 0.09, 0.04]))):
        name = str(rng.choice(list(_EDITS), p=list(_EDITS.values())))
        if name in _FOREIGN and donor is None:
            donor = bench.open(donor_picture, rng)
        edit = _edited(name, rgb, scene, donor, rng, bench.remover)
        inside = settled(rgb, edit[0], edit[1]) if edit else None
        if edit is None or inside is None:
            continue
        rgb, mask = edit[0], mask | inside
        done.append(name)
    if not done or not 0.002 <= mask.mean() <= 0.7:
        return None
    used = [picture, donor_picture] if any(name in _FOREIGN for name in done) else [picture]
    return Forgery(scene.rgb, rgb, mask, None, [np.eye(3)], done, used)


def _single(bench: _Bench, rng: Rng) -> Forgery | None:
    """As `_spg`, but as people forge a picture that stands alone: mostly one whole thing, pasted or repeated."""
    bench = replace(bench, whole=True)
    donor_picture, picture = bench.draw(2, rng, labelled=rng.random() < 0.75)
    name = str(rng.choice(list(_EDITS_OF_SINGLES), p=list(_EDITS_OF_SINGLES.values())))
    if name not in _FOREIGN:  # the labelled one is edited: its own objects are repeated or vanish
        donor_picture, picture = picture, donor_picture
    scene = bench.open(picture, rng)
    donor = bench.open(donor_picture, rng) if name in _FOREIGN else None
    rgb, mask, done = scene.rgb, np.zeros(scene.shape, bool), list[str]()
    for _ in range(int(rng.choice([1, 2, 3], p=[0.82, 0.13, 0.05]))):
        edit = _edited(name, rgb, scene, donor, rng, bench.remover)
        inside = settled(rgb, edit[0], edit[1]) if edit else None
        if edit is not None and inside is not None:
            rgb, mask = edit[0], mask | inside
            done.append(name)
    if not done or not 0.004 <= mask.mean() <= 0.5:
        return None
    used = [picture, donor_picture] if donor else [picture]
    return Forgery(scene.rgb, rgb, mask, None, [np.eye(3)], done, used)


def _edited(
    name: str, rgb: np.ndarray, scene: Scene, donor: Scene | None, rng: Rng, remover: Remover | None
) -> edits.Edit:
    if name == "removal":
        return edits.removal(rgb, scene, rng, remover)
    if name in _FOREIGN:
        return getattr(edits, name)(rgb, scene, donor, rng)
    return getattr(edits, name)(rgb, scene, rng)


def _sdg(bench: _Bench, rng: Rng) -> Forgery | None:
    donor_picture, picture, third = bench.draw(3, rng, labelled=rng.random() < 0.6)
    donor, scene = bench.open(donor_picture, rng), bench.open(picture, rng)
    made = paste_of(donor, scene, rng)
    if made is None:
        return None
    rgb, used, done = scene.rgb, [picture, donor_picture], [made.operation]
    if rng.random() < 0.15:  # something of a third picture beside it, which the authentic one knows nothing of
        edit = edits.splice(rgb, scene, bench.open(third, rng), rng)
        if edit is not None:
            rgb = edit[0]
            used.append(third)
            done.insert(0, "splice")
    rgb, mask = made.onto(rgb)
    seen = settled(scene.rgb, rgb, mask)
    if seen is None:
        return None
    return Forgery(donor.rgb, rgb, mask, made.donor_mask(scene.shape), list(made.transforms), done, used)


def _identical(bench: _Bench, rng: Rng) -> Forgery | None:
    (picture,) = bench.draw(1, rng)
    scene = bench.open(picture, rng)
    return Forgery(scene.rgb, scene.rgb, np.zeros(scene.shape, bool), None, [np.eye(3)], [], [picture])


def _unrelated(bench: _Bench, rng: Rng) -> Forgery | None:
    """Two scenes, in some pairs with an object of one class in both; the manipulated one may be forged from a third."""
    one, two, three = bench.draw(3, rng)
    if rng.random() < 0.4:
        others = (p for p in bench.pictures if p.scene not in (one.scene, three.scene))
        alike = [p for p in others if set(p.labels) & set(one.labels) and min(p.width, p.height) >= MIN_SIDE]
        two = alike[int(rng.integers(len(alike)))] if alike else two
    scene = bench.open(two, rng)
    rgb, used, done = scene.rgb, [one, two], list[str]()
    if rng.random() < 0.4:
        edit = edits.splice(rgb, scene, bench.open(three, rng), rng)
        if edit is not None:
            rgb = edit[0]
            used.append(three)
            done.append("splice")
    return Forgery(bench.open(one, rng).rgb, rgb, np.zeros(scene.shape, bool), None, [], done, used)


def _jittered(bench: _Bench, rng: Rng) -> Forgery | None:
    """Objects of a picture in another size, exposure or texture where they stand."""
    (picture,) = bench.draw(1, rng, labelled=rng.random() < 0.9)
    scene = bench.open(picture, rng)
    changed = jitter(scene.rgb, things_of(scene), rng)
    if changed is None:
        return None
    rgb, mask = changed
    return Forgery(scene.rgb, rgb, mask, None, [np.eye(3)], [JITTERED], [picture])


_MAKERS = {
    "SPG": _spg,
    "SDG": _sdg,
    "identical": _identical,
    "unrelated": _unrelated,
    "single": _single,
    "jittered": _jittered,
}
