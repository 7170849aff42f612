"""Statistics of visits: counted when they are noted, so that reading takes as long for a million."""
