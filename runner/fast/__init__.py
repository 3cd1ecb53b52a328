"""The fast lane: small cases share a process and a run of the compiler (docs/engine.md)."""
