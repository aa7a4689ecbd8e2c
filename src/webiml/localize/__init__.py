"""One picture in, where it was manipulated out: the localizer, large pictures, and whole folders."""
