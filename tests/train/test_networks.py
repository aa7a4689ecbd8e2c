"""Networks of one's own by name: what is made is tried, and what is wrong is one sentence."""

import pytest
from torch import nn

from webiml.errors import SettingError
from webiml.train.networks import load_factory

MODULE = """
from torch import nn

def plain():
    return nn.Conv2d(3, 1, 3, padding=1)

def two_channels():
    return nn.Conv2d(3, 2, 1)

def smaller():
    return nn.Conv2d(3, 1, 2, stride=2)

def a_pair():
    class Pair(nn.Conv2d):
        def forward(self, x):
            return x, x
    return Pair(3, 1, 1)

def nothing():
    return None

number = 3
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "own_networks_of_a_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


def test_a_factory_makes_a_new_network_each_time():
    factory = load_factory("own_networks_of_a_test:plain")
    one, other = factory(), factory()
    assert isinstance(one, nn.Conv2d) and one is not other and one.training


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own_networks_of_a_test", r"must look like package\.module:factory"),
        (":plain", r"must look like package\.module:factory"),
        ("no_such_module:plain", r"cannot be imported .*PYTHONPATH"),
        ("own_networks_of_a_test:none", r"cannot be imported .*none"),
        (".own:plain", r"cannot be imported"),
        ("own_networks_of_a_test:number", "no function"),
    ],
)
def test_a_name_of_nothing_is_one_sentence(name, words):
    with pytest.raises(SettingError, match=words):
        load_factory(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two_channels", r"gives \(1, 2, 64, 128\)"),
        ("smaller", r"gives \(1, 1, 32, 64\)"),
        ("a_pair", "gives tuple"),
        ("nothing", "made a NoneType"),
    ],
)
def test_what_is_no_localizer_is_one_sentence(name, words):
    with pytest.raises(SettingError, match=words):
        load_factory(f"own_networks_of_a_test:{name}")()
