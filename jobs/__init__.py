"""The jobs of mdstream: each builds its frames, names its sinks and starts its queries."""
