"""The model folder of the accurate model of emoscope, in `model/`; it is loaded by its name, "accurate"."""
