"""Several pairs at once in one worker, so that a GPU gets their pictures in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from webiml.annotate.pair_files import annotate_pair_files
from webiml.nets import weights
from webiml.types import Finished, Pair


def annotate_many(pairs: Iterable[Pair], batch: int) -> Iterator[Finished]:
    """Annotate pairs in a worker process that has been started, `batch` of them at once.

    With 1 this is `annotate_pair_files` on one after the other, and nothing else. Above it, the networks run the
    pictures of several pairs together, and numbers may differ from those of 1 by rounding.

    Args:
        pairs: taken only as they are needed, at most twice `batch` ahead of what has been given back.
        batch: at least 1.
    Returns:
        What became of each pair, in their order. When the process dies, any of the `batch` pairs that it had at hand
        may be at fault, or one of `batch` behind them: the way to find it is to do them again with 1.
    """
    if batch == 1:
        yield from map(annotate_pair_files, pairs)
        return
    weights.use_batches(batch)  # stays so: one thread alone is served as without, and no network is opened twice
    ahead: deque[Future[Finished]] = deque()
    pool = ThreadPoolExecutor(batch, thread_name_prefix="pair")
    try:
        for pair in pairs:
            ahead.append(pool.submit(annotate_pair_files, pair))
            if len(ahead) == 2 * batch:  # enough that a slow pair at the head leaves no thread idle at once
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
