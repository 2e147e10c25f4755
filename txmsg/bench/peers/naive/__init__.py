"""The clone that everybody writes first: a row and an RQ job for each mail."""
