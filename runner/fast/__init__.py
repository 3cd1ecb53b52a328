"""The fast lane: small cases share a process and a run of the compiler; it can only let pass (docs/engine.md)."""
