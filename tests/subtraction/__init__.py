"""Each slice taken away in turn: the rest must stand without it."""
