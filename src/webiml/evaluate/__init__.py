"""How well does a localizer, or an annotator, find what was manipulated? One place, one meaning for each number."""
