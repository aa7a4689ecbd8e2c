"""Lets the tests of this room, and the processes that they start, import dataset_driver."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
