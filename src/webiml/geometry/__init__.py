"""Features, robust transforms, colours and maps that alignment and priors share."""
