"""The same function over many items, in order; the runners know steps only by calling them."""
