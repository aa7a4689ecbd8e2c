"""Maps that roughly mark the forgery and need no training on forgeries."""
