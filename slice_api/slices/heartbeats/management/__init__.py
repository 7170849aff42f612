"""The management API as Healthchecks has it, in its versions 1 to 3: its clients work here by another address."""
