"""A build or a part told on paper: HTML and PDF. Owns the telling; every number comes from the store."""
