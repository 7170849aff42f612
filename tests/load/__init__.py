"""Speed, as ratios measured side by side in one run: `make bench`; `make bench CASE=slices` for one case."""
