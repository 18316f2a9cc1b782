"""Where bytes live: a file a blob, under its digest."""
