"""Datasets on disk: folder and shards behind one interface, atomic writes, journal, lock."""
