"""Changes of flags that happen by themselves."""
