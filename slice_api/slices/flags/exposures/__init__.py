"""What evaluations gave: counted in memory, written a moment later, read by the hour and by the day."""
