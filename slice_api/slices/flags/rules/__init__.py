"""Targeting rules: JsonLogic with the operators of flagd, compiled once, bounded in what they may cost."""
