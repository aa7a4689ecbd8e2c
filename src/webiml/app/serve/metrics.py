"""Numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from webiml.app.serve.admission import Admission
from webiml.app.serve.results import Results
from webiml.app.serve.workers import Workers

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds


class Metrics:
    """What is counted, in a registry of its own: two services in one process do not mix."""

    def __init__(self, admission: Admission, workers: Workers, results: Results) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "webiml_requests", "Requests that were answered", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "webiml_request_seconds",
            "Time that pictures took, from a request's first line to its answer's end",
            ["route"],
            registry=self.registry,
            buckets=BUCKETS,
        )
        self.body_bytes = Counter("webiml_body_bytes", "Bytes of bodies that came in", registry=self.registry)
        self.registry.register(_Now(admission, workers, results))

    def text(self) -> bytes:
        """All numbers in Prometheus' text format."""
        return generate_latest(self.registry)


class _Now(Collector):
    """How things stand at the moment somebody asks."""

    def __init__(self, admission: Admission, workers: Workers, results: Results) -> None:
        self._admission, self._workers, self._results = admission, workers, results

    def collect(self) -> Iterator[Metric]:
        """The numbers; called by the registry."""
        for name, words, value in (
            ("webiml_requests_inside", "Requests that are read, wait or run", self._admission.inside),
            ("webiml_requests_running", "Requests that a process works on", self._workers.running),
            ("webiml_workers_ready", "Processes that are ready to work", self._workers.ready),
            ("webiml_held_body_bytes", "Memory that bodies take now", self._admission.bytes),
            ("webiml_held_result_bytes", "Memory that maps behind links take now", self._results.bytes),
        ):
            yield GaugeMetricFamily(name, words, value=value)
        ended = CounterMetricFamily("webiml_workers_ended", "Processes that were replaced", labels=["reason"])
        for reason, count in self._workers.kills.items():
            ended.add_metric([reason], count)
        yield ended
