"""What a dry run says: what would be done, and what it would cost by rates that were measured."""

from __future__ import annotations

from tests.datasets.stub_annotator import RandomAnnotator
from tests.grow.growing import Folder, contents

from webiml.collect.run import collect
from webiml.collect.sources.read import read_source
from webiml.grow import generations
from webiml.grow.pairs import find_new
from webiml.grow.plan import plan
from webiml.grow.record import Record, Step, deciding, write_record
from webiml.store.place import Place


def fetch(here: Folder) -> None:
    """Bring what the source names into the store, as a run does first."""
    settings = here.settings()
    listed = read_source(settings.source, settings.collect_run.reader)
    collect(listed.links, Place(settings.store), settings.collect, settings.collect_run)


def test_without_a_store_there_is_nothing_but_links_and_no_rate(tmp_path):
    here = Folder(tmp_path / "here")
    here.add("g1", "cat", 1, 11)
    here.add("g2", "dog", 2, 12)
    before = contents(tmp_path)
    planned = plan(here.settings())
    assert (planned.links, planned.to_ask, planned.pairs, planned.at_most_more) == (4, 4, 0, 2)
    assert (planned.rates, planned.seconds_a_pair, planned.bytes) == ("", None, None)
    assert contents(tmp_path) == before


def test_the_first_rate_is_measured_with_a_few_pairs_that_are_not_kept(tmp_path):
    here = Folder(tmp_path / "here")
    here.add("g1", "cat", 1, 11)
    here.add("g2", "dog", 2, 12)
    fetch(here)
    before = contents(tmp_path)
    planned = plan(here.settings(), annotator=RandomAnnotator)
    assert (planned.to_ask, planned.pairs, planned.at_most_more) == (0, 2, 0)
    assert planned.rates == "2 pairs of the store, annotated now"
    assert planned.seconds_a_pair is not None and planned.bytes is not None and planned.bytes > 1000
    assert contents(tmp_path) == before


def test_later_the_newest_rates_of_each_step_count_and_a_stopped_generation_is_named(tmp_path):
    here = Folder(tmp_path / "here")
    for number in range(4):
        here.add(f"g{number}", f"name {number}", number, 10 + number)
    (here.pictures / "13.png").unlink()  # a pair that waits, as long as its link is not asked for again
    fetch(here)
    here.add("g9", "new", 9, 19)
    settings = here.settings()
    older = {"collect": Step(10, 20.0), "annotate": Step(10, 5.0), "dedup": Step(10, 1.0)}
    newer = {"collect": Step(0, 1.0), "annotate": Step(4, 6.0)}  # 1.5 s a pair; nothing was asked for
    for number, steps in enumerate((older, newer)):
        folder = generations.generation(here.generations, number)
        work = generations.begin(here.generations, [(f"{number:016x}", f"key{number}")], {}, Step(0, 0.0))
        work.whole.mkdir()
        (work.folder / generations.PAIRS).rename(work.whole / generations.PAIRS)
        generations.publish(here.generations, work)
        record = Record(number, 4, 2, 600, {}, {}, steps, deciding(settings) | {"dedup.distance": 5}, "", "")
        write_record(folder, record)
    new = find_new(Place(settings.store), generations.finished(here.generations))
    generations.begin(here.generations, [(new.links[0], new.pairs[0].key)], deciding(settings), Step(0, 0.0))
    planned = plan(settings)
    assert (planned.unfinished_pairs, planned.unfinished_annotated) == (1, 0)
    assert planned.unfinished.endswith("next")
    assert (planned.to_ask, planned.pairs, planned.at_most_more, planned.waiting) == (2, 2, 1, 1)
    # Two links at 2 s, and two pairs at 1.5 s and 0.1 s
    assert planned.seconds == {"collect": 4.0, "annotate": 3.0, "dedup": 0.2}
    assert (planned.seconds_a_pair, planned.bytes_a_pair, planned.bytes) == (1.6, 300, 600)
    assert planned.rates == "generation 000001" and planned.changed == ["dedup.distance was 5 and is 6 now"]
