"""Feature flags.

Flags with targeting rules in flagd's format, evaluated from memory for OpenFeature's remote protocol (OFREP), with
history, rollback, schedules, exposures and a playground that tells why.
"""
