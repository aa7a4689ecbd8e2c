"""Networks: tensors in, tensors out, no state but their weights."""
