"""Benchmarks as they are downloaded: pictures with their true masks, wherever and however they lie."""
