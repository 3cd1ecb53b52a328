"""The contract: the value types that every other room reads and writes, and nothing else.

Only the standard library and the one codec library (msgspec) may be imported here.
"""
