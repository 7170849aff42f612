"""Status pages: what people outside may know of some of the checks."""
