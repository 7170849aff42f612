"""Making new slices: `python -m slice_api new polls --fields "question:str closes_at:datetime?"`.

What is written stands in `template/`, as the files of a slice with `$` before what differs from one to another.
"""
